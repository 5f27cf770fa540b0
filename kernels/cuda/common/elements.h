// SPDX-License-Identifier: Apache-2.0
// Single elements of the plain types, written.
#pragma once

#include "kernels/cuda/common/cuda.h"
#include "kernels/cuda/common/ptx.h"
#include "tensor/dtype.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

// Element i of a row becomes x, rounded to nearest; F8E4M3 saturates at 448.
template <DType Type>
__device__ inline void put_element(std::byte* row, int64_t i, float x) {
  if constexpr (Type == DType::kF32) {
    reinterpret_cast<float*>(row)[i] = x;
  } else if constexpr (Type == DType::kF16) {
    reinterpret_cast<uint16_t*>(row)[i] = uint16_t(pack_f16(x, 0));
  } else if constexpr (Type == DType::kBF16) {
    reinterpret_cast<uint16_t*>(row)[i] = uint16_t(pack_bf16(x, 0));
  } else {
    static_assert(Type == DType::kF8E4M3);
    row[i] = std::byte(pack_e4m3(x));
  }
}
template <DType Type>
inline constexpr int64_t kElementBytes = Type == DType::kF32      ? 4
                                         : Type == DType::kF8E4M3 ? 1
                                                                  : 2;

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
