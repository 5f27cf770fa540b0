// SPDX-License-Identifier: Apache-2.0
#include "text/pretokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "support/test_seed.h"
#include "text/long_texts.h"
#include "text/random_text.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = PretokenizerStep::Kind;
using Behavior = PretokenizerStep::Behavior;
using PrependScheme = PretokenizerStep::PrependScheme;
using Pieces = std::vector<std::string>;

Pretokenizer made(std::vector<PretokenizerStep> steps) {
  Result<Pretokenizer> pretokenizer = Pretokenizer::create(steps);
  EXPECT_TRUE(pretokenizer.ok()) << pretokenizer.status().to_string();
  return *std::move(pretokenizer);
}

Pretokenizer named(std::string_view name) {
  PretokenizerStep step{.kind = Kind::kNamed};
  step.pattern = name;
  return made({step});
}

Pieces pieces(const Pretokenizer& pretokenizer, std::string_view text, bool at_begin = true) {
  Pieces found;
  pretokenizer.split(
      text, [&](std::string_view piece) { found.emplace_back(piece); }, at_begin);
  return found;
}

PretokenizerStep split_at(std::string_view literal, Behavior behavior, bool invert = false) {
  PretokenizerStep step{.kind = Kind::kSplit};
  step.pattern = literal;
  step.behavior = behavior;
  step.invert = invert;
  return step;
}

TEST(Pretokenizer, NamedOnesCutAsTheirModelsDo) {
  EXPECT_THAT(pieces(named("gpt-2"), "I'm 1234  years\n\nold!"),
              ElementsAre("I", "'m", " 1234", " ", " years", "\n", "\n", "old", "!"));
  EXPECT_THAT(pieces(named("llama-bpe"), "I'M 1234  years\n\nold!\n x"),
              ElementsAre("I", "'M", " ", "123", "4", " ", " years", "\n\n", "old", "!\n", " x"));
  EXPECT_THAT(pieces(named("qwen2"), "12 ab"), ElementsAre("1", "2", " ab"));
  EXPECT_THAT(pieces(named("starcoder"), "x12 y"), ElementsAre("x", "1", "2", " y"));
  EXPECT_THAT(pieces(named("gpt-4o"), "HTTPServer isn't//\n/x"),
              ElementsAre("HTTPServer", " isn't", "//\n/", "x"));
  EXPECT_THAT(pieces(named("tekken"), "fooBar isn't 12"),
              ElementsAre("foo", "Bar", " isn", "'t", " ", "1", "2"));
  EXPECT_THAT(pieces(named("deepseek-coder"), "a1中文, b\nc"),
              ElementsAre("a", "1", "中文", ",", " b", "\n", "c"));
  EXPECT_THAT(pieces(named("deepseek-llm"), "Ab1 中文c  "),
              ElementsAre("Ab", "1", " ", "中文", "c", "  "));
  EXPECT_THAT(pieces(named("falcon"), "a12345..b"), ElementsAre("a", "123", "45", "..", "b"));
}

// Steps behind the byte-level one see printable code points: the second byte of U+00B2 is a digit.
TEST(Pretokenizer, FalconCutsWithinCharacters) {
  EXPECT_THAT(pieces(named("falcon"), "a\u0432"), ElementsAre("a\xD0", "\xB2"));
}

TEST(Pretokenizer, BehaviorsOfMatches) {
  const auto of = [](Behavior behavior, bool invert = false) {
    return pieces(made({split_at("-", behavior, invert)}), "a--b-");
  };
  EXPECT_THAT(of(Behavior::kRemoved), ElementsAre("a", "b"));
  EXPECT_THAT(of(Behavior::kIsolated), ElementsAre("a", "-", "-", "b", "-"));
  EXPECT_THAT(of(Behavior::kContiguous), ElementsAre("a", "--", "b", "-"));
  EXPECT_THAT(of(Behavior::kMergedWithPrevious), ElementsAre("a-", "-", "b-"));
  EXPECT_THAT(of(Behavior::kMergedWithNext), ElementsAre("a", "-", "-b", "-"));
  EXPECT_THAT(of(Behavior::kRemoved, true), ElementsAre("-", "-", "-"));
  EXPECT_THAT(of(Behavior::kMergedWithNext, true), ElementsAre("a-", "-", "b-"));
}

