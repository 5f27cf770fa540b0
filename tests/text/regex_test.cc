// SPDX-License-Identifier: Apache-2.0
#include "text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/pretokenizer_patterns.h"
#include "text/random_text.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Matches = std::vector<std::string>;
using Places = std::vector<std::pair<size_t, size_t>>;

Regex compiled(std::string_view pattern) {
  Result<Regex> regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.ok()) << pattern << ": " << regex.status().to_string();
  return *std::move(regex);
}

Places places(const Regex& regex, std::string_view text, bool carefully = false) {
  Places found;
  const auto add = [&](size_t begin, size_t end) { found.emplace_back(begin, end); };
  carefully ? regex.for_each_match_carefully(text, add) : regex.for_each_match(text, add);
  return found;
}

Matches matches(std::string_view pattern, std::string_view text) {
  const Regex regex = compiled(pattern);
  Matches found;
  for (const auto& [begin, end] : places(regex, text)) {
    found.emplace_back(text.substr(begin, end - begin));
  }
  EXPECT_EQ(places(regex, text), places(regex, text, true)) << pattern << " on " << text;
  return found;
}

TEST(Regex, LiteralsClassesAndRanges) {
  EXPECT_THAT(matches("ab", "abxab"), ElementsAre("ab", "ab"));
  EXPECT_THAT(matches("[a-c]+", "abdcb"), ElementsAre("ab", "cb"));
  EXPECT_THAT(matches("[^a-c]", "axby"), ElementsAre("x", "y"));
  EXPECT_THAT(matches("[]a]", "a]b"), ElementsAre("a", "]"));
  EXPECT_THAT(matches("[a\\-c]+", "a-cb"), ElementsAre("a-c"));
  EXPECT_THAT(matches("[\\d-]+", "1-2"), ElementsAre("1-2"));
  EXPECT_THAT(matches("[\\p{Lu}&&[^A-C]]+", "ABCDE"), ElementsAre("DE"));
  EXPECT_THAT(matches("[a-z&&[^aeiou]&&[^x]]+", "baxyz"), ElementsAre("b", "yz"));
  EXPECT_THAT(matches("[一-龥]+", "x中文y"), ElementsAre("中文"));
  EXPECT_THAT(matches("\\x41\\x{4e2d}\\u6587", "A中文"), ElementsAre("A中文"));
  EXPECT_THAT(matches(".", "a\nb"), ElementsAre("a", "b"));
  EXPECT_THAT(matches("(?m).", "a\nb"), ElementsAre("a", "\n", "b"));
}

TEST(Regex, AlternativesTryTheFirstFirst) {
  EXPECT_THAT(matches("a|ab", "ab"), ElementsAre("a"));
  EXPECT_THAT(matches("(?:a|ab)c", "abc"), ElementsAre("abc"));
  EXPECT_THAT(matches("x(?:a|b|)y", "xayxyxby"), ElementsAre("xay", "xy", "xby"));
}

TEST(Regex, RepeatsGreedyLazyPossessive) {
  EXPECT_THAT(matches("a{2,3}", "aaaaaa"), ElementsAre("aaa", "aaa"));
  EXPECT_THAT(matches("a{2}", "aaaaa"), ElementsAre("aa", "aa"));
  EXPECT_THAT(matches("a{,2}b", "aaab"), ElementsAre("aab"));
  EXPECT_THAT(matches("a+?b", "aab"), ElementsAre("aab"));
  EXPECT_THAT(matches("a+?", "aa"), ElementsAre("a", "a"));
  EXPECT_THAT(matches("a*ab", "aaab"), ElementsAre("aaab"));
  EXPECT_THAT(matches("a*+ab", "aaab"), IsEmpty());
  EXPECT_THAT(matches("(?>a+)b", "aab"), ElementsAre("aab"));
  EXPECT_THAT(matches("(?:ab){2,}", "abababx"), ElementsAre("ababab"));
  EXPECT_THAT(matches("(?:ab?){20,30}c", std::string(25, 'a') + "c"),
              ElementsAre(std::string(25, 'a') + "c"));
  EXPECT_THAT(matches("a{,}", "a{,}"), ElementsAre("a{,}"));
  EXPECT_THAT(matches("\\s{512}(?!\\S)", std::string(1024, ' ')).size(), 2u);
}

TEST(Regex, LooksAheadAndBehind) {
  EXPECT_THAT(matches("\\s+(?!\\S)", "a   b "), ElementsAre("  ", " "));
  EXPECT_THAT(matches("a(?=b)", "abac"), ElementsAre("a"));
  EXPECT_THAT(matches("(?<=a)b", "abcb"), ElementsAre("b"));
  EXPECT_THAT(matches("(?<!é)b", "ébab"), ElementsAre("b"));
  EXPECT_THAT(matches("\\d{1,3}(?=(?:\\d{3})*\\b)", "1234567"), ElementsAre("1", "234", "567"));
}

