// SPDX-License-Identifier: Apache-2.0
#include "predict/step_cost_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "base/rng_distributions.h"
#include "support/test_seed.h"

namespace llmos::predict {
namespace {

constexpr StepCostFit::Costs kGuess = {.017, .00011, .00005, .53e-6};

// What a server runs: some decodes, every so often a chunk of a prompt beside them.
StepCostFit::Work any_work(Rng& rng) {
  const double decodes = double(rng.below(17));
  const double prompt = rng.bernoulli(.3) || decodes == 0 ? double(1 + rng.below(496)) : 0;
  return {prompt, decodes, decodes * double(50 + rng.below(900)) + prompt * prompt / 2};
}

double seconds_of(const StepCostFit::Costs& costs, const StepCostFit::Work& work) {
  return costs[0] + costs[1] * work[0] + costs[2] * work[1] + costs[3] * work[2];
}

StepCostFit::Costs any_costs(Rng& rng) {
  StepCostFit::Costs costs = kGuess;
  const double speed = std::exp(std::log(30) * (2 * rng.uniform() - 1));
  for (double& cost : costs) cost *= speed * std::exp(2 * rng.uniform() - 1);
  return costs;
}

TEST(StepCostFit, FindsTheCostsThatMadeTheSteps) {
  Rng rng(test::seed("step cost"));
  for (int round = 0; round < 20; ++round) {
    const StepCostFit::Costs costs = any_costs(rng);
    StepCostFit fit(kGuess);
    for (int i = 0; i < 2000; ++i) {
      const auto work = any_work(rng);
      ASSERT_TRUE(fit.observe(work, seconds_of(costs, work)));
    }
    fit.refit();
    for (int i = 0; i < 50; ++i) {
      const auto work = any_work(rng);
      EXPECT_NEAR(fit.predict(work) / seconds_of(costs, work), 1, .01);
    }
    // What a decode costs is a fortieth of a step here: known less well.
    EXPECT_NEAR(fit.costs()[0] / costs[0], 1, .02);
    EXPECT_NEAR(fit.costs()[1] / costs[1], 1, .02);
  }
}

// The promise: 50 noisy steps, some of them disturbed, from a guess 30 times off.
TEST(StepCostFit, FiftyStepsAreEnoughForFifteenPercent) {
  Rng rng(test::seed("step cost"));
  double worst = 0;
  for (int round = 0; round < 200; ++round) {
    const StepCostFit::Costs costs = any_costs(rng);
    StepCostFit fit(kGuess);
    for (int i = 0; i < 50; ++i) {
      const auto work = any_work(rng);
      const double noise = std::exp(.1 * normal(rng)) * (i > 16 && rng.bernoulli(.02) ? 20 : 1);
      fit.observe(work, noise * seconds_of(costs, work));
    }
    fit.refit();
    double error = 0;
    constexpr int kFresh = 200;
    for (int i = 0; i < kFresh; ++i) {
      const auto work = any_work(rng);
      error += std::abs(fit.predict(work) / seconds_of(costs, work) - 1) / kFresh;
    }
    worst = std::max(worst, error);
  }
  EXPECT_LT(worst, .15);
}

// Only decodes of one size were seen: the total is known, its parts follow the guess.
TEST(StepCostFit, WhatCannotBeToldApartFollowsTheGuess) {
  StepCostFit fit(kGuess);
  const StepCostFit::Work work = {0, 8, 8 * 300};
  for (int i = 0; i < 100; ++i) fit.observe(work, 3 * seconds_of(kGuess, work));
  fit.refit();
  EXPECT_NEAR(fit.predict(work), 3 * seconds_of(kGuess, work), 1e-4);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(fit.costs()[i] / (3 * kGuess[i]), 1, .01) << i;
}

TEST(StepCostFit, CostsAreNeverNegative) {
  Rng rng(test::seed("step cost"));
  for (int round = 0; round < 300; ++round) {
    StepCostFit fit(kGuess);
    const uint64_t steps = 1 + rng.below(40);
    for (uint64_t i = 0; i < steps; ++i) fit.observe(any_work(rng), rng.uniform());
    fit.refit();
    for (const double cost : fit.costs()) EXPECT_TRUE(cost >= 0 && std::isfinite(cost));
  }
}

// A machine that has become slower is followed, though each step looks like an outlier at first.
TEST(StepCostFit, FollowsAMachineThatChanged) {
  Rng rng(test::seed("step cost"));
  StepCostFit fit(kGuess);
  for (const double speed : {1.0, 12.0}) {
    for (int i = 0; i < 6000; ++i) {
      const auto work = any_work(rng);
      fit.observe(work, speed * seconds_of(kGuess, work));
      if (i % 64 == 0) fit.refit();
    }
    const StepCostFit::Work work = {200, 8, 4000};
    EXPECT_NEAR(fit.predict(work) / (speed * seconds_of(kGuess, work)), 1, .05);
  }
}

TEST(StepCostFit, RefusesWhatIsNoMeasurement) {
  StepCostFit fit(kGuess);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(fit.observe({1, 2, 3}, nan));
  EXPECT_FALSE(fit.observe({1, 2, 3}, -1));
  EXPECT_FALSE(fit.observe({nan, 2, 3}, 1));
  EXPECT_FALSE(fit.observe({1, -2, 3}, 1));
  fit.refit();
  EXPECT_EQ(fit.costs(), kGuess);
  EXPECT_EQ(fit.steps(), 0u);
}

TEST(TransferCostFit, FollowsTheLink) {
  TransferCostFit fit(32e-6);
  EXPECT_FALSE(fit.observe(0, 1));
  EXPECT_FALSE(fit.observe(10, -1));
  EXPECT_EQ(fit.cost(), 32e-6);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(fit.observe(1000, .05));
  EXPECT_NEAR(fit.cost(), 50e-6, 1e-9);
  for (int i = 0; i < 300; ++i) fit.observe(100, .001);
  EXPECT_NEAR(fit.cost(), 10e-6, 1e-7);
}

}  // namespace
}  // namespace llmos::predict
