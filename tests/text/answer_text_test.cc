// SPDX-License-Identifier: Apache-2.0
#include "text/answer_text.h"

#include <gtest/gtest.h>

#include "text/small_spec.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

// Ids: 0 <s>, 1 "ab", 2 "st", 3 "op", then the bytes.
Tokenizer tokenizer() {
  TokenizerSpec spec = test::small_spec(TokenizerModel::kSpm,
                                        {{"<s>", 0, TokenType::kControl}, {"ab"}, {"st"}, {"op"}});
  test::add_byte_tokens(spec);
  spec.decoder = {{DecoderStep::Kind::kByteFallback}, {DecoderStep::Kind::kFuse}};
  return make_tokenizer(std::move(spec)).value();
}

constexpr TokenId kAb = 1, kSt = 2, kOp = 3;
constexpr TokenId byte_id(uint8_t byte) { return 4 + byte; }

TEST(AnswerText, LeavesOutTheStopString) {
  const Tokenizer tokens = tokenizer();
  AnswerText text(&tokens, std::vector<TokenId>{kAb}, {"stop"});
  std::string out;
  EXPECT_FALSE(text.push(kAb, out));
  EXPECT_FALSE(text.push(kSt, out));
  EXPECT_EQ(out, "ab");
  EXPECT_TRUE(text.push(kOp, out));
  EXPECT_EQ(out, "ab");
}

TEST(AnswerText, GivesBackWhatOnlyBeganAsOne) {
  const Tokenizer tokens = tokenizer();
  AnswerText text(&tokens, {}, {"stop"});
  std::string out;
  EXPECT_FALSE(text.push(kSt, out));
  EXPECT_EQ(out, "");
  EXPECT_FALSE(text.push(kAb, out));
  EXPECT_EQ(out, "stab");
  EXPECT_FALSE(text.push(kSt, out));
  EXPECT_FALSE(text.finish(out));
  EXPECT_EQ(out, "stabst");
}

TEST(AnswerText, ShowsWholeCharacters) {
  const Tokenizer tokens = tokenizer();
  AnswerText text(&tokens, {}, {});
  std::string out;
  text.push(byte_id(0xC3), out);
  EXPECT_EQ(out, "");
  text.push(byte_id(0xA9), out);
  EXPECT_EQ(out, "\u00E9");
}

TEST(AnswerText, IsEmptyWithoutATokenizer) {
  AnswerText text(nullptr, {}, {"stop"});
  std::string out;
  EXPECT_FALSE(text.push(kSt, out));
  EXPECT_FALSE(text.finish(out));
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace llmos
