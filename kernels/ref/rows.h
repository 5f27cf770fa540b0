// SPDX-License-Identifier: Apache-2.0
// Rows of tensors and of the cache, as f32.
#pragma once

#include <cstddef>
#include <span>

#include "tensor/dtype.h"

namespace llmos::kernels::ref {

void read_row(DType dtype, const std::byte* row, std::span<float> out);
// To F32, F16, BF16 or Q8_0, rounding to nearest.
void write_row(DType dtype, std::span<const float> in, std::byte* row);

}  // namespace llmos::kernels::ref
