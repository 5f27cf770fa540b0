// SPDX-License-Identifier: Apache-2.0
// Rotation, and keys and values into the paged cache. Bound: bytes. A warp takes one head of one
// token; its lanes take neighbouring pairs, so that both halves of the pairs are read and written
// in runs. Keys are rotated and stored in one launch.
#pragma once

#include "kernels/cuda/common/elements.h"
#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/ptx.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kRopeThreads = 128;  // four heads

struct Rotation {
  float cosine, sine;
};

__device__ inline Rotation rotation(const RopeParams& p, int64_t t, int64_t pair) {
  const int64_t set = p.frequency_set ? p.frequency_set[t] : 0;
  const float angle = float(p.positions[t]) * p.inverse_frequency[set * (p.rotary / 2) + pair];
  // In units of pi, the whole turns taken away in f64: exact for large angles too, and without the
  // local memory that sincosf keeps for them.
  constexpr double kPerPi = 0.31830988618379067154;
  const double turns = double(angle) * kPerPi;
  Rotation r;
  sincospif(float(turns - 2 * rint(turns * 0.5)), &r.sine, &r.cosine);
  r.sine *= p.magnitude;
  r.cosine *= p.magnitude;
  return r;
}

// Calls put(element, value) for this lane's elements of the head, rotated and written back.
template <class Put>
__device__ inline void rotate_head(const RopeParams& p, int64_t t, int64_t head, Put put) {
  float* const x = p.x + t * p.stride + head * p.head_dim;
  const int64_t half = p.rotary / 2;
  for (int64_t i = threadIdx.x % kWarp; i < half; i += kWarp) {
    const int64_t a = p.interleaved ? 2 * i : i, b = p.interleaved ? 2 * i + 1 : i + half;
    const Rotation r = rotation(p, t, i);
    const float xa = x[a], xb = x[b];
    const float ya = xa * r.cosine - xb * r.sine, yb = xb * r.cosine + xa * r.sine;
    x[a] = ya;
    x[b] = yb;
    put(a, ya);
    put(b, yb);
  }
  for (int64_t i = p.rotary + threadIdx.x % kWarp; i < p.head_dim; i += kWarp) put(i, x[i]);
}

// This warp's head of `count` in the grid; -1: none.
__device__ inline int64_t my_head(int64_t count) {
  const int64_t i = int64_t(blockIdx.x) * (kRopeThreads / kWarp) + threadIdx.x / kWarp;
  return i < count ? i : -1;
}

__global__ void __launch_bounds__(kRopeThreads) rope_heads(RopeParams p) {
  const int64_t i = my_head(p.tokens * p.heads);
  if (i < 0) return;
  rotate_head(p, i / p.heads, i % p.heads, [](int64_t, float) {});
}

template <DType Type>
__global__ void __launch_bounds__(kRopeThreads) kv_write_heads(KvWriteParams p) {
  const KvLayer& cache = p.cache;
  const int64_t i = my_head(p.tokens * cache.kv_heads);
  if (i < 0) return;
  const int64_t t = i / cache.kv_heads, head = i % cache.kv_heads;
  const int64_t slot = p.slots[t];
  const int64_t place = head * cache.block_tokens + slot % cache.block_tokens;
  const size_t at = size_t(slot / cache.block_tokens) * cache.block_bytes +
                    size_t(place * cache.head_dim * kElementBytes<Type>);
  const auto put_key = [&](int64_t d, float x) {
    if (slot >= 0) put_element<Type>(cache.keys + at, d, x);
  };
  if (p.rope.x) {
    rotate_head(p.rope, t, head, put_key);
  } else {
    const float* const keys = p.keys + t * p.keys_stride + head * cache.head_dim;
    for (int64_t d = threadIdx.x % kWarp; d < cache.head_dim; d += kWarp) put_key(d, keys[d]);
  }
  if (slot < 0) return;
  const float* const values = p.values + t * p.values_stride + head * cache.head_dim;
  for (int64_t d = threadIdx.x % kWarp; d < cache.head_dim; d += kWarp) {
    put_element<Type>(cache.values + at, d, values[d]);
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
