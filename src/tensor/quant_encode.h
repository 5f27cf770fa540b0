// SPDX-License-Identifier: Apache-2.0
// Encoding rows of f32 into quantised blocks: the other direction of quant.h.
//
// A block's scales are searched, not taken from its extremes: several grids are laid over the
// values, each is fitted to its own rounding by least squares, the best one is refined until its
// rounding stays, and only then are scales rounded to what the block stores, neighbours compared.
// What is minimised is the sum of importance * (value - decoded value)^2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace llmos {

// Whether quantize_row() writes the type: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K,
// Q6_K, IQ4_NL, MXFP4.
bool is_quantizable(DType dtype) noexcept;

// Writes row_bytes(dtype, elements) bytes to `out`.
//
//   x           finite. Infinity and NaN are for the caller to refuse (all_finite()); here they
//               make their own block meaningless and harm nothing else. F32, F16 and BF16 keep
//               them.
//   importance  per element, >= 0, or null for equal ones; only ratios within a block count. A
//               block whose importances are all zero, or not finite, counts as equal ones.
//
// Values that no scale of the type can reach are clamped to the largest that one can; a block too
// small for any scale becomes zero. Zeros are exact except under a minimum (Q4_1, Q5_1, Q4_K,
// Q5_K). Deterministic: a block's bytes depend on its own values alone. Preconditions:
// is_quantizable(dtype), and `elements` is a whole number of blocks. Threads: any; no state.
void quantize_row(DType dtype, const float* x, const float* importance, std::byte* out,
                  uint64_t elements) noexcept;

// No infinity and no NaN among them.
bool all_finite(const float* x, uint64_t elements) noexcept;

}  // namespace llmos
