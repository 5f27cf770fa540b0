// SPDX-License-Identifier: Apache-2.0
#include "format/end_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> kTokens{"a", "<|end|>", "<|return|>", "<|call|>", "<|eot_id|>"};

std::vector<TokenId> kept(std::vector<TokenId> ends) {
  drop_false_ends(kTokens, ends);
  return ends;
}

TEST(EndTokens, LeavesEveryIdOnce) {
  EXPECT_THAT(kept({4, 0, 4, 0}), ElementsAre(0, 4));
  EXPECT_THAT(kept({}), IsEmpty());
}

TEST(EndTokens, EndIsNoEndWhereTheOthersAre) {
  EXPECT_THAT(kept({1, 2, 3}), ElementsAre(2, 3));
  EXPECT_THAT(kept({1, 2}), ElementsAre(1, 2));
  EXPECT_THAT(kept({1, 3}), ElementsAre(1, 3));
  EXPECT_THAT(kept({1}), ElementsAre(1));
}

}  // namespace
}  // namespace llmos
