// SPDX-License-Identifier: Apache-2.0
#include "kv/swap_choice.h"

#include <algorithm>
#include <limits>

namespace llmos {

SwapEstimate choose_swap(const SwapVictim& victim, const SwapRates& rates, bool tier_ready) {
  SwapEstimate estimate;
  const auto cached = double(std::clamp<int64_t>(victim.tokens_cached, 0, victim.tokens));
  const double all = double(victim.tokens), fresh = all - cached;
  // Each fresh token attends to all before it: the sum of their positions.
  const double pairs = (all * all - cached * cached) / 2;
  estimate.recompute_s = (fresh > 0 ? rates.prefill_s : 0) + fresh * rates.prefill_s_per_token +
                         pairs * rates.prefill_s_per_token_pair;
  if (!tier_ready || rates.out_bytes_per_s <= 0 || rates.in_bytes_per_s <= 0) {
    estimate.swap_s = std::numeric_limits<double>::infinity();
    return estimate;
  }
  const double out = (rates.bytes_waiting + double(victim.bytes)) / rates.out_bytes_per_s;
  const double in = double(victim.bytes) / rates.in_bytes_per_s;
  estimate.swap_s = std::clamp(rates.exposed, 0.0, 1.0) * (out + in);
  if (estimate.swap_s < estimate.recompute_s) estimate.choice = SwapChoice::kSwap;
  return estimate;
}

}  // namespace llmos
