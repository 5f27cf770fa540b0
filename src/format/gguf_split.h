// SPDX-License-Identifier: Apache-2.0
// A model in GGUF files: one, or a split one, whose files are named "...-00001-of-00003.gguf".
//
// The first file of a split has the model's metadata; every file has the keys split.no (from 0),
// split.count and split.tensors.count, and a part of the tensors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/gguf.h"

namespace llmos {

// Of a split; the largest published have 160. Every file stays mapped.
inline constexpr int64_t kGgufFilesMax = 1024;

struct GgufModel {
  std::vector<WeightFile> files;
  GgufMetadata metadata;            // of the first file
  std::vector<TensorInfo> tensors;  // of all files, in their order
};

// Opens the file and, if it is the first of a split, the others beside it.
// Failure: as read_gguf(); kInvalid for another file of a split, saying which to open; kNotFound
// for a missing one; kCorrupt when the files do not belong together.
Result<GgufModel> open_gguf(const WeightDirectory& directory, const std::string& name);

// "model-00002-of-00003.gguf" of ("model-00001-of-00003.gguf", 1, 3); empty when `name` does not
// end as file 1 to `count` of a split does. `index` counts from 0.
std::string gguf_split_name(const std::string& name, int64_t index, int64_t count);

}  // namespace llmos
