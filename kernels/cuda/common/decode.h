// SPDX-License-Identifier: Apache-2.0
// Eight neighbouring weights of an unpacked row as f32, exactly. Columns are a multiple of 8 then.
#pragma once

#include "kernels/cuda/common/cuda.h"
#include "kernels/cuda/common/ptx.h"
#include "tensor/dtype.h"
#include "tensor/quant_blocks.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

__device__ inline float f16_low(uint32_t word) { return unpack_f16(uint16_t(word)); }
__device__ inline float f16_high(uint32_t word) { return unpack_f16(uint16_t(word >> 16)); }

// Blocks of GGUF lie at multiples of two bytes only.
__device__ inline uint32_t load_pair(const void* p) { return *static_cast<const uint16_t*>(p); }

template <DType Type>
__device__ inline void decode8(const std::byte* row, int64_t column, float (&w)[8]) {
  if constexpr (Type == DType::kF32) {
    for (int h = 0; h < 2; ++h) {
      const Vec16 v = load16_streamed(row + (column + 4 * h) * 4);
      for (int i = 0; i < 4; ++i) w[4 * h + i] = __uint_as_float(v.words[i]);
    }
  } else if constexpr (Type == DType::kBF16 || Type == DType::kF16) {
    const Vec16 v = load16_streamed(row + column * 2);
    for (int i = 0; i < 4; ++i) {
      const bool bf16 = Type == DType::kBF16;
      w[2 * i] = bf16 ? bf16_low(v.words[i]) : f16_low(v.words[i]);
      w[2 * i + 1] = bf16 ? bf16_high(v.words[i]) : f16_high(v.words[i]);
    }
  } else if constexpr (Type == DType::kF8E4M3) {
    const Vec8 v = load8(row + column);
    for (int i = 0; i < 4; ++i) {
      const uint32_t pair = e4m3_to_f16(uint16_t(v.words[i / 2] >> 16 * (i % 2)));
      w[2 * i] = f16_low(pair);
      w[2 * i + 1] = f16_high(pair);
    }
  } else if constexpr (Type == DType::kQ8_0) {
    const std::byte* const block = row + column / 32 * sizeof(BlockQ8_0);
    const float scale = unpack_f16(uint16_t(load_pair(block)));
    for (int i = 0; i < 4; ++i) {
      const uint32_t pair = load_pair(block + 2 + column % 32 + 2 * i);
      w[2 * i] = scale * float(int8_t(pair));
      w[2 * i + 1] = scale * float(int8_t(pair >> 8));
    }
  } else {
    static_assert(Type == DType::kQ4_0);
    const std::byte* const block = row + column / 32 * sizeof(BlockQ4_0);
    const float scale = unpack_f16(uint16_t(load_pair(block)));
    // Elements 0 to 15 are the low halves of the bytes, 16 to 31 the high ones.
    const int shift = column % 32 >= 16 ? 4 : 0;
    for (int i = 0; i < 4; ++i) {
      const uint32_t pair = load_pair(block + 2 + column % 16 + 2 * i) >> shift;
      w[2 * i] = scale * float(int(pair & 15) - 8);
      w[2 * i + 1] = scale * float(int(pair >> 8 & 15) - 8);
    }
  }
}

// One weight, for rows that are not whole eights.
template <DType Type>
__device__ inline float decode1(const std::byte* row, int64_t column) {
  if constexpr (Type == DType::kF32) {
    return reinterpret_cast<const float*>(row)[column];
  } else if constexpr (Type == DType::kBF16) {
    return bf16_low(reinterpret_cast<const uint16_t*>(row)[column]);
  } else if constexpr (Type == DType::kF16) {
    return f16_low(reinterpret_cast<const uint16_t*>(row)[column]);
  } else {
    static_assert(Type == DType::kF8E4M3);  // rows of blocks are whole eights
    return f16_low(e4m3_to_f16(uint8_t(row[column])));
  }
}
template <DType Type>
inline constexpr bool kInBlocks = Type == DType::kQ8_0 || Type == DType::kQ4_0;

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
