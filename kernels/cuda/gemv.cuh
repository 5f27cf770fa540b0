// SPDX-License-Identifier: Apache-2.0
// out = x * weight^T for up to eight tokens at a time, with unpacked weights and f32 sums. Bound:
// the bytes of the weights, read once for eight tokens. A warp takes whole rows, each lane 16 bytes
// (8 weights) at a time, several rows and steps in flight; activations come from the caches.
//
// Exact: a row's sum is over lanes' sums in a fixed order, whatever the tokens, the rows of a warp
// or the alignment.
#pragma once

#include "kernels/cuda/common/decode.h"
#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/reduce.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kGemvThreads = 256;
inline constexpr int kGemvTokens = 8;
inline constexpr int kGemvStep = 8 * kWarp;  // columns of a warp at a time

// One product of one matrix, or of a slot's.
struct GemvTask {
  const std::byte* weight;
  const float* in;
  float* out;
  const float* bias;
  int64_t tokens;
};

template <DType Type, int Rows, int Tokens, bool Wide>
__device__ inline void gemv_warp(const GemvTask& task, const MatmulParams& p, int64_t first_row) {
  const int lane = int(threadIdx.x) % kWarp;
  const int64_t columns = p.weight.columns;
  float sums[Rows][Tokens] = {};
  for (int64_t step = 0; step < columns; step += kGemvStep) {
    const int64_t c = step + lane * 8;
    float w[Rows][8] = {};
    LLMOS_UNROLL
    for (int r = 0; r < Rows; ++r) {
      const int64_t row = least(first_row + r, p.weight.rows - 1);
      const std::byte* const at = task.weight + size_t(row) * p.weight.row_bytes;
      if constexpr (Wide) {
        if (c < columns) decode8<Type>(at, c, w[r]);
      } else {
        for (int i = 0; i < 8; ++i) {
          if (c + i < columns) w[r][i] = decode1<Type>(at, c + i);
        }
      }
    }
    LLMOS_UNROLL
    for (int t = 0; t < Tokens; ++t) {
      const float* const x = task.in + least(t, task.tokens - 1) * p.in_stride;
      float values[8] = {};
      if (Wide && c < columns) {
        for (int h = 0; h < 2; ++h) {
          const Vec16 v = load16(x + c + 4 * h);
          for (int i = 0; i < 4; ++i) values[4 * h + i] = __uint_as_float(v.words[i]);
        }
      } else if (!Wide) {
        for (int i = 0; i < 8; ++i) {
          if (c + i < columns) values[i] = x[c + i];
        }
      }
      LLMOS_UNROLL
      for (int r = 0; r < Rows; ++r) {
        for (int i = 0; i < 8; ++i) sums[r][t] = fmaf(w[r][i], values[i], sums[r][t]);
      }
    }
  }
  LLMOS_UNROLL
  for (int r = 0; r < Rows; ++r) {
    const int64_t row = first_row + r;
    LLMOS_UNROLL
    for (int t = 0; t < Tokens; ++t) {
      const float sum = warp_sum(sums[r][t]);
      if (lane != 0 || row >= p.weight.rows || t >= task.tokens) continue;
      float& out = task.out[t * p.out_stride + row];
      out = (p.accumulate ? out : 0) + p.scale * (sum + (task.bias ? task.bias[row] : 0));
    }
  }
}

template <DType Type, int Rows, int Tokens, bool Wide>
__global__ void __launch_bounds__(kGemvThreads) gemv_rows(MatmulParams p) {
  const int64_t first = int64_t(blockIdx.y) * kGemvTokens;
  const GemvTask task{p.weight.data, p.in + first * p.in_stride, p.out + first * p.out_stride,
                      p.bias, least(kGemvTokens, p.tokens - first)};
  const int64_t warp = int64_t(blockIdx.x) * (kGemvThreads / kWarp) + threadIdx.x / kWarp;
  if (warp * Rows >= p.weight.rows) return;
  gemv_warp<Type, Rows, Tokens, Wide>(task, p, warp * Rows);
}

// A slot of a mixture of experts: one token with its own matrix.
template <DType Type, bool Wide>
__global__ void __launch_bounds__(kGemvThreads) gemv_slots(ExpertMatmulParams p) {
  const int64_t slot = blockIdx.y;
  const int64_t expert = p.experts[slot];
  const MatmulParams shape{
      .out_stride = p.weight.rows, .in_stride = p.weight.columns, .weight = p.weight, .tokens = 1};
  const GemvTask task{p.weight.data + size_t(expert) * p.weight.matrix_bytes,
                      p.in + slot / p.slots_per_input * p.weight.columns,
                      p.out + slot * p.weight.rows,
                      p.bias ? p.bias + expert * p.weight.rows : nullptr, 1};
  const int64_t row = int64_t(blockIdx.x) * (kGemvThreads / kWarp) + threadIdx.x / kWarp;
  if (row >= p.weight.rows) return;
  gemv_warp<Type, 1, 1, Wide>(task, shape, row);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
