// SPDX-License-Identifier: Apache-2.0
#include "text/byte_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/small_spec.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;

TEST(ByteTokens, ReadsTheByteOfAToken) {
  EXPECT_EQ(byte_of_token("<0x00>"), 0);
  EXPECT_EQ(byte_of_token("<0xFF>"), 255);
  EXPECT_EQ(byte_of_token("<0x0a>"), 10);
  for (const char* other :
       {"", "<0x0A", "0x0A>", "<0xG0>", "<0x0A> ", "<0x-1>", "<0x 1>", "<0X0A>"}) {
    EXPECT_EQ(byte_of_token(other), std::nullopt) << other;
  }
}

std::vector<TokenId> append(const TokenizerSpec& spec, std::string_view text, bool& after_unknown) {
  std::vector<TokenId> ids;
  ByteTokens(spec).append(text, after_unknown, ids);
  return ids;
}

TEST(ByteTokens, EveryByteOrNone) {
  TokenizerSpec spec = test::small_spec(TokenizerModel::kSpm, {{"<unk>", 0, TokenType::kUnknown},
                                                               {"<0x41>", 0, TokenType::kByte},
                                                               {"<0x42>", 0, TokenType::kByte}});
  bool after = false;
  EXPECT_THAT(append(spec, "AB", after), ElementsAre(0));  // no fallback asked for
  spec.byte_fallback = true;
  EXPECT_THAT(append(spec, "AB", after), ElementsAre(1, 2));
  EXPECT_FALSE(after);
  EXPECT_THAT(append(spec, "AC", after), ElementsAre(0));
  EXPECT_TRUE(after);
}

TEST(ByteTokens, FusesUnknown) {
  TokenizerSpec spec = test::small_spec(TokenizerModel::kSpm, {{"<unk>", 0, TokenType::kUnknown}});
  bool after = true;
  EXPECT_THAT(append(spec, "A", after), ElementsAre(0));
  spec.fuse_unknown = true;
  EXPECT_THAT(append(spec, "A", after), ElementsAre());
  spec.unknown.reset();
  after = false;
  EXPECT_THAT(append(spec, "A", after), ElementsAre());
}

}  // namespace
}  // namespace llmos
