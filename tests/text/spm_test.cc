// SPDX-License-Identifier: Apache-2.0
#include "text/spm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/small_spec.h"

namespace llmos {
namespace {

using test::small_spec;
using test::token_texts;
using ::testing::ElementsAre;

const std::string kSpace = "\u2581";

TokenizerSpec letters() {
  return small_spec(TokenizerModel::kSpm, {{"<unk>", 0, TokenType::kUnknown},
                                           {kSpace, -1},
                                           {"a", -2},
                                           {"b", -3},
                                           {"c", -4},
                                           {"ab", -5},
                                           {"bc", -6},
                                           {kSpace + "a", -7}});
}

TEST(Spm, TheBestScoreMergesFirst) {
  TokenizerSpec spec = letters();
  EXPECT_THAT(token_texts(Spm(spec), spec, "abc"), ElementsAre("ab", "c"));
  std::swap(spec.scores[5], spec.scores[6]);
  EXPECT_THAT(token_texts(Spm(spec), spec, "abc"), ElementsAre("a", "bc"));
}

TEST(Spm, OfEqualScoresTheLeftmostMergesFirst) {
  const TokenizerSpec spec =
      small_spec(TokenizerModel::kSpm, {{"a", -1}, {"aa", -2}, {"b", -1}, {"aaa", -2}});
  EXPECT_THAT(token_texts(Spm(spec), spec, "aaab"), ElementsAre("aaa", "b"));
  EXPECT_THAT(token_texts(Spm(spec), spec, "aaaa"), ElementsAre("aaa", "a"));  // not aa, aa
}

// "ab" exists, but no merge leads to "abc" but through "bc".
TEST(Spm, OnlyPairsOfSymbolsMerge) {
  const TokenizerSpec spec = small_spec(
      TokenizerModel::kSpm, {{"a", -1}, {"b", -2}, {"c", -3}, {"d", -4}, {"abcd", -5}, {"bc", -6}});
  EXPECT_THAT(token_texts(Spm(spec), spec, "abcd"), ElementsAre("a", "bc", "d"));
}

// A character without a token of its own may still be part of one.
TEST(Spm, CharactersThatAreNoTokensMerge) {
  const TokenizerSpec spec =
      small_spec(TokenizerModel::kSpm, {{"<unk>", 0, TokenType::kUnknown}, {"\u4E2D\u6587", -1}});
  EXPECT_THAT(token_texts(Spm(spec), spec, "\u4E2D\u6587"), ElementsAre("\u4E2D\u6587"));
  EXPECT_THAT(token_texts(Spm(spec), spec, "\u4E2D"), ElementsAre("<unk>"));
}

TEST(Spm, UnknownCharacters) {
  TokenizerSpec spec = letters();
  EXPECT_THAT(token_texts(Spm(spec), spec, "axyb"), ElementsAre("a", "<unk>", "<unk>", "b"));
  spec.fuse_unknown = true;
  EXPECT_THAT(token_texts(Spm(spec), spec, "axyb"), ElementsAre("a", "<unk>", "b"));
  test::add_byte_tokens(spec);
  EXPECT_THAT(token_texts(Spm(spec), spec, "a\u00E9\xFF"),
              ElementsAre("a", "<0xC3>", "<0xA9>", "<0xFF>"));
}

TEST(Spm, ControlTokensNeverComeOutOfAText) {
  const TokenizerSpec spec =
      small_spec(TokenizerModel::kSpm,
                 {{"<unk>", 0, TokenType::kUnknown}, {"a", -1}, {"aa", -1, TokenType::kControl}});
  EXPECT_THAT(token_texts(Spm(spec), spec, "aa"), ElementsAre("a", "a"));
}

TEST(Spm, UserDefinedTokensStayWhole) {
  TokenizerSpec spec = letters();
  spec.tokens.push_back("bca");
  spec.scores.push_back(0);
  spec.types.push_back(TokenType::kUserDefined);
  EXPECT_THAT(token_texts(Spm(spec), spec, "abcab"), ElementsAre("a", "bca", "b"));
}

TEST(Spm, UnusedTokensAreTakenApart) {
  TokenizerSpec spec = letters();
  spec.skip_unused = true;
  spec.types[5] = TokenType::kUnused;
  EXPECT_THAT(token_texts(Spm(spec), spec, "abc"), ElementsAre("a", "b", "c"));
  spec.skip_unused = false;
  EXPECT_THAT(token_texts(Spm(spec), spec, "abc"), ElementsAre("ab", "c"));
}

// What sentencepiece does, word for word: look every pair up by its text.
std::vector<TokenId> naive(const TokenizerSpec& spec, const std::string& text) {
  std::map<std::string, TokenId> ids;
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.types[id] == TokenType::kNormal) ids[spec.tokens[id]] = TokenId(id);
  }
  std::vector<std::string> symbols;
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = uint8_t(text[at]) < 0x80 ? 1 : 3;  // letters and U+2581 only
    symbols.push_back(text.substr(at, bytes));
    at += bytes;
  }
  for (;;) {
    size_t best = symbols.size();
    double score = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = ids.find(symbols[i] + symbols[i + 1]);
      if (found == ids.end()) continue;
      if (best < symbols.size() && spec.scores[size_t(found->second)] <= score) continue;
      best = i;
      score = spec.scores[size_t(found->second)];
    }
    if (best == symbols.size()) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + ptrdiff_t(best) + 1);
  }
  std::vector<TokenId> found;
  for (const std::string& symbol : symbols) found.push_back(ids.count(symbol) ? ids[symbol] : 0);
  return found;
}

