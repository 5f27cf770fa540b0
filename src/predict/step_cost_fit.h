// SPDX-License-Identifier: Apache-2.0
// StepCostFit: what a step costs, learned while steps run.
//
//   seconds = cost[0] + cost[1] x[0] + ... + cost[n] x[n - 1],  every cost >= 0
//
//   StepCostFit fit({.017, .00011, .00005, .53e-6});
//   fit.observe({prompt_tokens, decodes, context_tokens}, seconds);  // each step, no allocation
//   fit.costs()                                                         // after refit()
//
// Non-negative least squares over all steps, the older ones forgotten slowly. Errors count relative
// to what the first guess makes of a step: a small step says as much as a large one. With four
// unknowns every set of those that are above zero is tried (15 solutions of 4 x 4 and less), so the
// minimum is exact, not what an iteration reached. The first guess, scaled to the machine's speed,
// counts as kPriorSteps steps for each cost: what the steps cannot tell apart (decodes and context
// grow together) stays in the guess's proportions, and any real information outweighs it. A step
// far above what was expected (a page fault, another program) counts as kOutlier times it.
//
// Threads  A value with one writer.
// Failure  observe() answers false and changes nothing for numbers that are negative or not finite.
// Cost     observe() O(terms^2), some 20 ns; refit() some 2 us.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace llmos::predict {

class StepCostFit {
 public:
  static constexpr size_t kTerms = 4;  // a step, a prompt token, a decode, a token of context
  using Costs = std::array<double, kTerms>;
  using Work = std::array<double, kTerms - 1>;

  // `first`: what it costs as far as anybody knows; `kept`: the weight of a step after one more.
  explicit StepCostFit(const Costs& first, double kept = kKept);

  bool observe(const Work& work, double seconds);
  // Fits again; costs() before that are the last ones.
  void refit();

  const Costs& costs() const { return costs_; }
  double predict(const Work& work) const;
  uint64_t steps() const { return steps_; }

 private:
  // Half of a step's weight is gone after some 700: minutes of a large model, a second of a tiny
  // one, in both cases longer than a batch's composition lasts.
  static constexpr double kKept = 0.999;
  static constexpr double kPriorSteps = .002;
  static constexpr double kOutlier = 1.75;
  static constexpr double kCostLeast = 1e-12;     // a guess of 0 still has a scale
  static constexpr uint64_t kStepsToExpect = 16;  // before that nothing is an outlier

  Costs first_, costs_;
  double kept_;
  std::array<std::array<double, kTerms>, kTerms> products_{};  // weighted sums of x_i x_j
  Costs targets_{};                                            // weighted sums of x_i seconds
  uint64_t steps_ = 0;
};

// Seconds to move one token between tiers, from moves that were made: their total time over their
// total tokens, older ones forgotten.
class TransferCostFit {
 public:
  explicit TransferCostFit(double first) : cost_(first) {}
  // False, and nothing changes, for no tokens, or seconds that are negative or not finite.
  bool observe(double tokens, double seconds);
  double cost() const { return cost_; }

 private:
  // Half of a move's weight is gone after 22 more.
  static constexpr double kKept = 0.97;
  double cost_;
  double tokens_ = 0, seconds_ = 0;
};

}  // namespace llmos::predict
