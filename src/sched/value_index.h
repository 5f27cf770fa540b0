// SPDX-License-Identifier: Apache-2.0
// ValueIndex: the most value per engine second that running a sequence can still bring, a Gittins
// index over a length distribution in bins.
//
//   ending after S tokens is worth       w(S) = alpha / mean + (1 - alpha) / S
//   the prompt left, n tokens, costs     c0 = n tp + ceil(n / chunk) t0 / B
//   the k-th token from now costs        c(k) = t0 / B + tb + tc (context + k)
//   index = max over stopping bins j of  sum P(ends in i) w(i) / (c0 + sum E[tokens in i] c)
//
// alpha = 1 minimises mean latency, 0 normalised latency. t0 / B is the price of a slot: without it
// a sequence that decodes next to fifteen others would look free.
//
// The sums over bins are kept as suffix sums, so that each stop is a difference; they are taken
// from the far end, where survival is smallest, so that differences keep their precision there.
// Cost: building O(bins), an index O(bins after the sequence's own), some 50 ns.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llmos/extend.h"

namespace llmos::sched {

class ValueIndex {
 public:
  // edges: bins + 1 rising ages, the first 0; lengths: what stands for each bin; hazards: P(ends in
  // it | reached it), the last one 1. All spans may be dropped afterwards.
  void build(std::span<const uint32_t> edges, std::span<const double> lengths,
             std::span<const double> hazards, double alpha);

  // Of a sequence at the start of `bin`. A table in units of a hint: `scale` tokens are one unit of
  // its edges, and `mean` the expected length of anybody (0: the table's own).
  double index(uint32_t bin, uint32_t prompt_left, uint32_t context_tokens,
               const SchedulingCosts& costs, double scale = 1, double mean = 0) const;
  double mean() const { return mean_; }
  // Expected tokens still to come at the start of `bin`.
  double tokens_left(uint32_t bin) const;

 private:
  // Stops are tried so many at a time: the divisions of one round do not wait for each other.
  static constexpr size_t kLanes = 4;

  // Sums over bins i >= b, each weighted with the probability that a new sequence gets there. The
  // last ones are repeated up to whole rounds.
  std::vector<double> alive_;    // the probability itself
  std::vector<double> ends_;     // that it ends there
  std::vector<double> inverse_;  // 1 / S, where it ends
  std::vector<double> tokens_;   // tokens put out in the bin
  std::vector<double> ages_;     // tokens times their age
  std::vector<double> age_;      // at which bin b begins
  size_t bins_ = 0;
  double mean_ = 0;
  double alpha_ = 0;
};

}  // namespace llmos::sched
