// SPDX-License-Identifier: Apache-2.0
// Blocks of the cache from place to place, and arrays from type to type. Bound: bytes.
#pragma once

#include "kernels/cuda/common/decode.h"
#include "kernels/cuda/common/elements.h"
#include "kernels/cuda/common/ops.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kCopyThreads = 256;
// A thread moves four times 16 bytes, all loads before the stores.
inline constexpr int kCopyEach = 4;
inline constexpr int64_t kCopyBytes = int64_t{16} * kCopyThreads * kCopyEach;

// grid: pieces of a block, pairs.
__global__ void __launch_bounds__(kCopyThreads) copy_pairs(BlockCopyParams p) {
  const int64_t pair = blockIdx.y, bytes = int64_t(p.block_bytes);
  const std::byte* const from = p.from + p.pairs[2 * pair] * bytes;
  std::byte* const to = p.to + p.pairs[2 * pair + 1] * bytes;
  const int64_t first = int64_t(blockIdx.x) * kCopyBytes + int64_t(threadIdx.x) * 16;
  Vec16 kept[kCopyEach];
  LLMOS_UNROLL
  for (int i = 0; i < kCopyEach; ++i) {
    const int64_t at = first + int64_t{i} * kCopyThreads * 16;
    if (at < bytes) kept[i] = load16_streamed(from + at);
  }
  LLMOS_UNROLL
  for (int i = 0; i < kCopyEach; ++i) {
    const int64_t at = first + int64_t{i} * kCopyThreads * 16;
    if (at < bytes) store16(to + at, kept[i]);
  }
}

template <DType To, DType From>
__global__ void __launch_bounds__(kCopyThreads) cast_elements(CastParams p) {
  for (int64_t i = int64_t(blockIdx.x) * kCopyThreads + threadIdx.x; i < p.count;
       i += int64_t(gridDim.x) * kCopyThreads) {
    put_element<To>(p.out, i, decode1<From>(p.in, i));
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
