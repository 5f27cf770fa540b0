// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "api/golden_model.h"

namespace llmos {
namespace {

using test::golden_model;
using test::kGreedy;
using test::kPrompt;

TEST(Score, GivesTheGreedyTokenTheBestPlace) {
  Model model = golden_model();
  std::vector<TokenId> ids = kPrompt;
  ids.insert(ids.end(), kGreedy.begin(), kGreedy.end());
  const auto scores = model.score(ids, 2).value();
  ASSERT_EQ(scores.size(), ids.size());
  EXPECT_FALSE(scores[0].logprob.has_value());
  EXPECT_TRUE(scores[0].top.empty());
  for (size_t i = kPrompt.size(); i < ids.size(); ++i) {
    EXPECT_EQ(scores[i].id, ids[i]);
    EXPECT_EQ(scores[i].top.at(0).id, ids[i]);
    EXPECT_EQ(scores[i].top[0].logprob, scores[i].logprob);
    EXPECT_GT(scores[i].top[0].logprob, scores[i].top[1].logprob);
  }
}

TEST(Score, SumsToOne) {
  Model model = golden_model();
  for (const PositionScore& score : model.score(kPrompt, 128).value()) {
    double sum = 0;
    for (const TokenScore& top : score.top) sum += std::exp(top.logprob);
    if (score.logprob) {
      EXPECT_NEAR(sum, 1, 1e-9);
    }
  }
}

TEST(Score, DoesNotDependOnTheBatch) {
  std::vector<TokenId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(1 + i * 37 % 120);
  Model whole = golden_model();
  Model pieces = golden_model({.threads = 2, .batch_tokens = 7});
  const auto expected = whole.score(ids).value();
  const auto found = pieces.score(ids).value();
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(expected[i].logprob, found[i].logprob) << i;
}

TEST(Score, RefusesBadIds) {
  Model model = golden_model({.threads = 1, .context = 4});
  EXPECT_TRUE(model.score({})->empty());
  EXPECT_EQ(model.score(std::vector<TokenId>{1, 128}).status().code(), Code::kInvalid);
  EXPECT_EQ(model.score(std::vector<TokenId>{-1}).status().code(), Code::kInvalid);
  EXPECT_EQ(model.score(std::vector<TokenId>(5, 1)).status().code(), Code::kInvalid);
}

// By hand: the mean over the second halves, each chunk with BOS first.
TEST(Score, PerplexityIsTheMeanOverSecondHalves) {
  Model model = golden_model();
  std::vector<TokenId> ids;
  for (int i = 0; i < 70; ++i) ids.push_back(2 + i * 31 % 120);
  const Perplexity result = model.perplexity(ids, 32, 1).value();
  double sum = 0;
  for (const size_t begin : {size_t{0}, size_t{32}}) {
    std::vector<TokenId> chunk(ids.begin() + ptrdiff_t(begin), ids.begin() + ptrdiff_t(begin) + 32);
    chunk[0] = 1;
    const auto scores = model.score(chunk).value();
    for (size_t i = 17; i < 32; ++i) sum -= scores[i].logprob.value();
  }
  EXPECT_EQ(result.scored, 30u);
  EXPECT_EQ(result.tokens, 64u);
  EXPECT_NEAR(result.mean_nll, sum / 30, 1e-9);
  EXPECT_NEAR(result.perplexity, std::exp(sum / 30), 1e-6);
}

TEST(Score, PerplexityNeedsAWholeChunk) {
  Model model = golden_model();
  const std::vector<TokenId> ids(40, 5);
  EXPECT_EQ(model.perplexity(ids, 64).status().code(), Code::kInvalid);
  EXPECT_EQ(model.perplexity(ids, 3).status().code(), Code::kInvalid);
  EXPECT_EQ(model.perplexity(ids, 1000).status().code(), Code::kInvalid);
  const auto stop = [](uint64_t, uint64_t) { return false; };
  EXPECT_EQ(model.perplexity(ids, 16, kNoToken, stop).status().code(), Code::kCancelled);
}

}  // namespace
}  // namespace llmos
