// SPDX-License-Identifier: Apache-2.0
// Draws a token for each row of logits without a sort. Bound: bytes of the logits, read a few
// times from the L2 cache. A block takes a row. The cuts of top-k and top-p are found digit by
// digit, eight bits of the logit's order at a time, from a histogram of counts or weights in shared
// memory; what is left is drawn by one walk in the order of the vocabulary.
//
// Exact: weights are integers, 2^40 for the largest logit, so that sums do not depend on the order
// in which threads come. Equal logits at a cut: the first of the vocabulary stay.
#pragma once

#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/reduce.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kSampleThreads = 512;
inline constexpr int kSampleWarps = kSampleThreads / kWarp;
inline constexpr int kDigits = 256;
inline constexpr float kWeightOne = 1099511627776.0f;  // 2^40; of 2^23 tokens the sum fits 64 bits
using Weight = unsigned long long;

// Of finite numbers and -infinity: greater for greater ones.
__device__ inline unsigned logit_order(float x) {
  const unsigned bits = __float_as_uint(x + 0.0f);  // -0 is 0
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
__device__ inline float logit_of(unsigned order) {
  return __uint_as_float((order & 0x80000000u) != 0 ? order & 0x7fffffffu : ~order);
}

// The 64 bits of (seed, position): two rounds of a well-mixing permutation (splitmix64).
__device__ inline uint64_t uniform_bits(uint64_t seed, uint64_t position) {
  const auto mixed = [](uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
  };
  return mixed(mixed(seed + 0x9e3779b97f4a7c15ull) + (position + 1) * 0x9e3779b97f4a7c15ull);
}

// What may be drawn: all above `order`, and the first `ties` that equal it.
struct Cut {
  unsigned order;
  Weight ties;
};

class RowSampler {
 public:
  __device__ RowSampler(const float* logits, int64_t vocabulary, float temperature,
                        Weight* histogram, Weight* parts)
      : logits_(logits),
        vocabulary_(vocabulary),
        temperature_(temperature),
        histogram_(histogram),
        parts_(parts) {}

  // The largest logit's token, of equal ones the first. All threads get it.
  __device__ int64_t largest() {
    unsigned long long best = 0;
    for (int64_t i = threadIdx.x; i < vocabulary_; i += kSampleThreads) {
      const unsigned long long key =
          (unsigned long long)(logit_order(logits_[i])) << 32 | (0xffffffffu - unsigned(i));
      best = key > best ? key : best;
    }
    for (int m = 16; m > 0; m >>= 1) {
      const unsigned long long other = __shfl_xor_sync(~0u, best, m);
      best = other > best ? other : best;
    }
    if (threadIdx.x % kWarp == 0) parts_[threadIdx.x / kWarp] = best;
    __syncthreads();
    for (int w = 0; w < kSampleWarps; ++w) best = parts_[w] > best ? parts_[w] : best;
    __syncthreads();
    const int64_t token = int64_t(0xffffffffu - unsigned(best));
    maximum_ = logits_[token];
    return token;
  }

  __device__ int64_t draw(int64_t top_k, float top_p, float min_p, uint64_t bits) {
    Cut cut{logit_order(-INFINITY), Weight(vocabulary_)};
    if (top_k > 0 && top_k < vocabulary_) {
      cut = select(cut, Weight(top_k), [](unsigned) { return Weight{1}; });
    }
    if (min_p > 0) {
      const unsigned order = logit_order(maximum_ + temperature_ * logf(min_p));
      if (order > cut.order) cut = {order, Weight(vocabulary_)};
    }
    const auto weigh = [&](unsigned order) { return weight(order); };
    const Weight all = total(cut);
    if (top_p < 1) {
      const Weight wanted = Weight(double(all) * double(fmaxf(top_p, 0.0f)));
      const Cut inner = select(cut, wanted > 0 ? wanted : 1, weigh);
      // Never beyond the outer cut, whatever the product of two numbers was rounded to.
      const bool tighter = inner.order == cut.order && inner.ties < cut.ties;
      if (inner.order > cut.order || tighter) cut = inner;
    }
    return walk(cut, __umul64hi(bits, total(cut)));
  }

 private:
  __device__ Weight weight(unsigned order) const {
    return Weight(expf((logit_of(order) - maximum_) / temperature_) * kWeightOne);
  }

  // The cut at which the summed weights of those above it first reach `wanted`.
  template <class Weigh>
  __device__ Cut select(Cut outer, Weight wanted, Weigh weigh) {
    unsigned prefix = 0;
    for (int shift = 24; shift >= 0; shift -= 8) {
      for (int d = int(threadIdx.x); d < kDigits; d += kSampleThreads) histogram_[d] = 0;
      __syncthreads();
      for (int64_t i = threadIdx.x; i < vocabulary_; i += kSampleThreads) {
        const unsigned order = logit_order(logits_[i]);
        const bool inside = shift == 24 || order >> (shift + 8) == prefix;
        if (inside && order >= outer.order) {
          atomicAdd(histogram_ + (order >> shift & 255), weigh(order));
        }
      }
      __syncthreads();
      if (threadIdx.x == 0) {
        Weight above = 0;
        int digit = kDigits - 1;
        while (digit > 0 && above + histogram_[digit] < wanted) above += histogram_[digit--];
        parts_[0] = Weight(digit);
        parts_[1] = above;
      }
      __syncthreads();
      prefix = prefix << 8 | unsigned(parts_[0]);
      wanted -= parts_[1];
      __syncthreads();
    }
    const Weight each = weigh(prefix);
    return {prefix, each > 0 ? (wanted + each - 1) / each : Weight(vocabulary_)};
  }

  // Sums over this warp's part of the vocabulary, part by part: calls add(order) for each.
  struct Part {
    int64_t first, last;
  };
  __device__ Part my_part() const {
    const int64_t each = ceil_div(ceil_div(vocabulary_, kSampleWarps), kWarp) * kWarp;
    const int64_t first = least(vocabulary_, int64_t(threadIdx.x) / kWarp * each);
    return {first, least(vocabulary_, first + each)};
  }
  __device__ static Weight warp_total(Weight w) {
    for (int m = 16; m > 0; m >>= 1) w += __shfl_xor_sync(~0u, w, m);
    return w;
  }
  // parts_[w] becomes the sum of the warps before w; returns the sum of all.
  __device__ Weight before_each_warp(Weight mine) {
    mine = warp_total(mine);
    if (threadIdx.x % kWarp == 0) parts_[threadIdx.x / kWarp] = mine;
    __syncthreads();
    Weight before = 0, all = 0;
    for (int w = 0; w < kSampleWarps; ++w) {
      if (w < int(threadIdx.x) / kWarp) before += parts_[w];
      all += parts_[w];
    }
    __syncthreads();
    before_ = before;
    return all;
  }

  __device__ Weight total(Cut cut) {
    Weight above = 0, equal = 0;
    const Part part = my_part();
    for (int64_t i = part.first + threadIdx.x % kWarp; i < part.last; i += kWarp) {
      const unsigned order = logit_order(logits_[i]);
      if (order > cut.order) above += weight(order);
      if (order == cut.order) ++equal;
    }
    const Weight ties = before_each_warp(equal);
    ties_before_ = before_;
    const Weight sum = before_each_warp(above);
    return sum + (ties < cut.ties ? ties : cut.ties) * weight(cut.order);
  }

  // The token at which the summed weights, in the vocabulary's order, exceed `target`.
  __device__ int64_t walk(Cut cut, Weight target) {
    const int lane = int(threadIdx.x) % kWarp;
    const Weight tie_weight = weight(cut.order);
    const Part part = my_part();
    const Weight ties = ties_before_ < cut.ties ? ties_before_ : cut.ties;
    Weight sum = before_ + ties * tie_weight;  // of all before this warp's part
    Weight ties_seen = ties_before_;
    if (threadIdx.x == 0) parts_[0] = ~Weight{0};
    __syncthreads();
    for (int64_t first = part.first; first < part.last; first += kWarp) {
      const int64_t i = first + lane;
      const unsigned order = i < part.last ? logit_order(logits_[i]) : 0;
      const bool ties_here = i < part.last && order == cut.order;
      const unsigned votes = __ballot_sync(~0u, ties_here);
      const Weight tie = ties_seen + Weight(__popc(votes & ((1u << lane) - 1)));
      Weight mine = 0;
      if (i < part.last && order > cut.order) mine = weight(order);
      if (ties_here && tie < cut.ties) mine = tie_weight;
      Weight upto = mine;
      for (unsigned by = 1; by < unsigned(kWarp); by *= 2) {
        const Weight other = __shfl_up_sync(~0u, upto, by);
        if (unsigned(lane) >= by) upto += other;
      }
      // Exactly one lane of the block: its weight covers the target.
      if (sum + upto > target && sum + upto - mine <= target) parts_[0] = Weight(i);
      sum += __shfl_sync(~0u, upto, kWarp - 1);
      ties_seen += Weight(__popc(votes));
    }
    __syncthreads();
    return int64_t(parts_[0]);
  }

  const float* const logits_;
  const int64_t vocabulary_;
  const float temperature_;
  Weight* const histogram_;
  Weight* const parts_;
  float maximum_ = 0;
  Weight before_ = 0, ties_before_ = 0;
};

__global__ void __launch_bounds__(kSampleThreads) sample_rows(SampleParams p) {
  LLMOS_SHARED(Weight, histogram, kDigits);
  LLMOS_SHARED(Weight, parts, kSampleWarps);
  const int64_t r = blockIdx.x;
  RowSampler row(p.logits + r * p.stride, p.vocabulary, p.temperature[r], histogram, parts);
  int64_t token = row.largest();
  if (p.temperature[r] > 0) {
    token = row.draw(p.top_k[r], p.top_p[r], p.min_p[r], uniform_bits(p.seeds[r], p.positions[r]));
  }
  if (threadIdx.x == 0) p.tokens[r] = int32_t(token);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
