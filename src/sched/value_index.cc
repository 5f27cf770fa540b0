// SPDX-License-Identifier: Apache-2.0
#include "sched/value_index.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace llmos::sched {

void ValueIndex::build(std::span<const uint32_t> edges, std::span<const double> lengths,
                       std::span<const double> hazards, double alpha) {
  const size_t bins = hazards.size();
  LLMOS_CHECK(bins > 0 && edges.size() == bins + 1 && lengths.size() == bins);
  bins_ = bins;
  // A round may begin at any bin, so up to a round may follow the last.
  for (auto* sums : {&alive_, &ends_, &inverse_, &tokens_, &ages_, &age_}) {
    sums->assign(bins + kLanes, 0);
  }
  alpha_ = alpha;
  double alive = 1;
  mean_ = 0;
  for (size_t i = 0; i < bins; ++i) {
    alive_[i] = alive;
    age_[i] = edges[i];
    mean_ += alive * hazards[i] * lengths[i];
    alive *= 1 - hazards[i];
  }
  for (size_t i = bins; i < age_.size(); ++i) {
    alive_[i] = alive;
    age_[i] = edges[bins];
  }
  for (size_t i = bins; i-- > 0;) {
    const double ends = alive_[i] * hazards[i];
    const double width = edges[i + 1] - edges[i];
    const double partial = lengths[i] - edges[i];  // tokens in the bin of one that ends in it
    const double whole = alive_[i] - ends;
    ends_[i] = ends_[i + 1] + ends;
    inverse_[i] = inverse_[i + 1] + ends / lengths[i];
    tokens_[i] = tokens_[i + 1] + whole * width + ends * partial;
    ages_[i] = ages_[i + 1] + whole * width * (age_[i] + width / 2) +
               ends * partial * (age_[i] + partial / 2);
  }
}

double ValueIndex::index(uint32_t bin, uint32_t prompt_left, uint32_t context_tokens,
                         const SchedulingCosts& costs, double scale, double mean) const {
  LLMOS_DCHECK(bin < bins_);
  const double slot = costs.step / costs.slots;
  const double chunk = costs.tokens_per_step - costs.slots;
  const double prompt = prompt_left * costs.prompt_token + std::ceil(prompt_left / chunk) * slot;
  const double latency = alpha_ / (mean > 0 ? mean : mean_), normalised = (1 - alpha_) / scale;
  // Tokens at age a cost per_token + context_token * a, where ages count from the output's start.
  const double per_token =
      scale *
      (slot + costs.decode + costs.context_token * (double(context_tokens) - scale * age_[bin]));
  const double per_age = scale * scale * costs.context_token;
  const double value = latency * ends_[bin] + normalised * inverse_[bin];
  const double cost = prompt * alive_[bin] + per_token * tokens_[bin] + per_age * ages_[bin];
  std::array<double, kLanes> best{};
  for (size_t stop = bin + 1; stop <= bins_; stop += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const size_t at = stop + lane;
      const double gained = value - latency * ends_[at] - normalised * inverse_[at];
      const double ratio = gained / (cost - per_token * tokens_[at] - per_age * ages_[at]);
      best[lane] = ratio > best[lane] ? ratio : best[lane];
    }
  }
  return *std::max_element(best.begin(), best.end());
}

double ValueIndex::tokens_left(uint32_t bin) const {
  return alive_[bin] > 0 ? tokens_[bin] / alive_[bin] : 0;
}

}  // namespace llmos::sched
