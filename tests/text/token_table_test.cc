// SPDX-License-Identifier: Apache-2.0
#include "text/token_table.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

std::string random_name(Rng* rng) {
  std::string name;
  for (uint64_t left = rng->below(20); left > 0; --left) {
    name += static_cast<char>('a' + rng->below(2));
  }
  return name;
}

TEST(TokenTable, EqualsAMap) {
  Rng rng(test::seed("token table"));
  std::vector<std::string> texts(2000);
  std::map<std::string, TokenId> model;
  for (size_t i = 0; i < texts.size(); ++i) {
    texts[i] = random_name(&rng);
    if (!texts[i].empty()) model[texts[i]] = TokenId(i);
  }
  const TokenTable table(texts);
  for (int round = 0; round < 20000; ++round) {
    const std::string name = random_name(&rng);
    const auto found = model.find(name);
    ASSERT_EQ(table.find(name), found == model.end() ? kNoToken : found->second) << name;
  }
}

TEST(TokenTable, OfNothingFindsNothing) {
  EXPECT_EQ(TokenTable({}).find("a"), kNoToken);
  EXPECT_EQ(TokenTable({}).find(""), kNoToken);
}

TEST(MergeTable, EqualsAMap) {
  Rng rng(test::seed("merge table"));
  constexpr uint64_t kIds = 60;
  MergeTable table(3000);
  std::map<std::pair<TokenId, TokenId>, TokenId> model;
  for (uint32_t i = 0; i < 3000; ++i) {
    const auto left = TokenId(rng.below(kIds)), right = TokenId(rng.below(kIds));
    table.insert(left, right, {i, TokenId(i + 7)});
    model[{left, right}] = TokenId(i + 7);
  }
  for (TokenId left = 0; left < TokenId(kIds) + 2; ++left) {
    for (TokenId right = 0; right < TokenId(kIds) + 2; ++right) {
      const auto found = model.find({left, right});
      const MergeTable::Merge merge = table.find(left, right);
      ASSERT_EQ(merge.merged, found == model.end() ? kNoToken : found->second);
      ASSERT_EQ(merge.rank == MergeTable::kNoRank, found == model.end());
    }
  }
}

}  // namespace
}  // namespace llmos
