// SPDX-License-Identifier: Apache-2.0
// Reads the header of a safetensors file: the names, types and places of its tensors.
//
//   u64 bytes of the header · the header, a JSON object · the tensors' bytes, without gaps
//   {"__metadata__": {"format": "pt"},
//    "lm_head.weight": {"dtype": "BF16", "shape": [32000, 4096], "data_offsets": [0, 262144000]}}
//
// Types: F32, F16, BF16, F8_E4M3, F64, I8, I16, I32, I64, U8, and BOOL, which is read as U8 (old
// files keep attention masks that nothing uses). A file with tensors of another type is refused.
// As in the format's own reader, tensors must cover the data exactly: no gap, no overlap, no rest.
#pragma once

#include <cstdint>
#include <vector>

#include "format/tensor_info.h"
#include "format/weight_file.h"
#include "llmos/status.h"

namespace llmos {

// The format's own reader allows 100 MB. 200 bytes a tensor make this 300 K tensors in one file.
inline constexpr uint64_t kSafetensorsHeaderBytesMax = uint64_t{64} << 20;

// The tensors in the order of their bytes; `file` is 0.
// Failure: kCorrupt, kUnsupported ("unsupported type C64 in tensor x"), kExhausted beyond a limit
// or out of memory; messages begin with the file's name.
Result<std::vector<TensorInfo>> read_safetensors(const WeightFile& file);

}  // namespace llmos
