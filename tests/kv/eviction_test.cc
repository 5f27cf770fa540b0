// SPDX-License-Identifier: Apache-2.0
#include "kv/eviction.h"

#include <gtest/gtest.h>

#include <vector>

namespace llmos {
namespace {

TEST(Eviction, LruIsTheTreesOwn) { EXPECT_EQ(make_eviction_policy(Eviction::kLru), nullptr); }

TEST(Eviction, LfuTakesTheLeastUsedAndTheOldestOfThose) {
  const auto policy = make_eviction_policy(Eviction::kLfu);
  const std::vector<CachedBlock> candidates = {{.age = 100, .uses = 3, .tokens = 16},
                                               {.age = 10, .uses = 1, .tokens = 16},
                                               {.age = 20, .uses = 1, .tokens = 16}};
  EXPECT_EQ(policy->choose(candidates), 2u);
  EXPECT_LT(policy->group(candidates[1]), policy->group(candidates[0]));
}

TEST(Eviction, CostKeepsWhatIsDearToCompute) {
  const auto policy = make_eviction_policy(Eviction::kCost);
  const std::vector<CachedBlock> by_depth = {{.age = 10, .depth = 5000, .tokens = 16},
                                             {.age = 10, .depth = 5, .tokens = 16}};
  EXPECT_EQ(policy->choose(by_depth), 1u);
  const std::vector<CachedBlock> by_age = {{.age = 10, .tokens = 16}, {.age = 1000, .tokens = 16}};
  EXPECT_EQ(policy->choose(by_age), 1u);
}

TEST(Eviction, GroupsStayInBounds) {
  for (const Eviction eviction : {Eviction::kLfu, Eviction::kCost}) {
    const auto policy = make_eviction_policy(eviction);
    for (const uint32_t uses : {0u, 1u, 1000u, ~0u}) {
      const CachedBlock block{.age = 1, .uses = uses, .tokens = 1, .continues = true};
      EXPECT_LT(policy->group(block), EvictionPolicy::kGroupsMax);
      EXPECT_EQ(policy->choose(std::vector<CachedBlock>{block}), 0u);
    }
  }
}

}  // namespace
}  // namespace llmos
