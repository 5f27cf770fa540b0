// SPDX-License-Identifier: Apache-2.0
#include "predict/step_cost.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos::predict {
namespace {

constexpr ModelWork kWork{
    .weight_bytes = 600e6, .token_ops = 2e9, .key_bytes = 22e3, .barriers = 200};
constexpr MachineRates kRates{.read_bytes_per_s = 40e9, .ops_per_s = 600e9, .barrier_s = 1e-6};

TEST(StepCost, BeginsWithTheMachinesRates) {
  const StepCost cost(kWork, kRates);
  const double read = 600e6 / 40e9, token = 2e9 / 600e9, fixed = 200e-6;
  const double one = std::cbrt(std::pow(read, 3) + std::pow(token, 3));
  EXPECT_NEAR(cost.predict({.decodes = 1}), fixed + one, 1e-9);
  EXPECT_NEAR(cost.predict({.prompt_tokens = 512}), fixed + 512 * token, 1e-3);
  EXPECT_NEAR(cost.predict({.decodes = 1, .context_keys = 1000}), fixed + one + 22e6 / 40e9, 1e-9);
}

TEST(StepCost, AFewTokensCostAboutWhatOneDoes) {
  const StepCost cost(kWork, kRates);
  EXPECT_LT(cost.predict({.decodes = 3}), 1.2 * cost.predict({.decodes = 1}));
  EXPECT_GT(cost.predict({.decodes = 32}), 5 * cost.predict({.decodes = 1}));
}

// A machine that overlaps otherwise than the model thinks (the larger of the two, and a little),
// and whose rates are up to three times other than measured.
struct Truth {
  double read, token, key, fixed;
  double seconds(const StepBatch& b) const {
    const double compute = token * (b.prompt_tokens + b.decodes);
    return fixed + std::max(read, compute) + 0.15 * std::min(read, compute) +
           key * double(b.context_keys);
  }
};

TEST(StepCost, IsWithin15PercentAfter50Steps) {
  Rng rng(test::seed("step cost"));
  const auto off = [&] { return std::exp((rng.uniform() * 2 - 1) * std::log(3.0)); };
  for (int run = 0; run < 50; ++run) {
    StepCost cost(kWork, kRates);
    const Truth truth{0.015 * off(), 0.0033 * off(), 0.55e-6 * off(), 200e-6 * off()};
    const auto batch = [&] {
      StepBatch b;
      if (rng.bernoulli(0.3)) b.prompt_tokens = uint32_t(rng.between(16, 512));
      if (b.prompt_tokens == 0 || rng.bernoulli(0.7)) b.decodes = uint32_t(rng.between(1, 32));
      b.context_keys =
          uint64_t(b.prompt_tokens * b.prompt_tokens / 2 + b.decodes * rng.between(10, 2000));
      return b;
    };
    for (int i = 0; i < 50; ++i) {
      const StepBatch b = batch();
      cost.observe(b, truth.seconds(b) * (1 + 0.05 * (rng.uniform() * 2 - 1)));
    }
    double error = 0;
    for (int i = 0; i < 200; ++i) {
      const StepBatch b = batch();
      error += std::abs(cost.predict(b) / truth.seconds(b) - 1) / 200;
    }
    EXPECT_LE(error, 0.15) << "run " << run;
  }
}

TEST(StepCost, LearnsNothingFromWhatIsNoTime) {
  StepCost cost(kWork, kRates);
  const double before = cost.predict({.decodes = 1});
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity()}) {
    cost.observe({.decodes = 1}, bad);
  }
  EXPECT_EQ(cost.predict({.decodes = 1}), before);
  EXPECT_EQ(cost.observed(), 0u);
}

TEST(StepCost, OneStrayStepChangesATermByAtMostTwo) {
  StepCost cost(kWork, kRates);
  const double before = cost.predict({.prompt_tokens = 512});
  cost.observe({.prompt_tokens = 512}, 1000 * before);
  EXPECT_LE(cost.predict({.prompt_tokens = 512}), 2.01 * before);
}

}  // namespace
}  // namespace llmos::predict
