// SPDX-License-Identifier: Apache-2.0
#include "sched/value_index.h"

#include <cmath>

#include "base/check.h"

namespace llmos::sched {

void ValueIndex::build(std::span<const uint32_t> edges, std::span<const double> lengths,
                       std::span<const double> hazards, double alpha) {
  const size_t bins = hazards.size();
  LLMOS_CHECK(bins > 0 && edges.size() == bins + 1 && lengths.size() == bins);
  suffix_.resize(bins + 1);
  double alive = 1;
  mean_ = 0;
  for (size_t i = 0; i < bins; ++i) {
    suffix_[i].alive = alive;
    suffix_[i].age = edges[i];
    mean_ += alive * hazards[i] * lengths[i];
    alive *= 1 - hazards[i];
  }
  suffix_[bins] = {alive, 0, 0, 0, double(edges[bins])};
  for (size_t i = bins; i-- > 0;) {
    const Sums& next = suffix_[i + 1];
    Sums& sums = suffix_[i];
    const double ends = sums.alive * hazards[i];
    const double width = edges[i + 1] - edges[i];
    const double partial = lengths[i] - edges[i];  // tokens in the bin of one that ends in it
    const double whole = sums.alive - ends;
    sums.value = next.value + ends * (alpha / mean_ + (1 - alpha) / lengths[i]);
    sums.tokens = next.tokens + whole * width + ends * partial;
    sums.ages = next.ages + whole * width * (sums.age + width / 2) +
                ends * partial * (sums.age + partial / 2);
  }
}

double ValueIndex::index(uint32_t bin, uint32_t prompt_left, uint32_t context_tokens,
                         const SchedulingCosts& costs) const {
  LLMOS_DCHECK(bin + 1 < suffix_.size());
  const double slot = costs.step / costs.slots;
  const double chunk = costs.tokens_per_step - costs.slots;
  const double prompt = prompt_left * costs.prompt_token + std::ceil(prompt_left / chunk) * slot;
  const Sums& from = suffix_[bin];
  // Tokens at age a cost per_token + context_token * a, where ages count from the output's start.
  const double per_token =
      slot + costs.decode + costs.context_token * (double(context_tokens) - from.age);
  double best_value = 0, best_cost = 1;
  for (size_t stop = bin + 1; stop < suffix_.size(); ++stop) {
    const Sums& to = suffix_[stop];
    const double value = from.value - to.value;
    const double cost = prompt * from.alive + per_token * (from.tokens - to.tokens) +
                        costs.context_token * (from.ages - to.ages);
    if (value * best_cost > best_value * cost) {
      best_value = value;
      best_cost = cost;
    }
  }
  return best_value / best_cost;
}

double ValueIndex::tokens_left(uint32_t bin) const {
  const Sums& from = suffix_[bin];
  return from.alive > 0 ? from.tokens / from.alive : 0;
}

}  // namespace llmos::sched
