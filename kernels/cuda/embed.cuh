// SPDX-License-Identifier: Apache-2.0
// The rows of a table. Bound: bytes; a block a token, eight elements a thread at a time.
#pragma once

#include "kernels/cuda/common/decode.h"
#include "kernels/cuda/common/ops.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kEmbedThreads = 128;

template <DType Type>
__global__ void __launch_bounds__(kEmbedThreads) embed_rows(EmbedParams p) {
  const int64_t t = blockIdx.x, columns = p.table.columns;
  const std::byte* const row = p.table.data + size_t(p.ids[t]) * p.table.row_bytes;
  float* const out = p.out + t * columns;
  const auto put = [&](int64_t c, float w) {
    out[c] = p.accumulate ? fmaf(p.scale, w, out[c]) : p.scale * w;
  };
  if (kInBlocks<Type> || (reinterpret_cast<uintptr_t>(row) % 16 == 0 && columns % 8 == 0)) {
    for (int64_t c = int64_t(threadIdx.x) * 8; c < columns; c += kEmbedThreads * 8) {
      float w[8];
      decode8<Type>(row, c, w);
      for (int i = 0; i < 8; ++i) put(c + i, w[i]);
    }
  } else if constexpr (!kInBlocks<Type>) {
    for (int64_t c = threadIdx.x; c < columns; c += kEmbedThreads) put(c, decode1<Type>(row, c));
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
