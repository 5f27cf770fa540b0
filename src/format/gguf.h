// SPDX-License-Identifier: Apache-2.0
// Reads the header of a GGUF file: its metadata, and the names and places of its tensors.
//
//   magic "GGUF" · u32 version · u64 tensors · u64 keys
//   keys:    string key · u32 type · value           string: u64 bytes, then the bytes
//   tensors: string name · u32 dimensions · u64 sizes, innermost first · u32 type · u64 offset
//   padding to general.alignment · the tensors' bytes, each at a multiple of the alignment
//
// What is refused, beyond a header that contradicts itself or the file's size: version 1 (no tool
// has written it since August 2023), big-endian files, arrays within arrays (no reader of models
// uses them), keys or tensor names that occur twice, tensors without elements, and tensors that
// share bytes: no writer makes them, and sizes and conversions would count those bytes twice. Gaps
// between tensors, and tensors in another order than their bytes, are accepted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "format/gguf_metadata.h"
#include "format/tensor_info.h"
#include "format/weight_file.h"
#include "llmos/status.h"

namespace llmos {

inline constexpr uint64_t kGgufAlignment = 32;  // without the key general.alignment
// A huge page: nothing could want more, and a writer's padding stays small.
inline constexpr uint64_t kGgufAlignmentMax = uint64_t{2} << 20;

// What a header may cost, whatever the file's size. A count is also checked against the bytes that
// are left before anything is reserved for it.
struct GgufLimits {
  // Metadata and tensor list. The largest of 2026, vocabularies of 262 K words with merges, have
  // 16 MB.
  uint64_t header_bytes_max = uint64_t{256} << 20;
  uint64_t keys_max = uint64_t{1} << 16;     // real files have under 100
  uint64_t tensors_max = uint64_t{1} << 20;  // unstacked experts: 91 K, the most known
  uint64_t name_bytes_max = (1 << 16) - 1;   // of a key or tensor; the format's own limit for keys
};

struct GgufHeader {
  uint32_t version = 0;
  uint64_t alignment = kGgufAlignment;
  GgufMetadata metadata;
  std::vector<TensorInfo> tensors;  // in the order of the file; `file` is 0
};

// Failure: kCorrupt, kUnsupported, kExhausted beyond a limit or out of memory; messages begin with
// the file's name and say what was being read, at which byte.
Result<GgufHeader> read_gguf(const WeightFile& file, const GgufLimits& limits = {});

}  // namespace llmos
