// SPDX-License-Identifier: Apache-2.0
#include "text/unigram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "support/test_seed.h"
#include "text/small_spec.h"

namespace llmos {
namespace {

using test::small_spec;
using test::token_texts;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TokenizerSpec letters() {
  return small_spec(TokenizerModel::kUnigram, {{"<unk>", 0, TokenType::kUnknown},
                                               {"a", -1},
                                               {"b", -1},
                                               {"ab", -1.5},
                                               {"abc", -5},
                                               {"c", -3}});
}

TEST(Unigram, TakesTheBestSum) {
  TokenizerSpec spec = letters();
  EXPECT_THAT(token_texts(Unigram(spec), spec, "abc"), ElementsAre("ab", "c"));
  spec.scores[4] = -4;
  EXPECT_THAT(token_texts(Unigram(spec), spec, "abc"), ElementsAre("abc"));
  EXPECT_THAT(token_texts(Unigram(spec), spec, ""), IsEmpty());
}

// "ab" alone and "a" + "b" have the same sum: the way that was found first stays.
TEST(Unigram, TiesGoToTheLongerToken) {
  TokenizerSpec spec = letters();
  spec.scores[3] = -2;
  EXPECT_THAT(token_texts(Unigram(spec), spec, "ab"), ElementsAre("ab"));
}

// Near 2^24 a float cannot tell the two ways apart, and the first one stays; a double can.
TEST(Unigram, AddsInFloatWhereTheModelDoes) {
  TokenizerSpec spec = small_spec(TokenizerModel::kUnigram,
                                  {{"a", -16777216}, {"b", -0.5}, {"ab", -16777216.75}, {"c"}});
  EXPECT_THAT(token_texts(Unigram(spec), spec, "ab"), ElementsAre("a", "b"));
  spec.float_scores = true;
  EXPECT_THAT(token_texts(Unigram(spec), spec, "ab"), ElementsAre("ab"));
}

TEST(Unigram, UnknownCharacters) {
  TokenizerSpec spec = letters();
  EXPECT_THAT(token_texts(Unigram(spec), spec, "axyb"), ElementsAre("a", "<unk>", "<unk>", "b"));
  spec.fuse_unknown = true;
  EXPECT_THAT(token_texts(Unigram(spec), spec, "ax\u4E2Db"), ElementsAre("a", "<unk>", "b"));
  test::add_byte_tokens(spec);
  EXPECT_THAT(token_texts(Unigram(spec), spec, "\u00E9\xFFy"),
              ElementsAre("<0xC3>", "<0xA9>", "<0xFF>", "<0x79>"));
}

TEST(Unigram, ByteTokensInTheTextOnlyWhereHfReadsThem) {
  TokenizerSpec spec = letters();
  for (const char c : std::string("<0x41>")) {
    spec.tokens.push_back(std::string(1, c));
    spec.scores.push_back(-1);
    spec.types.push_back(TokenType::kNormal);
  }
  test::add_byte_tokens(spec);
  EXPECT_EQ(token_texts(Unigram(spec), spec, "<0x41>").size(), 6u);
  spec.byte_tokens_in_text = true;
  EXPECT_THAT(token_texts(Unigram(spec), spec, "<0x41>"), ElementsAre("<0x41>"));
}

TEST(Unigram, UserDefinedTokensWin) {
  TokenizerSpec spec = letters();
  spec.types[4] = TokenType::kUserDefined;
  spec.scores[4] = -1000;
  EXPECT_THAT(token_texts(Unigram(spec), spec, "abc"), ElementsAre("abc"));
}

TEST(Unigram, UnusedTokensOnlyWhereTheModelTakesThem) {
  TokenizerSpec spec = letters();
  spec.types[3] = TokenType::kUnused;
  spec.skip_unused = true;
  EXPECT_THAT(token_texts(Unigram(spec), spec, "ab"), ElementsAre("a", "b"));
  spec.skip_unused = false;
  EXPECT_THAT(token_texts(Unigram(spec), spec, "ab"), ElementsAre("ab"));
}

// The best sum over all ways to cut the text, by trying them all.
double best_sum(const std::map<std::string, double>& scores, std::string_view text) {
  if (text.empty()) return 0;
  double best = -1e9;
  for (size_t bytes = 1; bytes <= text.size(); ++bytes) {
    const auto found = scores.find(std::string(text.substr(0, bytes)));
    if (found == scores.end()) continue;
    best = std::max(best, found->second + best_sum(scores, text.substr(bytes)));
  }
  return best;
}

TEST(Unigram, FindsTheBestOfAllWays) {
  Rng rng(test::seed("unigram vocabularies"));
  const auto random_word = [&](size_t bytes_max) {
    std::string word;
    for (size_t left = 1 + rng.below(bytes_max); left > 0; --left) word += char('a' + rng.below(2));
    return word;
  };
  for (int round = 0; round < 300; ++round) {
    std::map<std::string, double> scores{{"a", -4.0 - double(rng.below(4))}, {"b", -5}};
    for (int i = 0; i < 8; ++i) scores.emplace(random_word(4), -double(rng.below(160)) / 8);
    std::vector<test::SmallToken> tokens;
    for (const auto& [text, score] : scores) tokens.push_back({text, score});
    const TokenizerSpec spec = small_spec(TokenizerModel::kUnigram, tokens);
    const std::string text = random_word(14);
    double sum = 0;
    std::string whole;
    for (const std::string& token : token_texts(Unigram(spec), spec, text)) {
      sum += scores.at(token);
      whole += token;
    }
    EXPECT_EQ(whole, text);
    EXPECT_EQ(sum, best_sum(scores, text)) << text;
  }
}

}  // namespace
}  // namespace llmos
