// SPDX-License-Identifier: Apache-2.0
#include "sched/learned_policy.h"

#include <algorithm>
#include <cmath>

namespace llmos::sched {

LearnedPolicy::LearnedPolicy(double alpha, Order order, double level_offset)
    : alpha_(alpha), order_(order), level_offset_(level_offset) {
  rebuild();
}

void LearnedPolicy::rebuild() {
  std::array<uint32_t, LengthModel::kBins + 1> edges;
  std::array<double, LengthModel::kBins> lengths, hazards;
  for (uint32_t bin = 0; bin < LengthModel::kBins; ++bin) {
    edges[bin] = LengthModel::edge(bin);
    lengths[bin] = bin_length(bin);
    hazards[bin] = lengths_.hazard(bin);
  }
  edges.back() = LengthModel::edge(LengthModel::kBins);
  index_.build(edges, lengths, hazards, alpha_);
  built_at_ = lengths_.ends();
  ++epoch_;
}

uint64_t LearnedPolicy::epoch(double) {
  if (lengths_.ends() >= built_at_ + kRebuildEnds) rebuild();
  return epoch_;
}

SchedulingRank LearnedPolicy::rank(const SequenceView& s, const SchedulingCosts& costs) {
  const uint32_t bin = LengthModel::bin_of(s.output_tokens);
  if (s.rank.level < SchedulingRank::kLevels && s.output_tokens >= s.rank.output_tokens_until) {
    // The rank held to the end of its bin, which is behind now.
    for (uint32_t b = LengthModel::bin_of(s.rank.output_tokens_until - 1); b < bin; ++b) {
      lengths_.left(b);
    }
  }
  SchedulingRank rank;
  rank.output_tokens_until = LengthModel::edge(bin + 1);
  // A prompt under way is worth more with every chunk.
  if (s.prompt_left > 0) rank.served_seconds_until = 0;
  const double index = index_.index(bin, s.prompt_left, s.held_tokens + s.prompt_left, costs);
  const double slot = std::max(costs.step / costs.slots, 1e-12);
  const double scaled = index * slot;
  if (order_ == Order::kKeys) {
    rank.key = -index;
  } else {
    const double level = std::floor(level_offset_ - std::log2(std::max(scaled, 1e-30)));
    rank.level = uint32_t(std::clamp(level, 0.0, double(SchedulingRank::kLevels - 1)));
  }
  return rank;
}

void LearnedPolicy::ended(const SequenceView& s, bool censored) {
  if (s.output_tokens == 0) return;
  const uint32_t last = LengthModel::bin_of(s.output_tokens - 1);
  const uint32_t counted = LengthModel::bin_of(s.rank.output_tokens_until - 1);
  for (uint32_t bin = counted; bin < last; ++bin) lengths_.left(bin);
  if (!censored && counted <= last) lengths_.ended(last);
}

}  // namespace llmos::sched
