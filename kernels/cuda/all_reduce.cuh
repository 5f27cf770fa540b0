// SPDX-License-Identifier: Apache-2.0
// Sums over the ranks through each other's memory. Bound: latency, then the links. Each block meets
// the blocks of its number on the other ranks, by flags that only grow: no block waits for the rest
// of its own grid, and nothing is reset. Sums run over the ranks in their order, so all ranks get
// the same bits.
#pragma once

#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/ptx.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kReduceThreads = 256;
inline constexpr unsigned kReduceSteps = 3;  // data there, parts there, all read

__device__ inline unsigned* flag_of(const AllReduceParams& p, int owner, int from) {
  auto* const flags = reinterpret_cast<unsigned*>(p.peers[owner] + p.flags_at);
  return flags + blockIdx.x * kAllReduceRanksMax + from;
}

// Tells every rank's block of this number that this one has come to `step`, and waits for them.
__device__ inline void meet(const AllReduceParams& p, unsigned step) {
  const unsigned value = (p.round - 1) * kReduceSteps + step;
  __syncthreads();  // all of the block's writes come before its flag
  const int rank = int(threadIdx.x);
  if (rank < p.ranks) {
    store_release(flag_of(p, rank, p.rank), value);
    while (load_acquire(flag_of(p, p.rank, rank)) < value) spin_pause();
  }
  __syncthreads();
}

__device__ inline Vec16 sum_of_ranks(const AllReduceParams& p, int64_t at) {
  float sum[4] = {};
  LLMOS_UNROLL_BY(2)
  for (int r = 0; r < p.ranks; ++r) {
    const Vec16 v = load16(p.peers[r] + at * int64_t(sizeof(float)));
    for (int i = 0; i < 4; ++i) sum[i] += __uint_as_float(v.words[i]);
  }
  Vec16 v;
  for (int i = 0; i < 4; ++i) v.words[i] = __float_as_uint(sum[i]);
  return v;
}

// Calls work(first float) for this block's share, four floats a thread, of the part of a rank; a
// rank's part is every ranks-th of the block's fours.
template <class Work>
__device__ inline void each_four(const AllReduceParams& p, int part, int parts, Work work) {
  const int64_t fours = p.count / 4, step = int64_t(gridDim.x) * kReduceThreads * parts;
  for (int64_t i = (int64_t(blockIdx.x) * parts + part) * kReduceThreads + threadIdx.x; i < fours;
       i += step) {
    work(i * 4);
  }
}

// __grid_constant__: peers are looked up where the parameters lie, not in a copy on the stack.
__global__ void __launch_bounds__(kReduceThreads)
    reduce_one_shot(const __grid_constant__ AllReduceParams p) {
  meet(p, 1);
  each_four(p, 0, 1, [&](int64_t at) { store16(p.out + at, sum_of_ranks(p, at)); });
  meet(p, 3);
}

__global__ void __launch_bounds__(kReduceThreads)
    reduce_two_shot(const __grid_constant__ AllReduceParams p) {
  meet(p, 1);
  // Nobody but this rank reads its part of its own data before the next meeting.
  each_four(p, p.rank, p.ranks, [&](int64_t at) {
    store16(p.peers[p.rank] + at * int64_t(sizeof(float)), sum_of_ranks(p, at));
  });
  meet(p, 2);
  for (int r = 0; r < p.ranks; ++r) {
    each_four(p, r, p.ranks, [&](int64_t at) {
      store16(p.out + at, load16(p.peers[r] + at * int64_t(sizeof(float))));
    });
  }
  meet(p, 3);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
