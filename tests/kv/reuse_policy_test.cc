// SPDX-License-Identifier: Apache-2.0
#include "kv/reuse_policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

TEST(ReusePolicy, UnknownGroupsGoByAge) {
  ReusePolicy policy;
  const std::vector<CachedBlock> candidates = {{.age = 10}, {.age = 1000}, {.age = 100}};
  EXPECT_EQ(policy.choose(candidates), 1u);
}

// Blocks of two groups: of one, nine in ten are used again after 100; of the other, one in ten.
TEST(ReusePolicy, KeepsTheGroupThatIsUsedAgain) {
  Rng rng(test::seed("reuse policy"));
  ReusePolicy policy;
  const CachedBlock good{.age = 100, .uses = 1, .tokens = 16, .group = 2};
  const CachedBlock bad{.age = 100, .uses = 0, .tokens = 16, .group = 0};
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(policy.group(good), good.group);
    ASSERT_EQ(policy.group(bad), bad.group);
    if (rng.bernoulli(0.9)) policy.wanted(good, true);
    if (rng.bernoulli(0.1)) policy.wanted(bad, rng.bernoulli(0.5));
  }
  EXPECT_NEAR(policy.worth(2, 0) / policy.worth(0, 0), 9, 2);
  CachedBlock older = good;
  older.age = 90;
  EXPECT_EQ(policy.choose(std::vector<CachedBlock>{older, bad}), 1u);
  older.age = 500;  // none of its group was used so late
  EXPECT_EQ(policy.choose(std::vector<CachedBlock>{older, {.age = 20, .group = 0}}), 0u);
}

TEST(ReusePolicy, WorthIsFiniteAtEveryAgeAndAfterLongRuns) {
  ReusePolicy policy;
  const CachedBlock block{.age = ~uint64_t{0}, .uses = 9, .tokens = 16, .group = 14};
  for (int i = 0; i < 100'000; ++i) {
    policy.group(block);
    policy.wanted(block, i % 2 == 0);
  }
  for (int bit = 0; bit < 64; ++bit) {
    const double worth = policy.worth(14, (uint64_t{1} << bit) - 1);
    ASSERT_TRUE(std::isfinite(worth) && worth > 0) << bit;
  }
}

}  // namespace
}  // namespace llmos
