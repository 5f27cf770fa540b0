// SPDX-License-Identifier: Apache-2.0
#include "decode/logprob.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Logprob, SumsToOne) {
  const std::vector<float> logits{1, -2, 30, 4, 1000};
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(logit) - log_sum_exp(logits));
  EXPECT_NEAR(sum, 1, 1e-12);
}

TEST(Logprob, KnowsClosedForms) {
  const std::vector<float> equal(7, 3.5f);
  EXPECT_NEAR(log_sum_exp(equal), 3.5 + std::log(7.0), 1e-12);
  EXPECT_EQ(log_sum_exp({}), -double(kInfinity));
}

TEST(Logprob, OrdersTiesById) {
  const std::vector<float> logits{1, 5, kNan, 5, -kInfinity, 2};
  EXPECT_EQ(best_token(logits), 1);
  EXPECT_EQ(best_tokens(logits, 4), (std::vector<TokenId>{1, 3, 5, 0}));
  EXPECT_EQ(best_tokens(logits, 100).size(), logits.size());
  EXPECT_EQ(best_token({}), kNoToken);
}

TEST(Logprob, TakesNanAsTheLowest) {
  const std::vector<float> logits{kNan, kNan, 0};
  EXPECT_EQ(best_token(logits), 2);
  EXPECT_EQ(log_sum_exp(logits), 0);
}

TEST(Logprob, BestScoresAreThoseOfASort) {
  Rng rng(test::seed("best scores"));
  for (int round = 0; round < 200; ++round) {
    std::vector<float> logits(1 + rng.below(50));
    for (float& logit : logits) logit = float(rng.below(9));
    const double total = log_sum_exp(logits);
    std::vector<TokenScore> best(rng.below(12));
    const size_t count = best_scores(logits, total, best);
    const std::vector<TokenId> expected = best_tokens(logits, best.size());
    ASSERT_EQ(count, expected.size());
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(best[i].id, expected[i]);
      EXPECT_DOUBLE_EQ(best[i].logprob, double(logits[size_t(expected[i])]) - total);
    }
  }
}

TEST(Logprob, FindsNan) {
  EXPECT_FALSE(has_nan(std::vector<float>{1, -kInfinity, kInfinity}));
  EXPECT_TRUE(has_nan(std::vector<float>{1, kNan, 2}));
}

// Against the plain rule, of all lengths, with ties and without numbers.
TEST(Logprob, TheBestIsTheFirstOfTheLargest) {
  Rng rng(test::seed("best token"));
  for (int round = 0; round < 2000; ++round) {
    std::vector<float> logits(1 + rng.below(70));
    for (float& logit : logits) {
      const uint64_t kind = rng.below(12);
      logit = kind == 0 ? std::nanf("") : kind == 1 ? -kInfinity : float(rng.below(6)) - 3;
      if (round % 10 == 0 && kind > 1) logit = kind % 2 ? std::nanf("") : -kInfinity;
      if (round % 50 == 7 && kind == 2) logit = kInfinity;
    }
    EXPECT_EQ(best_token(logits), best_tokens(logits, 1)[0]);
  }
}

}  // namespace
}  // namespace llmos
