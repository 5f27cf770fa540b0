// SPDX-License-Identifier: Apache-2.0
// CostMeter: what a step costs, learned from the steps that were run. Least squares over four
// numbers of a step, with steps forgotten slowly; what cannot be told apart yet keeps its first
// guess.
#pragma once

#include <array>
#include <cstdint>

#include "llmos/extend.h"

namespace llmos::engine {

class CostMeter {
 public:
  explicit CostMeter(const SchedulingCosts& first) : costs_(first) {}

  // True when costs() has changed: every kRefit steps.
  bool observe(uint32_t prompt_tokens, uint32_t decodes, uint64_t context_tokens, double seconds);
  // Seconds to move a token between tiers, measured elsewhere.
  void set_swap_token(double seconds) { costs_.swap_token = seconds; }
  const SchedulingCosts& costs() const { return costs_; }

 private:
  static constexpr size_t kTerms = 4;  // a step, a prompt token, a decode, a token of context
  static constexpr uint32_t kRefit = 64;
  // Weight of a step after one more: half of it is gone after some 700.
  static constexpr double kKept = 0.999;
  using Row = std::array<double, kTerms>;

  void fit();

  SchedulingCosts costs_;
  std::array<Row, kTerms> moments_{};  // weighted sums of products
  Row targets_{};                      // weighted sums of products with the seconds
  uint32_t seen_ = 0;
};

}  // namespace llmos::engine
