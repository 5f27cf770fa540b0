// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_normalizer.h"

#include <gtest/gtest.h>

#include "text/charsmap_bytes.h"

namespace llmos {
namespace {

const std::string kSpace = "\u2581";

NormalizerStep plain() {
  NormalizerStep step{NormalizerStep::Kind::kSentencepiece};
  return step;
}

std::string apply(const NormalizerStep& step, std::string_view text,
                  std::vector<ByteTrie::Key> kept = {}) {
  return SentencepieceNormalizer::create(step, std::move(kept)).value().apply(text);
}

TEST(SentencepieceNormalizer, EscapesSpaces) {
  NormalizerStep step = plain();
  EXPECT_EQ(apply(step, " a  b "), kSpace + "a" + kSpace + kSpace + "b" + kSpace);
  step.escape_whitespaces = false;
  EXPECT_EQ(apply(step, " a  b "), " a  b ");
}

TEST(SentencepieceNormalizer, PutsASpaceBeforeTheText) {
  NormalizerStep step = plain();
  step.add_dummy_prefix = true;
  EXPECT_EQ(apply(step, "a"), kSpace + "a");
  EXPECT_EQ(apply(step, " a"), kSpace + kSpace + "a");
  EXPECT_EQ(apply(step, ""), "");
  step.whitespace_as_suffix = true;
  EXPECT_EQ(apply(step, "a"), "a" + kSpace);
}

TEST(SentencepieceNormalizer, JoinsAndTrimsSpaces) {
  NormalizerStep step = plain();
  step.remove_extra_whitespaces = true;
  EXPECT_EQ(apply(step, "  a   b  "), "a" + kSpace + "b");
  EXPECT_EQ(apply(step, "   "), "");
  step.add_dummy_prefix = true;
  EXPECT_EQ(apply(step, "  a   b  "), kSpace + "a" + kSpace + "b");
}

TEST(SentencepieceNormalizer, ReplacesByTheTable) {
  NormalizerStep step = plain();
  step.remove_extra_whitespaces = true;
  step.content =
      test::charsmap_bytes({{"\t", " "}, {"\uFB01", "fi"}, {"\u200B", ""}, {"e\u0301", "\u00E9"}});
  EXPECT_EQ(apply(step, "\t\uFB01n\t \te\u0301\u200Bx\t"), "fin" + kSpace + "\u00E9x");
}

TEST(SentencepieceNormalizer, KeepsUserDefinedTokens) {
  NormalizerStep step = plain();
  step.content = test::charsmap_bytes({{"a", "b"}});
  EXPECT_EQ(apply(step, "a<a>a", {{"<a>", 1}}), "b<a>b");
}

TEST(SentencepieceNormalizer, BytesThatAreNoUtf8) {
  EXPECT_EQ(apply(plain(), "a\xFF\xE2\x82"), "a\uFFFD\uFFFD\uFFFD");
}

TEST(SentencepieceNormalizer, SaysHowFarATextMayGrow) {
  NormalizerStep step = plain();
  EXPECT_EQ(SentencepieceNormalizer::create(step, {}).value().growth_max(), 3u);
  step.content = test::charsmap_bytes({{"a", "1234"}});
  EXPECT_EQ(SentencepieceNormalizer::create(step, {}).value().growth_max(), 12u);
  step.content = "x";
  EXPECT_EQ(SentencepieceNormalizer::create(step, {}).status().code(), Code::kCorrupt);
}

}  // namespace
}  // namespace llmos
