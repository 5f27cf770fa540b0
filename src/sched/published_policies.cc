// SPDX-License-Identifier: Apache-2.0
#include "sched/published_policies.h"

#include <algorithm>
#include <cmath>

namespace llmos::sched {

double work_tokens(double output_tokens, uint32_t prompt_left, const SchedulingCosts& costs) {
  const double token = costs.step / costs.slots + costs.decode;
  return output_tokens + prompt_left * costs.prompt_token / std::max(token, 1e-12);
}

SchedulingRank ShortestPolicy::rank(const SequenceView& s, const SchedulingCosts& costs) {
  const double length = s.output_tokens_hint > 0 ? s.output_tokens_hint : mean_;
  SchedulingRank rank;
  if (measure_ == Measure::kWhole) {
    rank.key = work_tokens(length, s.prompt_tokens, costs);
  } else {
    // Longer than expected: about to end, as far as anybody knows.
    rank.key = work_tokens(std::max(1.0, length - s.output_tokens), s.prompt_left, costs);
    rank.served_seconds_until = 0;
  }
  return rank;
}

void ShortestPolicy::ended(const SequenceView& s, bool censored) {
  if (!censored) mean_ += (s.output_tokens - mean_) / 64;
}

SchedulingRank PriorityPolicy::rank(const SequenceView& s, const SchedulingCosts&) {
  constexpr double kMiddle = SchedulingRank::kLevels / 2;
  const double waited = s.now - s.last_service;
  const double aged = aging_ > 0 ? std::floor(waited / aging_) : 0;
  SchedulingRank rank;
  rank.level =
      uint32_t(std::clamp(kMiddle - s.priority - aged, 0.0, double(SchedulingRank::kLevels - 1)));
  // What it gained by waiting is gone once it has run.
  if (aged > 0) rank.served_seconds_until = s.served_seconds + aging_;
  return rank;
}

SchedulingRank RoundRobinPolicy::rank(const SequenceView& s, const SchedulingCosts&) {
  if (s.rank.level < SchedulingRank::kLevels && s.served_seconds < s.rank.served_seconds_until) {
    return s.rank;
  }
  SchedulingRank rank;
  rank.key = s.now;
  rank.served_seconds_until = s.served_seconds + quantum_;
  return rank;
}

SchedulingRank SkipJoinPolicy::rank(const SequenceView& s, const SchedulingCosts& costs) {
  SchedulingRank rank;
  if (s.rank.level == SchedulingRank::kLevels) {
    const double chunk = costs.tokens_per_step - costs.slots;
    const double prompt =
        s.prompt_left * costs.prompt_token + std::ceil(s.prompt_left / chunk) * costs.step;
    const double levels = std::ceil(std::log(prompt / quantum_) / std::log(ratio_));
    rank.level = uint32_t(std::clamp(levels, 0.0, double(SchedulingRank::kLevels - 1)));
  } else if (s.served_seconds < s.rank.served_seconds_until) {
    return s.rank;
  } else {
    rank.level = std::min(s.rank.level + 1, SchedulingRank::kLevels - 1);
  }
  rank.served_seconds_until = s.served_seconds + quantum_ * std::pow(ratio_, rank.level);
  return rank;
}

GittinsPolicy::GittinsPolicy(std::span<const uint32_t> lengths) {
  uint32_t longest = kStep;
  for (const uint32_t length : lengths) longest = std::max(longest, length);
  bins_ = (longest + kStep - 1) / kStep;
  std::vector<uint32_t> edges(bins_ + 1);
  std::vector<double> ends(bins_), totals(bins_), middles(bins_), hazards(bins_);
  for (const uint32_t length : lengths) {
    const uint32_t bin = (std::max(length, 1u) - 1) / kStep;
    ++ends[bin];
    totals[bin] += length;
  }
  double alive = double(lengths.size());
  for (uint32_t bin = 0; bin < bins_; ++bin) {
    edges[bin] = bin * kStep;
    middles[bin] = ends[bin] > 0 ? totals[bin] / ends[bin] : (bin + .5) * kStep;
    hazards[bin] = alive > 0 ? ends[bin] / alive : 1;
    alive -= ends[bin];
  }
  edges[bins_] = bins_ * kStep;
  hazards[bins_ - 1] = 1;
  index_.build(edges, middles, hazards, 1);
}

SchedulingRank GittinsPolicy::rank(const SequenceView& s, const SchedulingCosts& costs) {
  // In output tokens: 1 each, and nothing for the context. The prompt is a term of its own.
  SchedulingCosts unit;
  unit.step = unit.slots = 1;
  unit.prompt_token = unit.decode = unit.context_token = 0;
  const uint32_t bin = std::min(s.output_tokens / kStep, bins_ - 1);
  // With alpha 1 an ending is worth 1 / mean.
  const double tokens = 1 / (index_.index(bin, 0, 0, unit) * index_.mean());
  SchedulingRank rank;
  rank.key = work_tokens(tokens, s.prompt_left, costs);
  rank.output_tokens_until = (bin + 1) * kStep;
  if (s.prompt_left > 0) rank.served_seconds_until = 0;
  return rank;
}

}  // namespace llmos::sched
