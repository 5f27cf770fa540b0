// SPDX-License-Identifier: Apache-2.0
// The operations on single elements. Bound: bytes. A thread takes four neighbours, so that a warp
// reads 512 bytes at once; rows are the grid's second dimension, and a row index is never divided
// out of an element's.
#pragma once

#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/ptx.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kPointThreads = 256;
inline constexpr int kPointEach = 4;

__device__ inline float sigmoid(float x) { return 1 / (1 + expf(-x)); }

__device__ inline float activated(Activation activation, float g, float u, float limit) {
  constexpr float kGeluScale = 0.79788456080286535588f;  // sqrt(2 / pi)
  switch (activation) {
    case Activation::kSilu:
      return g * sigmoid(g) * u;
    case Activation::kGelu:
      return 0.5f * g * (1 + erff(g * 0.70710678118654752440f)) * u;
    case Activation::kGeluTanh:
      return 0.5f * g * (1 + tanhf(kGeluScale * (g + 0.044715f * g * g * g))) * u;
    case Activation::kRelu:
      return fmaxf(g, 0.0f) * u;
    case Activation::kClampedSwiglu:
      break;
  }
  g = fminf(g, limit);
  return g * sigmoid(1.702f * g) * (fminf(fmaxf(u, -limit), limit) + 1);
}

// This thread's columns: the first, and how many of kPointEach are in the row.
struct Columns {
  int64_t first;
  int count;
};
__device__ inline Columns my_columns(int64_t columns) {
  const int64_t first = (int64_t(blockIdx.x) * kPointThreads + threadIdx.x) * kPointEach;
  return {first, int(most(0, least(kPointEach, columns - first)))};
}

// Whether four floats at `p` are one load: the same for all threads of a row.
__device__ inline bool is_wide(const float* p, int64_t columns) {
  return reinterpret_cast<uintptr_t>(p) % 16 == 0 && columns % kPointEach == 0;
}
__device__ inline void read_columns(const float* row, int64_t columns, Columns at, float (&to)[4]) {
  if (at.count == 0) return;
  if (is_wide(row, columns)) {
    const Vec16 v = load16(row + at.first);
    for (int i = 0; i < 4; ++i) to[i] = __uint_as_float(v.words[i]);
  } else {
    for (int i = 0; i < at.count; ++i) to[i] = row[at.first + i];
  }
}
__device__ inline void write_columns(float* row, int64_t columns, Columns at, const float (&y)[4]) {
  if (at.count == 0) return;
  if (is_wide(row, columns)) {
    Vec16 v;
    for (int i = 0; i < 4; ++i) v.words[i] = __float_as_uint(y[i]);
    store16(row + at.first, v);
  } else {
    for (int i = 0; i < at.count; ++i) row[at.first + i] = y[i];
  }
}
// Columns of cells are a multiple of 32.
__device__ inline void write_cells(std::byte* cells, int64_t row, int64_t columns, Columns at,
                                   const float (&y)[4]) {
  if (at.count == 0) return;
  auto* const to = reinterpret_cast<uint32_t*>(cells + size_t(row) * quantized_row_bytes(columns));
  to[at.first / 2] = pack_bf16(y[0], y[1]);
  to[at.first / 2 + 1] = pack_bf16(y[2], y[3]);
}

__global__ void __launch_bounds__(kPointThreads) activate_rows(ActivateParams p) {
  const int64_t r = blockIdx.y;
  const Columns at = my_columns(p.columns);
  float g[4] = {}, u[4] = {1, 1, 1, 1}, y[4] = {};
  read_columns(p.gate + r * p.gate_stride, p.columns, at, g);
  if (p.up) read_columns(p.up + r * p.up_stride, p.columns, at, u);
  for (int i = 0; i < 4; ++i) y[i] = activated(p.activation, g[i], u[i], p.limit);
  if (p.out) write_columns(p.out + r * p.out_stride, p.columns, at, y);
  if (p.cells) write_cells(p.cells, r, p.columns, at, y);
}

__global__ void __launch_bounds__(kPointThreads) quantize_rows(QuantizeParams p) {
  const int64_t r = blockIdx.y;
  const Columns at = my_columns(p.columns);
  float x[4] = {};
  read_columns(p.in + r * p.in_stride, p.columns, at, x);
  write_cells(p.out, r, p.columns, at, x);
}

__global__ void __launch_bounds__(kPointThreads) add_rows(AddParams p) {
  const int64_t r = blockIdx.y;
  const Columns at = my_columns(p.columns);
  const float gate = p.scale * (p.gates ? sigmoid(p.gates[r]) : 1);
  float x[4] = {}, y[4] = {};
  read_columns(p.in + r * p.in_stride, p.columns, at, x);
  read_columns(p.out + r * p.out_stride, p.columns, at, y);
  for (int i = 0; i < 4; ++i) y[i] = fmaf(gate, x[i], y[i]);
  write_columns(p.out + r * p.out_stride, p.columns, at, y);
}

__global__ void __launch_bounds__(kPointThreads) gather_rows(GatherParams p) {
  const int64_t r = blockIdx.y;
  const Columns at = my_columns(p.columns);
  float x[4] = {};
  read_columns(p.in + p.index[r] * p.columns, p.columns, at, x);
  write_columns(p.out + r * p.columns, p.columns, at, x);
}

__global__ void __launch_bounds__(kPointThreads) cap_rows(CapParams p) {
  const Columns at = my_columns(p.columns);
  float* const row = p.x + int64_t(blockIdx.y) * p.columns;
  float x[4] = {};
  read_columns(row, p.columns, at, x);
  for (float& v : x) {
    v *= p.scale;
    if (p.softcap != 0) v = p.softcap * tanhf(v / p.softcap);
  }
  write_columns(row, p.columns, at, x);
}

__global__ void __launch_bounds__(kPointThreads) combine_rows(CombineParams p) {
  const int64_t t = blockIdx.y;
  const Columns at = my_columns(p.columns);
  float sum[4] = {};
  for (int64_t k = 0; k < p.chosen; ++k) {
    float x[4] = {};
    read_columns(p.in + (t * p.chosen + k) * p.columns, p.columns, at, x);
    const float weight = p.weights[t * p.chosen + k];
    for (int i = 0; i < 4; ++i) sum[i] = fmaf(weight, x[i], sum[i]);
  }
  float y[4] = {};
  read_columns(p.out + t * p.out_stride, p.columns, at, y);
  for (int i = 0; i < 4; ++i) y[i] = fmaf(p.scale, sum[i], y[i]);
  write_columns(p.out + t * p.out_stride, p.columns, at, y);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
