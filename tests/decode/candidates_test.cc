// SPDX-License-Identifier: Apache-2.0
#include "decode/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

std::vector<TokenId> ids(const Candidates& candidates) {
  std::vector<TokenId> ids;
  for (const Candidate& candidate : candidates) ids.push_back(candidate.id);
  return ids;
}

const Candidates kFive{{0, 2}, {1, 5}, {2, 1}, {3, 5}, {4, 7}};

TEST(Candidates, TopKPrefersLowIds) {
  Candidates some = kFive;
  keep_top_k(some, 2);
  EXPECT_THAT(ids(some), UnorderedElementsAre(4, 1));
  keep_top_k(some, 0);
  EXPECT_EQ(some.size(), 2u);
}

TEST(Candidates, TopPTakesTheFewest) {
  Candidates some = kFive;
  keep_top_p(some, 0.6);  // of 20: 7 + 5 reach 12 exactly
  EXPECT_THAT(ids(some), ElementsAre(4, 1));
  keep_top_p(some, 0);
  EXPECT_THAT(ids(some), ElementsAre(4));
}

TEST(Candidates, MinPIsRelativeToTheBest) {
  Candidates some = kFive;
  keep_min_p(some, 5.0 / 7);
  EXPECT_THAT(ids(some), ElementsAre(1, 3, 4));
}

TEST(Candidates, DropTopLeavesTheLeastProbable) {
  Candidates some = kFive;
  drop_top(some, 0.25);
  EXPECT_THAT(ids(some), ElementsAre(0, 2, 3));
  Candidates none = kFive;
  drop_top(none, 0.9);
  EXPECT_EQ(none.size(), kFive.size());
}

TEST(Candidates, SurpriseLeavesAtLeastTheBest) {
  Candidates some = kFive;
  keep_surprise(some, -100);
  EXPECT_THAT(ids(some), ElementsAre(4));
  some = kFive;
  keep_surprise(some, 2);  // a quarter of 20
  EXPECT_THAT(ids(some), ElementsAre(4, 1, 3));
}

// Long lists are sorted in portions: the same as sorting all.
TEST(Candidates, LongListsAreCutLikeShortOnes) {
  Rng rng(test::seed("candidates"));
  for (int round = 0; round < 50; ++round) {
    Candidates some;
    const size_t count = 1 + rng.below(2000);
    for (size_t i = 0; i < count; ++i) some.push_back({TokenId(i), 0.01 + rng.uniform()});
    Candidates sorted = some;
    std::sort(sorted.begin(), sorted.end(), better);
    const double share = rng.uniform(), total = total_weight(sorted);
    keep_top_p(some, share);
    ASSERT_TRUE(std::equal(some.begin(), some.end(), sorted.begin(),
                           [](const Candidate& a, const Candidate& b) { return a.id == b.id; }));
    EXPECT_GE(total_weight(some), share * total * (1 - 1e-12));
    some.pop_back();
    EXPECT_LE(total_weight(some), share * total * (1 + 1e-12));
  }
}

}  // namespace
}  // namespace llmos
