// SPDX-License-Identifier: Apache-2.0
#include "text/pretokenizer_scan.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/test_seed.h"
#include "text/pretokenizer_patterns.h"
#include "text/random_text.h"
#include "text/regex.h"

namespace llmos {
namespace {

using Places = std::vector<std::pair<size_t, size_t>>;

template <class Finder>
Places places(const Finder& finder, std::string_view text) {
  Places found;
  finder.for_each_match(text, [&](size_t begin, size_t end) { found.emplace_back(begin, end); });
  return found;
}

class ScannerTest : public ::testing::TestWithParam<std::string_view> {};

TEST_P(ScannerTest, FindsTheMatchesOfItsPattern) {
  const auto scanner = PieceScanner::of_pattern(GetParam());
  ASSERT_TRUE(scanner);
  const Result<Regex> regex = Regex::compile(GetParam());
  ASSERT_TRUE(regex.ok()) << regex.status().to_string();
  test::RandomText random(test::seed("scanner"), /*broken_utf8=*/true);
  for (int round = 0; round < 4000; ++round) {
    const std::string text = random.text(30);
    ASSERT_EQ(places(*scanner, text), places(*regex, text)) << text;
  }
}

// Every text of up to five characters, one for each class that the patterns know.
TEST_P(ScannerTest, FindsTheMatchesOfItsPatternInAllShortTexts) {
  const auto scanner = PieceScanner::of_pattern(GetParam());
  const Result<Regex> regex = Regex::compile(GetParam());
  const std::string_view kCharacters[] = {" ", "\n", "\t", "s", "S", "中", "\u0301", "1", "'", "/"};
  constexpr size_t kCount = std::size(kCharacters);
  for (size_t length = 1; length <= 5; ++length) {
    size_t total = 1;
    for (size_t i = 0; i < length; ++i) total *= kCount;
    for (size_t number = 0; number < total; ++number) {
      std::string text;
      for (size_t i = 0, rest = number; i < length; ++i, rest /= kCount) {
        text += kCharacters[rest % kCount];
      }
      ASSERT_EQ(places(*scanner, text), places(*regex, text)) << "'" << text << "'";
    }
  }
}

std::string name_of(const ::testing::TestParamInfo<std::string_view>& pattern) {
  constexpr const char* kNames[] = {"Gpt2", "Llama3", "Qwen2", "Tekken", "Gpt4o"};
  return kNames[pattern.index];
}

INSTANTIATE_TEST_SUITE_P(Patterns, ScannerTest,
                         ::testing::Values(kGpt2Pattern, kLlama3Pattern, kQwen2Pattern,
                                           kTekkenPattern, kGpt4oPattern),
                         name_of);

TEST(PieceScanner, KnowsNoOtherPattern) {
  EXPECT_FALSE(PieceScanner::of_pattern("\\p{L}+"));
  EXPECT_FALSE(PieceScanner::of_pattern(""));
}

}  // namespace
}  // namespace llmos