TEST(Regex, EmptyMatchesStandBetween) {
  EXPECT_EQ(places(compiled("(?=(\\d{3})+(?!\\d))"), "1234567"), (Places{{1, 1}, {4, 4}}));
  EXPECT_EQ(places(compiled("a*"), "baac"), (Places{{0, 0}, {1, 3}, {4, 4}}));
  EXPECT_EQ(places(compiled(""), "é"), (Places{{0, 0}, {2, 2}}));
  EXPECT_EQ(places(compiled("(?:a*)*"), "ab"), (Places{{0, 1}, {2, 2}}));
}

TEST(Regex, PlacesOfTheText) {
  EXPECT_THAT(matches("\\s+$", "a  \nb  "), ElementsAre("  ", "  "));
  EXPECT_THAT(matches("^.", "ab\ncd\n"), ElementsAre("a", "c"));
  EXPECT_THAT(matches("\\A.", "ab\ncd"), ElementsAre("a"));
  EXPECT_THAT(matches(".\\z", "ab\ncd"), ElementsAre("d"));
  EXPECT_THAT(matches(".\\Z", "ab\n"), ElementsAre("b"));
  EXPECT_THAT(matches("\\bé\\w*", "xé éa"), ElementsAre("éa"));
  EXPECT_THAT(matches("\\Ba", "aa"), ElementsAre("a"));
}

TEST(Regex, IgnoresCaseWhereAsked) {
  EXPECT_THAT(matches("(?i:'s|'ll)", "'S'ſ'lL's"), ElementsAre("'S", "'ſ", "'lL", "'s"));
  EXPECT_THAT(matches("(?i)k|(?-i:x)", "K\u212AXx"), ElementsAre("K", "\u212A", "x"));
  EXPECT_THAT(matches("(?i)[^a]", "aAb"), ElementsAre("b"));
  EXPECT_THAT(matches("a(?i)b|c", "aBCc"), ElementsAre("aB", "C", "c"));
}

TEST(Regex, BytesThatAreNotUtf8AreReplacementCharacters) {
  EXPECT_THAT(matches("[^a]", "a\xFF\xC3z"), ElementsAre("\xFF", "\xC3", "z"));
  EXPECT_THAT(matches("\\p{L}+", "a\xE4\xB8z"), ElementsAre("a", "z"));
  EXPECT_THAT(matches("\\x{FFFD}", "\xFF\uFFFD"), ElementsAre("\xFF", "\uFFFD"));
}

TEST(Regex, RefusesWhatIsNoPattern) {
  const auto refusal = [](std::string_view pattern) {
    const Result<Regex> regex = Regex::compile(pattern);
    return regex.ok() ? "ok" : regex.status().to_string();
  };
  EXPECT_THAT(refusal("(a"), HasSubstr("invalid: regular expression, byte 2: expected ')'"));
  EXPECT_THAT(refusal("a)"), HasSubstr("')' without '('"));
  EXPECT_THAT(refusal("*a"), HasSubstr("nothing before it"));
  EXPECT_THAT(refusal("[a"), HasSubstr("expected ']'"));
  EXPECT_THAT(refusal("[b-a]"), HasSubstr("end lies before its begin"));
  EXPECT_THAT(refusal("a{3,2}"), HasSubstr("end lies before its begin"));
  EXPECT_THAT(refusal("a\\"), HasSubstr("behind '\\'"));
  EXPECT_THAT(refusal("\\x{110000}"), HasSubstr("code point"));
  EXPECT_THAT(refusal("\\p{Nope}"), HasSubstr("unsupported"));
  EXPECT_THAT(refusal("(a)\\1"), HasSubstr("unsupported"));
  EXPECT_THAT(refusal("(?x: a)"), HasSubstr("unsupported"));
  EXPECT_THAT(refusal("[[:alpha:]]"), HasSubstr("POSIX"));
  EXPECT_THAT(refusal("(?>ab|a)c"), HasSubstr("possessive"));
  EXPECT_THAT(refusal("(?<=a+)b"), HasSubstr("fixed length"));
}

