// SPDX-License-Identifier: Apache-2.0
// RMSNorm and LayerNorm. Bound: bytes, one read and one write of the row. A block holds a row in
// registers between the sum and the result, so that it is read once; 16-byte loads where rows are
// aligned. The residual that a model adds before a norm is added by the product before it
// (MatmulParams::accumulate), the form that the next product reads is written here (cells).
#pragma once

#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/ptx.h"
#include "kernels/cuda/common/reduce.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

// Of 256 threads with 4 columns each, 4 times: rows of up to 4,096 stay in registers. Twice as many
// spill.
inline constexpr int kNormKept = 4;

template <int Threads, bool Wide>
__global__ void __launch_bounds__(Threads) norm_rows(NormParams p) {
  constexpr int kEach = Wide ? 4 : 1;
  LLMOS_SHARED(float, mean_scratch, Threads / kWarp);
  LLMOS_SHARED(float, square_scratch, Threads / kWarp);
  const int64_t r = blockIdx.x;
  const float* const in = p.in + r * p.in_stride;
  const int64_t first = int64_t(threadIdx.x) * kEach, step = Threads * kEach;
  float kept[kNormKept * kEach];
  const auto read = [&](int64_t c, float* to) {
    if (Wide) {
      const Vec16 v = load16(in + c);
      for (int i = 0; i < kEach; ++i) to[i] = __uint_as_float(v.words[i]);
    } else {
      to[0] = in[c];
    }
  };
  // Calls work(column, values) for this thread's columns: from registers, the rest from memory.
  const auto each = [&](auto work) {
    LLMOS_UNROLL
    for (int k = 0; k < kNormKept; ++k) {
      const int64_t c = first + k * step;
      if (c < p.columns) work(c, kept + k * kEach);
    }
    for (int64_t c = first + kNormKept * step; c < p.columns; c += step) {
      float values[kEach];
      read(c, values);
      work(c, values);
    }
  };
  LLMOS_UNROLL
  for (int k = 0; k < kNormKept; ++k) {
    if (first + k * step < p.columns) read(first + k * step, kept + k * kEach);
  }
  float mean = 0;
  if (p.kind == NormKind::kLayer) {
    each([&](int64_t, const float* x) {
      for (int i = 0; i < kEach; ++i) mean += x[i];
    });
    mean = block_sum<Threads>(mean, mean_scratch) / float(p.columns);
  }
  float squares = 0;
  each([&](int64_t, const float* x) {
    for (int i = 0; i < kEach; ++i) squares += (x[i] - mean) * (x[i] - mean);
  });
  squares = block_sum<Threads>(squares, square_scratch);
  const float scale = 1 / sqrtf(squares / float(p.columns) + p.epsilon);
  float* const out = p.out ? p.out + r * p.out_stride : nullptr;
  uint32_t* const cells =
      p.cells ? reinterpret_cast<uint32_t*>(p.cells + size_t(r) * quantized_row_bytes(p.columns))
              : nullptr;
  each([&](int64_t c, const float* x) {
    Vec16 v;
    float y[4];
    for (int i = 0; i < kEach; ++i) {
      y[i] =
          (x[i] - mean) * scale * (p.weight ? p.weight[c + i] : 1) + (p.bias ? p.bias[c + i] : 0);
      v.words[i] = __float_as_uint(y[i]);
    }
    if (Wide) {
      if (out) store16(out + c, v);
      if (cells) cells[c / 2] = pack_bf16(y[0], y[1]), cells[c / 2 + 1] = pack_bf16(y[2], y[3]);
      return;
    }
    if (out) out[c] = y[0];
    if (cells) reinterpret_cast<uint16_t*>(cells)[c] = uint16_t(pack_bf16(y[0], 0));
  });
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
