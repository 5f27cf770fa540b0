// SPDX-License-Identifier: Apache-2.0
#include "decode/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

Sampler make(const Sampling& options) { return Sampler::create(options).value(); }

std::map<TokenId, int> counts(Sampler& sampler, const std::vector<float>& logits, int draws) {
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sampler.sample(logits, uint64_t(i))];
  return counts;
}

const std::vector<float> kLogits{std::log(0.5f), std::log(0.1f), std::log(0.3f), std::log(0.1f)};

TEST(Sampler, IsGreedyAtZero) {
  Sampler sampler = make({.temperature = 0});
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 7, 7, 2}, 0), 1);
  EXPECT_EQ(sampler.sample({}, 0), kNoToken);
}

TEST(Sampler, DrawsByProbability) {
  Sampler sampler = make({.seed = 7});
  const int draws = 100'000;
  const auto drawn = counts(sampler, kLogits, draws);
  const double expected[] = {0.5, 0.1, 0.3, 0.1};
  for (TokenId id = 0; id < 4; ++id) {
    const double p = expected[id];
    const double deviation = std::sqrt(p * (1 - p) / draws);
    EXPECT_NEAR(double(drawn.at(id)) / draws, p, 5 * deviation) << id;
  }
}

TEST(Sampler, SharpensWithLowTemperature) {
  Sampler sampler = make({.temperature = 0.5f});
  const auto drawn = counts(sampler, kLogits, 100'000);
  EXPECT_NEAR(drawn.at(0) / 1e5, 0.25 / (0.25 + 0.01 + 0.09 + 0.01), 0.01);
}

TEST(Sampler, KeepsWhatTheFiltersLeave) {
  Sampler top_k = make({.top_k = 2});
  EXPECT_EQ(counts(top_k, kLogits, 1000).size(), 2u);
  Sampler top_p = make({.top_p = 0.75f});
  const auto drawn = counts(top_p, kLogits, 1000);
  EXPECT_TRUE(drawn.contains(0) && drawn.contains(2) && drawn.size() == 2);
  Sampler tiny_p = make({.top_p = 0});
  EXPECT_EQ(counts(tiny_p, kLogits, 100).size(), 1u);
  Sampler min_p = make({.min_p = 0.5f});
  EXPECT_EQ(counts(min_p, kLogits, 1000).size(), 2u);
}

TEST(Sampler, DependsOnSeedAndPositionOnly) {
  Sampler one = make({.seed = 1});
  Sampler same = make({.seed = 1});
  Sampler other = make({.seed = 2});
  int different = 0;
  for (uint64_t position = 200; position-- > 0;) {
    const TokenId id = one.sample(kLogits, position);
    EXPECT_EQ(same.sample(kLogits, position), id);
    different += other.sample(kLogits, position) != id;
  }
  EXPECT_GT(different, 50);
}

TEST(Sampler, SurvivesAnyLogits) {
  const float odd[] = {std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(),
                       0,
                       3e38f,
                       -3e38f};
  Rng rng(test::seed("logits"));
  for (int round = 0; round < 2000; ++round) {
    std::vector<float> logits(1 + rng.below(6));
    for (float& logit : logits) logit = odd[rng.below(6)];
    Sampler sampler = make({.temperature = 0.7f, .top_k = 3, .top_p = 0.9f, .min_p = 0.01f});
    const TokenId id = sampler.sample(logits, rng.u64());
    EXPECT_TRUE(id >= 0 && size_t(id) < logits.size());
  }
}

TEST(Sampler, RefusesWhatHasNoMeaning) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Sampler::create({.temperature = -1}).status().code(), Code::kInvalid);
  EXPECT_EQ(Sampler::create({.temperature = nan}).status().code(), Code::kInvalid);
  EXPECT_EQ(Sampler::create({.top_p = 1.5f}).status().code(), Code::kInvalid);
  EXPECT_EQ(Sampler::create({.min_p = -0.1f}).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace llmos
