// SPDX-License-Identifier: Apache-2.0
// Quantises GGUF files: streaming and in parallel.
//
//   QuantiseJob job{.dtype = DType::kQ4_K};
//   Result<QuantiseResult> result = quantise_gguf("model-f16.gguf", "model-q4.gguf", job);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llmos/extend.h"
#include "llmos/status.h"
#include "tensor/dtype.h"

namespace llmos {

struct QuantiseJob {
  // Q8_0, Q4_0, Q4_K, Q5_K, Q6_K, IQ4_NL or MXFP4: what large matrices get (quantise_rules.h).
  DType dtype = DType::kQ8_0;
  int threads = 0;          // 0: one per CPU
  bool requantise = false;  // accept matrices that are quantised already, in another type
  LoadProgress* progress = nullptr;
};

struct QuantiseResult {
  struct TypeUse {
    DType dtype = DType::kF32;
    uint32_t tensors = 0;
    uint64_t elements = 0;
    uint64_t bytes = 0;
  };
  uint64_t bytes_in = 0;       // of all tensors
  uint64_t bytes_out = 0;      // of all tensors
  std::vector<TypeUse> types;  // of the new file, the largest first
  // Matrices that got another type than asked for, by reason:
  // "output.weight: Q6_K: it makes the logits",
  // "blk.0.attn_q.weight and 47 more: Q5_0: rows of 576 are no whole blocks of Q4_K (256)".
  std::vector<std::string> notes;
};

// Writes a quantised copy of the GGUF file `from` (of a split model the first file) to `to`, one
// file. The metadata are copied, but for general.file_type and general.quantization_version, and
// without the keys of a split. Tensors keep their order.
//
// Memory   A window of 4 M elements, encoded, and a fraction of it per thread, whatever the model.
// File     `to` appears when it is whole; until then a temporary file beside it, which a failure
//          removes. An old file is replaced; `from` itself is refused (kInvalid).
// Threads  Works on `threads` of its own; the progress is called from the calling thread only.
// Failure  kUnsupported: a type that it does not make, a Hugging Face directory, or a matrix that
//          is quantised already. kCorrupt: a matrix with NaN or infinity. kCancelled by the
//          progress. Besides, what reading and writing files can meet.
Result<QuantiseResult> quantise_gguf(const std::string& from, const std::string& to,
                                     const QuantiseJob& job);

}  // namespace llmos