TEST(Pretokenizer, DigitsPunctuationAndWhiteSpace) {
  PretokenizerStep digits{.kind = Kind::kDigits};
  EXPECT_THAT(pieces(made({digits}), "a12½b"), ElementsAre("a", "12½", "b"));
  digits.individual = true;
  EXPECT_THAT(pieces(made({digits}), "a12½b"), ElementsAre("a", "1", "2", "½", "b"));
  PretokenizerStep punctuation{.kind = Kind::kPunctuation};
  EXPECT_THAT(pieces(made({punctuation}), "a, b$。"), ElementsAre("a", ",", " b", "$", "。"));
  EXPECT_THAT(pieces(made({{.kind = Kind::kWhitespace}}), "a_1 b--é"),
              ElementsAre("a_1", "b", "--", "é"));
  EXPECT_THAT(pieces(made({{.kind = Kind::kWhitespaceSplit}}), " a\t b. \n"),
              ElementsAre("a", "b."));
}

TEST(Pretokenizer, MetaspaceWritesSpacesVisibly) {
  PretokenizerStep step{.kind = Kind::kMetaspace};
  step.pattern = "▁";
  EXPECT_THAT(pieces(made({step}), "a  b"), ElementsAre("▁a", "▁", "▁b"));
  EXPECT_THAT(pieces(made({step}), " a"), ElementsAre("▁a"));
  step.split = false;
  step.prepend = PrependScheme::kFirst;
  EXPECT_THAT(pieces(made({step}), "a b"), ElementsAre("▁a▁b"));
  EXPECT_THAT(pieces(made({step}), "a b", /*at_begin=*/false), ElementsAre("a▁b"));
  step.prepend = PrependScheme::kNever;
  EXPECT_THAT(pieces(made({step}), "a b"), ElementsAre("a▁b"));
}

TEST(Pretokenizer, ByteLevelMayBeginWithASpace) {
  PretokenizerStep step{.kind = Kind::kByteLevel};
  step.add_prefix_space = true;
  EXPECT_THAT(pieces(made({step}), "a b"), ElementsAre(" a", " b"));
  EXPECT_THAT(pieces(made({step}), " a"), ElementsAre(" a"));
  EXPECT_THAT(pieces(made({step}), ""), IsEmpty());
  step.use_regex = false;
  EXPECT_THAT(pieces(made({step}), "a b"), ElementsAre(" a b"));
  EXPECT_TRUE(made({step}).byte_level());
  EXPECT_FALSE(made({}).byte_level());
}

TEST(Pretokenizer, WithoutStepsTheTextIsOnePiece) {
  EXPECT_THAT(pieces(made({}), "a b"), ElementsAre("a b"));
  EXPECT_THAT(pieces(made({}), ""), IsEmpty());
}

TEST(Pretokenizer, RefusesWhatItCannotDo) {
  PretokenizerStep step{.kind = Kind::kNamed};
  step.pattern = "nobody";
  EXPECT_THAT(Pretokenizer::create({&step, 1}).status().to_string(), HasSubstr("'nobody'"));
  step = {.kind = Kind::kSplitRegex};
  step.pattern = "(";
  EXPECT_EQ(Pretokenizer::create({&step, 1}).status().code(), Code::kInvalid);
  const std::vector<PretokenizerStep> many(kPretokenizerStepsMax + 1, {.kind = Kind::kDigits});
  EXPECT_EQ(Pretokenizer::create(many).status().code(), Code::kExhausted);
}

constexpr std::string_view kNames[] = {
    "default",   "llama-bpe", "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon",
    "starcoder", "gpt-2",     "qwen2",        "qwen35",         "tekken",      "gpt-4o",
    "tiny_aya",  "poro-chat", "viking",       "superbpe",       "seed-coder",  "bailingmoe",
};

// No named one drops or adds anything, whatever the bytes.
TEST(Pretokenizer, PiecesTogetherAreTheText) {
  test::RandomText random(test::seed("pieces"), /*broken_utf8=*/true);
  for (const std::string_view name : kNames) {
    const Pretokenizer pretokenizer = named(name);
    for (int round = 0; round < 500; ++round) {
      const std::string text = random.text(30);
      std::string joined;
      for (const std::string& piece : pieces(pretokenizer, text)) {
        ASSERT_FALSE(piece.empty());
        joined += piece;
      }
      ASSERT_EQ(joined, text) << name;
    }
  }
}

TEST(Pretokenizer, LongTextsTakeLinearTime) {
  for (const std::string_view name : kNames) {
    const Pretokenizer pretokenizer = named(name);
    for (const std::string& text : test::long_texts()) {
      const auto begin = std::chrono::steady_clock::now();
      size_t bytes = 0;
      pretokenizer.split(text, [&](std::string_view piece) { bytes += piece.size(); });
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      EXPECT_EQ(bytes, text.size());
      EXPECT_LT(seconds.count(), test::kLongTextSecondsMax) << name << ", " << text.substr(0, 8);
    }
  }
}

}  // namespace
}  // namespace llmos