std::string random_word(Rng& rng, size_t characters_max, bool spaces) {
  std::string word;
  for (size_t left = 1 + rng.below(characters_max); left > 0; --left) {
    const uint64_t letter = rng.below(spaces ? 4 : 3);
    word += letter == 3 ? kSpace : std::string(1, char('a' + letter));
  }
  return word;
}

// Words short and long (both ways of merging), with tokens that hold spaces inside or do not.
TEST(Spm, MergesAsTheNaiveModel) {
  Rng rng(test::seed("spm vocabularies"));
  for (int round = 0; round < 300; ++round) {
    std::vector<test::SmallToken> tokens{
        {"<unk>", 0, TokenType::kUnknown}, {"a", -1}, {"b", -1}, {kSpace, -1}};
    const bool spaces_inside = rng.below(2) == 0;
    std::map<std::string, bool> seen{{"a", true}, {"b", true}, {kSpace, true}};
    for (int i = 0; i < 30; ++i) {
      std::string text = random_word(rng, 4, spaces_inside);
      if (!spaces_inside && rng.below(3) == 0) text = kSpace + text;
      if (seen.emplace(text, true).second) tokens.push_back({text, -double(rng.below(10))});
    }
    const TokenizerSpec spec = small_spec(TokenizerModel::kSpm, tokens);
    const Spm spm(spec);
    for (int i = 0; i < 10; ++i) {
      const std::string text = random_word(rng, i < 7 ? 12 : 120, true);
      std::vector<TokenId> ids;
      spm.encode(text, ids);
      EXPECT_EQ(ids, naive(spec, text)) << text;
    }
  }
}

TEST(Spm, IsNotQuadratic) {
  std::vector<test::SmallToken> tokens{{"<unk>", 0, TokenType::kUnknown}};
  for (size_t size = 1; size <= 64; size *= 2) tokens.push_back({std::string(size, 'a'), -1});
  const TokenizerSpec spec = small_spec(TokenizerModel::kSpm, tokens);
  const Spm spm(spec);
  const auto begin = std::chrono::steady_clock::now();
  std::vector<TokenId> ids;
  spm.encode(std::string(1 << 20, 'a'), ids);
  EXPECT_EQ(ids.size(), (size_t{1} << 20) / 64);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

// Long tokens that are all beginnings of one another: loading looks at each byte once.
TEST(Spm, LongTokensLoadInLinearTime) {
  std::vector<test::SmallToken> tokens{{"<unk>", 0, TokenType::kUnknown}, {"a", -1}};
  for (size_t i = 0; i < 20; ++i) tokens.push_back({std::string(100'000 + i, 'a'), -2});
  const TokenizerSpec spec = small_spec(TokenizerModel::kSpm, tokens);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(token_texts(Spm(spec), spec, "aa"), ElementsAre("a", "a"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace llmos
