// SPDX-License-Identifier: Apache-2.0
// How much faster n ranks are: Amdahl's law, and a step model with communication cost.
// Pure functions, any thread.
#pragma once

#include <cstdint>

#include "llmos/status.h"

namespace llmos::predict {

// 1 / ((1 - share) + share / n): the speed-up of n ranks when `parallel_share` of the work is
// divisible. Arguments outside [0, 1] and below 1 rank are NaN.
double amdahl_speedup(double parallel_share, int ranks);
// The limit for many ranks; +infinity when all of it is divisible.
double amdahl_limit(double parallel_share);

// A link as each rank sees it: latency of one message and bandwidth of one direction.
struct Link {
  double latency_s{};
  double bytes_per_s{};
};

enum class AllReduce : uint8_t {
  kRing,     // reduce-scatter and all-gather around a ring: 2 (n-1) messages of bytes / n each
  kOneShot,  // every rank reads every other's whole buffer, all at once: one latency, (n-1) bytes
  kBest,     // the cheaper one of the two at this size
};

// Seconds of one all-reduce of `bytes` over `ranks`; 0 for one rank.
//   ring      2 (n-1) latency + 2 (n-1) / n bytes / bandwidth   (Patarasuk & Yuan 2009)
//   one shot  latency + (n-1) bytes / bandwidth
double all_reduce_seconds(AllReduce algorithm, const Link& link, double bytes, int ranks);

// One step of a tensor-parallel model: work that every rank repeats, work that is divided, and
// all-reduces in between (two per transformer layer) which nothing overlaps.
struct ParallelStep {
  double serial_s{};
  double divided_s{};         // on one rank
  double all_reduce_bytes{};  // of each
  int all_reduces{};
  Link link{};
  AllReduce algorithm{AllReduce::kBest};
};

struct ParallelPoint {
  int ranks{};
  double step_s{};
  double communication_s{};  // part of step_s
  double speedup{};          // over one rank
  double efficiency{};       // speedup / ranks
};

// kInvalid for times, bytes or latencies that are negative or not finite, a bandwidth that is not
// positive, no work at all, or ranks outside 1 to kRanksMax.
inline constexpr int kRanksMax = 1 << 16;
Result<ParallelPoint> parallel_point(const ParallelStep& step, int ranks);
// The rank count in 1 to ranks_max with the shortest step (the smallest such); O(ranks_max).
Result<ParallelPoint> best_ranks(const ParallelStep& step, int ranks_max);

}  // namespace llmos::predict
