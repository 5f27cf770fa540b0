// SPDX-License-Identifier: Apache-2.0
// CostMeter: what a step costs, learned from the steps that were run (predict/step_cost_fit.h), in
// the scheduler's terms.
#pragma once

#include <cstdint>

#include "llmos/extend.h"
#include "predict/step_cost_fit.h"

namespace llmos::engine {

class CostMeter {
 public:
  // `first`: before anything was measured. Its limits stay; its costs are to be above zero.
  explicit CostMeter(const SchedulingCosts& first)
      : costs_(first), fit_({first.step, first.prompt_token, first.decode, first.context_token}) {}

  // True when costs() has changed: every kRefit steps.
  bool observe(uint32_t prompt_tokens, uint32_t decodes, uint64_t context_tokens, double seconds);
  // Seconds to move a token between tiers, measured elsewhere.
  void set_swap_token(double seconds) { costs_.swap_token = seconds; }
  const SchedulingCosts& costs() const { return costs_; }

 private:
  static constexpr uint32_t kRefit = 64;

  SchedulingCosts costs_;
  predict::StepCostFit fit_;
  uint32_t seen_ = 0;
};

}  // namespace llmos::engine
