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

// Blocks of one kind of request come again, those of another never do: what is learned of the kinds
// outweighs who was used last.
TEST(Eviction, CostLearnsWhichRequestsComeAgain) {
  const auto policy = make_eviction_policy(Eviction::kCost);
  CachedBlock asked{.age = 50, .tokens = 16, .answer_bits = 2};
  CachedBlock chat{.age = 40, .tokens = 16, .answer_bits = 9};
  asked.group = policy->group(asked);
  chat.group = policy->group(chat);
  EXPECT_NE(asked.group, chat.group);
  EXPECT_EQ(policy->choose(std::vector<CachedBlock>{asked, chat}), 0u);
  for (int i = 0; i < 500; ++i) {
    policy->wanted(asked, i % 2 == 0);
    policy->choose(std::vector<CachedBlock>{chat});
  }
  EXPECT_EQ(policy->choose(std::vector<CachedBlock>{asked, chat}), 1u);
}

TEST(Eviction, GroupsStayInBounds) {
  for (const Eviction eviction : {Eviction::kLfu, Eviction::kCost}) {
    const auto policy = make_eviction_policy(eviction);
    for (const uint32_t uses : {0u, 1u, 1000u, ~0u}) {
      CachedBlock block{.age = 1, .uses = uses, .tokens = 1, .continues = true, .answer_bits = 64};
      block.group = policy->group(block);
      EXPECT_LT(block.group, EvictionPolicy::kGroupsMax);
      EXPECT_EQ(policy->choose(std::vector<CachedBlock>{block}), 0u);
    }
  }
}

}  // namespace
}  // namespace llmos
