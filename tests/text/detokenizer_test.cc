// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/small_spec.h"
#include "text/stop_matcher.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;

// Ids: 0 <s>, 1 " a", 2 "b", 3 "st", 4 "op", then the bytes.
Tokenizer tokenizer() {
  TokenizerSpec spec = test::small_spec(TokenizerModel::kSpm, {{"<s>", 0, TokenType::kControl},
                                                               {"\u2581"
                                                                "a"},
                                                               {"b"},
                                                               {"st"},
                                                               {"op"}});
  test::add_byte_tokens(spec);
  spec.decoder = {{DecoderStep::Kind::kReplace, "\u2581", " "},
                  {DecoderStep::Kind::kByteFallback},
                  {DecoderStep::Kind::kFuse},
                  {DecoderStep::Kind::kStrip, "", " ", 1}};
  return make_tokenizer(std::move(spec)).value();
}

constexpr TokenId byte_id(uint8_t byte) { return 5 + byte; }

std::vector<std::string> pushed(Detokenizer& detokenizer, const std::vector<TokenId>& ids) {
  std::vector<std::string> texts;
  for (const TokenId id : ids) texts.push_back(detokenizer.push(id));
  return texts;
}

TEST(Detokenizer, WholeCharactersOnly) {
  Detokenizer detokenizer(tokenizer());
  EXPECT_THAT(
      pushed(detokenizer, {1, byte_id(0xF0), byte_id(0x9F), byte_id(0x98), byte_id(0x80), 1}),
      ElementsAre("a", "", "", "", "\U0001F600", " a"));
  EXPECT_EQ(detokenizer.finish(), "");
}

TEST(Detokenizer, BrokenCharactersBecomeReplacements) {
  Detokenizer detokenizer(tokenizer());
  EXPECT_THAT(pushed(detokenizer, {byte_id(0xE2), byte_id(0x82), 2, byte_id(0xFF)}),
              ElementsAre("", "",
                          "\uFFFD"
                          "b",
                          "\uFFFD"));
  EXPECT_EQ(detokenizer.push(byte_id(0xC3)), "");
  EXPECT_EQ(detokenizer.finish(), "\uFFFD");
}

TEST(Detokenizer, SkipsSpecialTokensAndForeignIds) {
  Detokenizer detokenizer(tokenizer());
  EXPECT_THAT(pushed(detokenizer, {0, 1, -1, 1 << 20, INT32_MIN, 0, 2}),
              ElementsAre("", "a", "", "", "", "", "b"));
  Detokenizer all(tokenizer(), {.skip_special = false});
  EXPECT_THAT(pushed(all, {0, 1}), ElementsAre("<s>", " a"));
}

TEST(Detokenizer, IsAsNewAfterTheEnd) {
  Detokenizer detokenizer(tokenizer());
  EXPECT_THAT(pushed(detokenizer, {1, 1}), ElementsAre("a", " a"));
  EXPECT_EQ(detokenizer.finish(), "");
  EXPECT_THAT(pushed(detokenizer, {1}), ElementsAre("a"));
  Detokenizer moved = std::move(detokenizer);
  EXPECT_THAT(pushed(moved, {1}), ElementsAre(" a"));
}

TEST(Detokenizer, OutlivesItsTokenizer) {
  std::optional<Tokenizer> made = tokenizer();
  Detokenizer detokenizer(*made);
  made.reset();
  EXPECT_EQ(detokenizer.push(2), "b");
}

TEST(Detokenizer, StreamsWhatDecodeSays) {
  Rng rng(test::seed("streams of tokens"));
  const Tokenizer made = tokenizer();
  for (int round = 0; round < 3000; ++round) {
    std::vector<TokenId> ids;
    for (size_t left = rng.below(12); left > 0; --left) {
      // Bytes from 0xC0 on begin characters, those below go on with them.
      ids.push_back(rng.below(2) ? TokenId(rng.below(5))
                                 : byte_id(uint8_t(0x80 + rng.below(0x80))));
    }
    const DecodeOptions options{.skip_special = rng.below(2) == 0};
    Detokenizer detokenizer(made, options);
    std::string streamed;
    for (const TokenId id : ids) streamed += detokenizer.push(id);
    EXPECT_EQ(streamed + detokenizer.finish(), made.decode(ids, options).value());
  }
}

TEST(Detokenizer, StopStringsAcrossTokens) {
  Detokenizer detokenizer(tokenizer());
  StopMatcher matcher({"stop", "\u20AC"});
  std::string out;
  EXPECT_FALSE(matcher.push(detokenizer.push(2), out));
  EXPECT_FALSE(matcher.push(detokenizer.push(3), out));
  EXPECT_EQ(out, "b");
  EXPECT_TRUE(matcher.push(detokenizer.push(4), out));
  EXPECT_EQ(out, "b");
  matcher.reset();
  for (const uint8_t byte : {0xE2, 0x82}) {
    EXPECT_FALSE(matcher.push(detokenizer.push(byte_id(byte)), out));
  }
  EXPECT_TRUE(matcher.push(detokenizer.push(byte_id(0xAC)), out));
  EXPECT_EQ(matcher.found(), 1u);
  EXPECT_EQ(out, "b");
}

}  // namespace
}  // namespace llmos
