// SPDX-License-Identifier: Apache-2.0
#include "sched/learned_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace llmos::sched {

LearnedPolicy::LearnedPolicy(double alpha, Order order, double level_offset)
    : alpha_(alpha), order_(order), level_offset_(level_offset) {
  rebuild();
}

namespace {

void build(ValueIndex& index, const LengthModel& model, double alpha) {
  std::array<uint32_t, LengthModel::kBins + 1> edges;
  std::array<double, LengthModel::kBins> lengths, hazards;
  for (uint32_t bin = 0; bin < LengthModel::kBins; ++bin) {
    edges[bin] = LengthModel::edge(bin);
    lengths[bin] = bin_length(bin);
    hazards[bin] = model.hazard(bin);
  }
  edges.back() = LengthModel::edge(LengthModel::kBins);
  index.build(edges, lengths, hazards, alpha);
}

}  // namespace

void LearnedPolicy::rebuild() {
  build(index_, lengths_, alpha_);
  build(hinted_index_, hinted_, alpha_);
  built_at_ = lengths_.ends() + hinted_.ends();
  ++epoch_;
}

uint64_t LearnedPolicy::epoch(double) {
  if (lengths_.ends() + hinted_.ends() >= built_at_ + kRebuildEnds) rebuild();
  return epoch_;
}

uint32_t LearnedPolicy::age(const SequenceView& s, uint32_t output_tokens) {
  if (!(s.output_tokens_hint > 0)) return output_tokens;
  const double units = output_tokens * kHintUnits / s.output_tokens_hint;
  return uint32_t(std::min(units, double(LengthModel::edge(LengthModel::kBins) - 1)));
}

// The first count of output tokens at that age.
uint32_t LearnedPolicy::tokens_at(const SequenceView& s, uint32_t age) {
  if (!(s.output_tokens_hint > 0)) return age;
  const double tokens = std::ceil(age * s.output_tokens_hint / kHintUnits);
  return uint32_t(std::min(tokens, double(std::numeric_limits<uint32_t>::max())));
}

SchedulingRank LearnedPolicy::rank(const SequenceView& s, const SchedulingCosts& costs) {
  const uint32_t bin = LengthModel::bin_of(age(s, s.output_tokens));
  if (s.rank.level < SchedulingRank::kLevels && s.output_tokens >= s.rank.output_tokens_until) {
    // The rank held to the end of its bin, which is behind now.
    const uint32_t counted = LengthModel::bin_of(age(s, s.rank.output_tokens_until - 1));
    for (uint32_t b = counted; b < bin; ++b) model_of(s).left(b);
  }
  SchedulingRank rank;
  rank.output_tokens_until =
      std::max(s.output_tokens + 1, tokens_at(s, LengthModel::edge(bin + 1)));
  // A prompt under way is worth more with every chunk.
  if (s.prompt_left > 0) rank.served_seconds_until = 0;
  const uint32_t context = s.held_tokens + s.prompt_left;
  const double index = s.output_tokens_hint > 0
                           ? hinted_index_.index(bin, s.prompt_left, context, costs,
                                                 s.output_tokens_hint / kHintUnits, mean_)
                           : index_.index(bin, s.prompt_left, context, costs);
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
  const uint32_t last = LengthModel::bin_of(age(s, s.output_tokens - 1));
  const uint32_t counted = LengthModel::bin_of(age(s, s.rank.output_tokens_until - 1));
  LengthModel& model = model_of(s);
  for (uint32_t bin = counted; bin < last; ++bin) model.left(bin);
  if (censored) return;
  if (counted <= last) model.ended(last);
  mean_ += (s.output_tokens - mean_) / 64;
}

}  // namespace llmos::sched
