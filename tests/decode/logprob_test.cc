// SPDX-License-Identifier: Apache-2.0
#include "decode/logprob.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

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

}  // namespace
}  // namespace llmos
