// SPDX-License-Identifier: Apache-2.0
#include "text/normalizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/charsmap_bytes.h"
#include "text/small_spec.h"

namespace llmos {
namespace {

using Kind = NormalizerStep::Kind;
using ::testing::HasSubstr;

TokenizerSpec with_steps(std::vector<NormalizerStep> steps) {
  TokenizerSpec spec = test::small_spec(TokenizerModel::kBpe, {{"a"}});
  spec.normalizer = std::move(steps);
  return spec;
}

std::string apply(std::vector<NormalizerStep> steps, std::string_view text) {
  return Normalizer::create(with_steps(std::move(steps))).value().apply(text);
}

TEST(Normalizer, WithoutStepsNothingHappens) {
  EXPECT_TRUE(Normalizer::create(with_steps({})).value().empty());
  EXPECT_EQ(apply({}, "a\xFF"), "a\xFF");
}

TEST(Normalizer, EachStep) {
  EXPECT_EQ(apply({{Kind::kPrepend, "", "\u2581"}}, "a"),
            "\u2581"
            "a");
  EXPECT_EQ(apply({{Kind::kPrepend, "", "\u2581"}}, ""), "");
  EXPECT_EQ(apply({{Kind::kReplace, " ", "\u2581"}}, " a "),
            "\u2581"
            "a\u2581");
  EXPECT_EQ(apply({{Kind::kReplaceRegex, " {2,}", " "}}, "a   b  c d"), "a b c d");
  EXPECT_EQ(apply({{Kind::kNfc}}, "e\u0301"), "\u00E9");
  EXPECT_EQ(apply({{Kind::kNfd}}, "\u00E9"), "e\u0301");
  EXPECT_EQ(apply({{Kind::kNfkc}}, "\uFB01\u00BD"), "fi1\u20442");
  EXPECT_EQ(apply({{Kind::kNfkd}}, "\uFB01\u00E9"), "fie\u0301");
  EXPECT_EQ(apply({{Kind::kLowercase}}, "A\u00C9\u0130"), "a\u00E9i\u0307");
  EXPECT_EQ(apply({{Kind::kStripAccents}}, "e\u0301a"), "ea");
  EXPECT_EQ(apply({{Kind::kStrip}}, " \u3000 a b\t\n"), "a b");
  EXPECT_EQ(apply({{.kind = Kind::kStrip, .left = false}}, " a "), " a");
  EXPECT_EQ(apply({{.kind = Kind::kStrip, .right = false}}, " a "), "a ");
  EXPECT_EQ(apply({{.kind = Kind::kSentencepiece, .add_dummy_prefix = true}}, "a b"),
            "\u2581"
            "a\u2581"
            "b");
}

TEST(Normalizer, InOrder) {
  EXPECT_EQ(apply({{Kind::kNfd}, {Kind::kStripAccents}, {Kind::kLowercase}}, "\u00C9"), "e");
  EXPECT_EQ(apply({{Kind::kPrepend, "", " "}, {Kind::kReplace, " ", "_"}}, "a b"), "_a_b");
}

// As HF: a short cluster goes as a whole by the entry of its beginning, a long one by characters.
TEST(Normalizer, CharsmapOnClusters) {
  NormalizerStep step{Kind::kCharsmap};
  step.content = test::charsmap_bytes({{"e", "E"}, {"\uFB01", "fi"}, {"\r", "R"}});
  EXPECT_EQ(apply({step}, "e"), "E");
  EXPECT_EQ(apply({step}, "e\u0301x"), "Ex");  // 3 bytes: the accent goes with its letter
  EXPECT_EQ(apply({step}, "e\u0301\u0302\u0303"), "E\u0301\u0302\u0303");  // 7 bytes
  EXPECT_EQ(apply({step}, "\uFB01"), "fi");
  EXPECT_EQ(apply({step}, "\r\n"), "R");
  EXPECT_EQ(apply({step}, "\u1100\u1161"), "\u1100\u1161");
}

// Texts that do not end in one cluster of marks: linear, or this would take minutes.
TEST(Normalizer, CharsmapOnOneHugeCluster) {
  NormalizerStep step{Kind::kCharsmap};
  step.content = test::charsmap_bytes({{"e", "E"}});
  std::string text = "e", expected = "E";
  for (int i = 0; i < 200'000; ++i) text += "\u0301", expected += "\u0301";
  EXPECT_EQ(apply({step}, text), expected);
}

TEST(Normalizer, SaysWhetherTheBeginningWasDropped) {
  const auto keeps = [](NormalizerStep step, std::string_view text) {
    bool keeps_begin = true;
    (void)Normalizer::create(with_steps({std::move(step)})).value().apply(text, keeps_begin);
    return keeps_begin;
  };
  EXPECT_FALSE(keeps({Kind::kStrip}, " a"));
  EXPECT_TRUE(keeps({Kind::kStrip}, "a "));
  EXPECT_FALSE(keeps({Kind::kReplace, "a", ""}, "ab"));
  EXPECT_TRUE(keeps({Kind::kReplace, "b", ""}, "ab"));
  EXPECT_FALSE(keeps({Kind::kReplaceRegex, "a+", ""}, "aab"));
  EXPECT_TRUE(keeps({Kind::kReplaceRegex, "b*", ""}, "ab"));
  EXPECT_FALSE(keeps({Kind::kStripAccents}, "\u0301a"));
  EXPECT_TRUE(keeps({Kind::kNfc}, "\u0301a"));
}

// U+00A8 is a space and a mark to NFKC: stripping the space leaves a part of it.
TEST(Normalizer, APartOfTheFirstCharacterIsEnough) {
  const Normalizer normalizer =
      Normalizer::create(with_steps({{Kind::kNfkc}, {Kind::kLowercase}, {Kind::kStrip}})).value();
  const auto keeps = [&](std::string_view text) {
    bool keeps_begin = true;
    (void)normalizer.apply(text, keeps_begin);
    return keeps_begin;
  };
  EXPECT_TRUE(
      keeps("\u00A8"
            "a"));
  EXPECT_FALSE(
      keeps("\u00A0"
            "a"));
  EXPECT_FALSE(keeps(" \u00A8"));
  EXPECT_TRUE(keeps("a "));
}

TEST(Normalizer, RefusesWhatCannotBe) {
  const auto code = [](std::vector<NormalizerStep> steps) {
    return Normalizer::create(with_steps(std::move(steps))).status().code();
  };
  EXPECT_EQ(code({{Kind::kReplaceRegex, "(", ""}}), Code::kInvalid);
  EXPECT_EQ(code({{Kind::kCharsmap, "", "xyz"}}), Code::kCorrupt);
  EXPECT_EQ(code({{Kind::kSentencepiece, "", "xyz"}}), Code::kCorrupt);
}

// Twelve steps that double a text each make 4096 times as much of it.
TEST(Normalizer, ATextCannotGrowWithoutBounds) {
  const NormalizerStep doubling{Kind::kReplace, "a", "aa"};
  const auto status = [&](size_t count) {
    return Normalizer::create(with_steps(std::vector(count, doubling))).status();
  };
  EXPECT_TRUE(status(12).ok());
  EXPECT_EQ(status(13).code(), Code::kExhausted);
  EXPECT_EQ(status(20).code(), Code::kExhausted);
  EXPECT_THAT(status(20).message(), HasSubstr("4096"));
  NormalizerStep table{Kind::kCharsmap};
  table.content = test::charsmap_bytes({{"a", std::string(100, 'a')}});
  EXPECT_TRUE(Normalizer::create(with_steps({table})).ok());
  EXPECT_EQ(Normalizer::create(with_steps({table, table})).status().code(), Code::kExhausted);
}

}  // namespace
}  // namespace llmos
