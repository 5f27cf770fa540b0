// SPDX-License-Identifier: Apache-2.0
// Which experts a token goes to, and the slots in the order of their experts. Bound: latency, both
// are tiny. A warp routes a token: its lanes keep a share of the logits and find the largest
// together, once for each chosen expert. One block orders all slots: counts, offsets, places.
#pragma once

#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/reduce.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kRouteThreads = 128;
inline constexpr int kPermuteThreads = 256;
inline constexpr int kExpertsMax = 1024;

// Greater for a greater number, and for the first of equal ones; NaN is the least.
__device__ inline unsigned long long order_key(float x, int64_t index) {
  const unsigned bits = __float_as_uint(x);
  const unsigned ordered = x != x ? 0 : (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return (unsigned long long)(ordered) << 32 | (0xffffffffu - unsigned(index));
}
__device__ inline int64_t key_index(unsigned long long key) {
  return int64_t(0xffffffffu - unsigned(key));
}
__device__ inline unsigned long long warp_max_key(unsigned long long key) {
  for (int m = 16; m > 0; m >>= 1) {
    const unsigned long long other = __shfl_xor_sync(~0u, key, m);
    key = other > key ? other : key;
  }
  return key;
}

__global__ void __launch_bounds__(kRouteThreads) route_tokens(RouteParams p) {
  const int64_t t = int64_t(blockIdx.x) * (kRouteThreads / kWarp) + threadIdx.x / kWarp;
  if (t >= p.tokens) return;
  const int lane = int(threadIdx.x) % kWarp;
  const float* const logits = p.logits + t * p.expert_count;
  // What was chosen last bounds what may be chosen next.
  unsigned long long bound = ~0ull;
  float largest = 0, chosen_sum = 0;
  for (int64_t k = 0; k < p.chosen; ++k) {
    unsigned long long best = 0;
    for (int64_t e = lane; e < p.expert_count; e += kWarp) {
      const unsigned long long key = order_key(logits[e], e);
      if (key < bound && key > best) best = key;
    }
    bound = warp_max_key(best);
    const int64_t expert = key_index(bound);
    if (k == 0) largest = logits[expert];
    const float weight = expf(logits[expert] - largest);
    chosen_sum += weight;
    if (lane != 0) continue;
    p.experts[t * p.chosen + k] = int32_t(expert);
    p.weights[t * p.chosen + k] = weight;
  }
  float sum = chosen_sum;
  if (p.routing == Routing::kSoftmaxAll) {
    sum = 0;
    for (int64_t e = lane; e < p.expert_count; e += kWarp) sum += expf(logits[e] - largest);
    sum = warp_sum(sum);
  }
  if (lane != 0) return;
  for (int64_t k = 0; k < p.chosen; ++k) p.weights[t * p.chosen + k] *= p.scale / sum;
}

// One warp an expert counts and places its slots, in their order.
__global__ void __launch_bounds__(kPermuteThreads) permute_slots(PermuteParams p) {
  LLMOS_SHARED(int, counts, kExpertsMax + 1);
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  constexpr int kWarps = kPermuteThreads / kWarp;
  const auto each = [&](int64_t expert, auto place) {
    int before = 0;
    for (int64_t first = 0; first < p.slots; first += kWarp) {
      const bool mine = first + lane < p.slots && p.experts[first + lane] == expert;
      const unsigned votes = __ballot_sync(~0u, mine);
      if (mine) place(before + __popc(votes & ((1u << lane) - 1)), first + lane);
      before += __popc(votes);
    }
    return before;
  };
  for (int64_t e = warp; e < p.expert_count; e += kWarps) {
    const int count = each(e, [](int, int64_t) {});
    if (lane == 0) counts[e] = count;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    int offset = 0;
    for (int64_t e = 0; e < p.expert_count; ++e) {
      const int count = counts[e];
      counts[e] = p.offsets[e] = offset;
      offset += count;
    }
    p.offsets[p.expert_count] = offset;
  }
  __syncthreads();
  for (int64_t e = warp; e < p.expert_count; e += kWarps) {
    each(e, [&](int place, int64_t slot) { p.order[counts[e] + place] = int32_t(slot); });
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
