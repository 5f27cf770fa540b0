// SPDX-License-Identifier: Apache-2.0
#include "engine/costs.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos::engine {
namespace {

TEST(CostMeter, FindsTheCostsOfALinearEngine) {
  Rng rng(test::seed("costs"));
  CostMeter meter({.step = 1e-3, .prompt_token = 1e-4, .decode = 1e-4, .context_token = 1e-8});
  for (int i = 0; i < 4000; ++i) {
    const auto prompt = uint32_t(rng.bernoulli(0.3) ? rng.below(500) : 0);
    const auto decodes = uint32_t(rng.below(16));
    const uint64_t context = rng.below(20000);
    const double noise = 1 + 0.02 * (rng.uniform() - 0.5);
    meter.observe(prompt, decodes, context,
                  noise * (2e-3 + 1e-4 * prompt + 5e-5 * decodes + 1e-7 * double(context)));
  }
  EXPECT_NEAR(meter.costs().step, 2e-3, 2e-4);
  EXPECT_NEAR(meter.costs().prompt_token, 1e-4, 5e-6);
  EXPECT_NEAR(meter.costs().decode, 5e-5, 2e-5);
  EXPECT_NEAR(meter.costs().context_token, 1e-7, 2e-8);
}

// In proportion: a machine twice as slow at what was seen is so at the rest.
TEST(CostMeter, ScalesItsGuessOfWhatItHasNotSeen) {
  CostMeter meter({.step = 1, .prompt_token = 7, .decode = 1, .context_token = 1e-6});
  meter.set_swap_token(3);
  for (int i = 0; i < 640; ++i) meter.observe(0, 1, 0, 4);
  EXPECT_NEAR(meter.costs().prompt_token, 14, .5);
  EXPECT_NEAR(meter.costs().step + meter.costs().decode, 4, .01);
  EXPECT_EQ(meter.costs().swap_token, 3);
}

TEST(CostMeter, AStepNeverSeemsToBeFree) {
  CostMeter meter({.step = 1e-3, .prompt_token = 1e-4, .decode = 1e-4, .context_token = 1e-8});
  for (int i = 0; i < 640; ++i) meter.observe(0, 1, 0, 0);
  EXPECT_GT(meter.costs().step, 0);
}

}  // namespace
}  // namespace llmos::engine
