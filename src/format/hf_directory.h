// SPDX-License-Identifier: Apache-2.0
// A model as Hugging Face publishes it: a directory with config.json and safetensors files.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "format/tensor_info.h"
#include "format/weight_file.h"
#include "llmos/status.h"

namespace llmos {

// Of one model. The largest published have 200 shards; every shard stays mapped.
inline constexpr size_t kShardsMax = 1024;
// Of config.json and the like; real ones have under 100 KB.
inline constexpr size_t kConfigBytesMax = size_t{16} << 20;

struct HfModel {
  Json config;             // an object
  Json generation_config;  // an object, or null where there is none
  std::vector<WeightFile> files;
  std::vector<TensorInfo> tensors;  // of all files, in their order
};

// Reads config.json, generation_config.json, and the tensors of model.safetensors or of the shards
// that model.safetensors.index.json names. A shard's name may not lead out of the directory.
//
// Failure: as read_safetensors() and parse_json(), with the file's name; kNotFound when there is no
// config.json or no weights; kUnsupported for weights in pickle files; kCorrupt when a tensor is
// not in the shard that the index says.
Result<HfModel> open_hf_directory(const WeightDirectory& directory);

// A file of the directory as a JSON object.
Result<Json> read_json_object(const WeightDirectory& directory, const std::string& name,
                              const JsonLimits& limits);

}  // namespace llmos
