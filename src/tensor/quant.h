// SPDX-License-Identifier: Apache-2.0
// Decoding rows of any floating-point type, plain or quantised, to f32: the meaning of the bytes.
//
// The result is bit-exact against the `gguf` Python package: the same products and sums in the same
// order, each rounded to f32. (Kernels may fuse and reorder; this is what they are held against.)
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace llmos {

// Whether dequantize_row() reads the type: all but the integers and F64.
bool is_dequantizable(DType dtype) noexcept;

// Writes `elements` values to `out`. Any bytes are valid input; scales that are infinite or NaN
// give such values. Alignment does not matter. Preconditions: is_dequantizable(dtype), and
// `elements` is a whole number of blocks. Threads: any; no state.
void dequantize_row(DType dtype, const std::byte* row, float* out, uint64_t elements) noexcept;

}  // namespace llmos
