// SPDX-License-Identifier: Apache-2.0
#include "text/pretokenizer_finder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/pretokenizer_patterns.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = PretokenizerStep::Kind;
using Matches = std::vector<std::string>;

Matches matches(const Finder& finder, std::string_view text) {
  Matches found;
  finder.for_each_match(
      text, [&](size_t begin, size_t end) { found.emplace_back(text.substr(begin, end - begin)); });
  return found;
}

Matches step_matches(Kind kind, std::string_view text, std::string_view pattern = "") {
  PretokenizerStep step{.kind = kind};
  step.pattern = pattern;
  return matches(*step_finder(step), text);
}

TEST(StepFinder, DigitsAreNumbersOfAnyKind) {
  EXPECT_THAT(step_matches(Kind::kDigits, "a1½Ⅷ٣b"), ElementsAre("1", "½", "Ⅷ", "٣"));
  EXPECT_THAT(step_matches(Kind::kDigits, "\xFF"), IsEmpty());
}

// Rust's is_ascii_punctuation() counts what Unicode calls symbols.
TEST(StepFinder, PunctuationHasTheSymbolsOfAscii) {
  EXPECT_THAT(step_matches(Kind::kPunctuation, "a+«b。€"), ElementsAre("+", "«", "。"));
  EXPECT_EQ(step_matches(Kind::kPunctuation, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").size(), 32u);
}

TEST(StepFinder, WordsAreRunsAndSoIsWhatIsNeither) {
  EXPECT_THAT(step_matches(Kind::kWhitespace, " a_é1  --\n!b"),
              ElementsAre("a_é1", "--", "!", "b"));
  EXPECT_THAT(step_matches(Kind::kWhitespace, "a\u200Db \u00B2"),
              ElementsAre("a\u200Db", "\u00B2"));
  EXPECT_THAT(step_matches(Kind::kWhitespaceSplit, "a \t\u3000b"),
              ElementsAre(" ", "\t", "\u3000"));
}

TEST(StepFinder, LiteralsDoNotOverlap) {
  EXPECT_THAT(step_matches(Kind::kSplit, "aaabaa", "aa"), ElementsAre("aa", "aa"));
  EXPECT_THAT(step_matches(Kind::kSplit, "aaa", ""), IsEmpty());
  EXPECT_THAT(step_matches(Kind::kMetaspace, "\u2581a\u2581", "\u2581"),
              ElementsAre("\u2581", "\u2581"));
}

TEST(StepFinder, NothingToLookFor) {
  PretokenizerStep bytes{.kind = Kind::kByteLevel};
  EXPECT_TRUE(step_finder(bytes));
  bytes.use_regex = false;
  EXPECT_FALSE(step_finder(bytes));
  PretokenizerStep metaspace{.kind = Kind::kMetaspace};
  metaspace.split = false;
  EXPECT_FALSE(step_finder(metaspace));
  EXPECT_FALSE(step_finder({.kind = Kind::kNamed}));
}

TEST(RegexFinder, KnownPatternsAndOthersFindTheirMatches) {
  const auto known = regex_finder(kGpt2Pattern);
  ASSERT_TRUE(known.ok());
  EXPECT_THAT(matches(**known, "I'm  1"), ElementsAre("I", "'m", " ", " 1"));
  const auto other = regex_finder("\\d+");
  ASSERT_TRUE(other.ok());
  EXPECT_THAT(matches(**other, "a12b3"), ElementsAre("12", "3"));
  EXPECT_EQ(regex_finder("[").status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace llmos
