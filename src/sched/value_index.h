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
// Cost: building O(bins), an index O(bins after the sequence's own), some 100 ns.
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

  // Of a sequence at the start of `bin`.
  double index(uint32_t bin, uint32_t prompt_left, uint32_t context_tokens,
               const SchedulingCosts& costs) const;
  double mean() const { return mean_; }
  // Expected tokens still to come at the start of `bin`.
  double tokens_left(uint32_t bin) const;

 private:
  // Sums over bins i >= b, each weighted with the probability that a new sequence gets there.
  struct Sums {
    double alive;   // the probability itself
    double value;   // w, where it ends
    double tokens;  // tokens put out in the bin
    double ages;    // tokens times their age
    double age;     // at which bin b begins
  };
  std::vector<Sums> suffix_;
  double mean_ = 0;
};

}  // namespace llmos::sched