TEST(Regex, RefusesWhatCostsTooMuch) {
  const auto code = [](std::string_view pattern) {
    return Regex::compile(pattern).status().code();
  };
  EXPECT_EQ(code("a{1001}"), Code::kExhausted);
  EXPECT_EQ(code("(?:(?:(?:a{900}){900}){900}){900}"), Code::kExhausted);
  EXPECT_EQ(code("(?:(?:(?:(?:){900}){900}){900}){900}"), Code::kExhausted);
  EXPECT_EQ(code(std::string(100, '(') + std::string(100, ')')), Code::kExhausted);
  EXPECT_EQ(code(std::string(100, '[') + std::string(100, ']')), Code::kExhausted);
  EXPECT_EQ(code("a" + std::string(200, '?')), Code::kExhausted);
  EXPECT_EQ(code(std::string(20000, 'a')), Code::kExhausted);
}

// A pattern from a small grammar, such that all that the engine knows may meet.
std::string random_pattern(Rng* rng, int depth) {
  static constexpr std::string_view kAtoms[] = {"a", "b", "[ab]", "[^a]", "\\s", "\\w", ".", "c"};
  if (depth == 0) return std::string(kAtoms[rng->below(std::size(kAtoms))]);
  const std::string one = random_pattern(rng, depth - 1);
  static constexpr std::string_view kRepeats[] = {"*", "+", "?", "*?", "+?", "{2,3}", "{1,}"};
  switch (rng->below(6)) {
    case 0:
      return "(?:" + one + "|" + random_pattern(rng, depth - 1) + ")";
    case 1:
      return "(?=" + one + ")";
    case 2:
      return "(?!" + one + ")";
    case 3:
      return "(?:" + one + ")" + std::string(kRepeats[rng->below(std::size(kRepeats))]);
    default:
      return one + random_pattern(rng, depth - 1);
  }
}

TEST(Regex, BothMatchersAgreeOnRandomPatterns) {
  Rng rng(test::seed("random patterns"));
  size_t found = 0;
  for (int round = 0; round < 3000; ++round) {
    const std::string pattern = random_pattern(&rng, int(1 + rng.below(5)));
    const Regex regex = compiled(pattern);
    for (int texts = 0; texts < 10; ++texts) {
      std::string text;
      for (uint64_t left = rng.below(15); left > 0; --left) text += "aabbc \n"[rng.below(7)];
      const Places cheap = places(regex, text);
      ASSERT_EQ(cheap, places(regex, text, true)) << pattern << " on '" << text << "'";
      found += cheap.size();
    }
  }
  EXPECT_GT(found, 30000u);
}

TEST(Regex, BothMatchersAgreeOnRealPatterns) {
  test::RandomText random(test::seed("real patterns"), /*broken_utf8=*/true);
  for (const std::string_view pattern :
       {kGpt2Pattern, kLlama3Pattern, kQwen35Pattern, kTekkenPattern, kGpt4oPattern,
        kDeepseek3Pattern, kDeepseekLlmLetters, kBailingPattern, kSeedCoderPattern}) {
    const Regex regex = compiled(pattern);
    for (int round = 0; round < 300; ++round) {
      const std::string text = random.text(40);
      ASSERT_EQ(places(regex, text), places(regex, text, true)) << pattern << "\n" << text;
    }
  }
}

// So many loops that the memory of failures covers 44 KB of text: what stands before a window
// counts.
TEST(Regex, WindowsLookBehind) {
  const Regex regex = compiled("(?<=b)a|(?:(?:cd?e){0,200}f){0,30}g");
  std::string text;
  while (text.size() < 100'000) text += "ba";
  const Places careful = places(regex, text, true);
  EXPECT_EQ(careful.size(), text.size() / 2);
  EXPECT_EQ(careful, places(regex, text));
}

// Patterns and texts on which backtracking takes quadratic or exponential time.
TEST(Regex, HostilePatternsTakeLinearTime) {
  const std::string as(200'000, 'a');
  const std::string spaces(200'000, ' ');
  const std::pair<std::string_view, std::string> kCases[] = {
      {"(?:a|a)*b", as},      {"(?:a*)*b", as},        {"(?:a+a+)+b", as},        {"a*a*a*a*b", as},
      {"a(?=a*b)", as + "b"}, {"\\s+$", spaces + "x"}, {"a(?!.*b)", as},          {"(?>a*)b", as},
      {"a*?b", as},           {"(?:a?){20}b", as},     {"(?:.*,)*x", as + ",,,"},
  };
  for (const auto& [pattern, text] : kCases) {
    const auto begin = std::chrono::steady_clock::now();
    places(compiled(pattern), text);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    // Measured: below 0.2 s. Quadratic time would take 20 s, exponential time forever.
    EXPECT_LT(seconds.count(), 5.0) << pattern;
  }
}

}  // namespace
}  // namespace llmos
