// SPDX-License-Identifier: Apache-2.0
#include "model/rank_forecast.h"

#include <gtest/gtest.h>

namespace llmos::test {
namespace {

// 1.1 billion parameters: 22 layers, 32 heads on 4 key heads.
ModelConfig tinyllama() {
  ModelConfig c;
  c.dim = 2048;
  c.layers.resize(22);
  return c;
}

ShardShape shape() {
  ShardShape s;
  s.heads = 32;
  s.kv_heads = 4;
  s.head_dim = 64;
  s.ffn_dim = 5632;
  s.vocabulary = 32000;
  s.output_block = s.ffn_block = 32;
  return s;
}

constexpr uint64_t kBytes = 600'000'000;
constexpr RankCosts kCosts{
    .weight_bytes_per_s = 10e9, .step_s = 1e-4, .link = {.latency_s = 2e-6, .bytes_per_s = 5e9}};

// Closed form: 46 exchanges of 8 KiB, each 2 us and 1.64 us.
TEST(RankForecast, IsTheSumOfItsParts) {
  const RankForecast forecast = forecast_ranks(tinyllama(), shape(), kBytes, kCosts, 2).value();
  ASSERT_EQ(forecast.points.size(), 2u);
  EXPECT_NEAR(forecast.points[0].step_s, 0.0601, 1e-9);
  const double exchange = 2e-6 + 8192 / 5e9;
  EXPECT_NEAR(forecast.points[1].communication_s, 46 * exchange, 1e-12);
  EXPECT_NEAR(forecast.points[1].step_s, 0.0001 + 0.03 + 46 * exchange, 1e-9);
  EXPECT_EQ(forecast.best.ranks, 2);
  EXPECT_GT(forecast.best.efficiency, 0.98);
}

TEST(RankForecast, LeavesOutWhatCannotBeDivided) {
  const RankForecast forecast = forecast_ranks(tinyllama(), shape(), kBytes, kCosts, 8).value();
  std::vector<int> ranks;
  for (const auto& point : forecast.points) ranks.push_back(point.ranks);
  EXPECT_EQ(ranks, (std::vector<int>{1, 2, 3, 4, 8}));
}

TEST(RankForecast, ASlowLinkMakesFewRanksBest) {
  RankCosts costs = kCosts;
  costs.link.latency_s = 2e-3;
  EXPECT_EQ(forecast_ranks(tinyllama(), shape(), kBytes, costs, 8)->best.ranks, 1);
  costs.link.latency_s = 1e-4;
  const RankForecast forecast = forecast_ranks(tinyllama(), shape(), kBytes, costs, 8).value();
  for (const auto& point : forecast.points) EXPECT_GE(point.step_s, forecast.best.step_s);
}

TEST(RankForecast, NonsenseIsRefused) {
  EXPECT_EQ(forecast_ranks(tinyllama(), shape(), kBytes, kCosts, 0).status().code(),
            Code::kInvalid);
  EXPECT_EQ(forecast_ranks(tinyllama(), shape(), kBytes, {}, 2).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace llmos::test
