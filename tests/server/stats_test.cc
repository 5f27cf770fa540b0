// SPDX-License-Identifier: Apache-2.0
#include "server/stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace server {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

TEST(Throughput, IsTheSlopeOfItsSamples) {
  Throughput throughput;
  const Clock::time_point start = Clock::time_point(std::chrono::hours(1));
  llmos::Metrics metrics;
  EXPECT_EQ(throughput.view().output_per_second, 0);
  for (int i = 0; i <= 300; ++i) {
    const Clock::time_point now = start + milliseconds(500) * i;
    metrics.output_tokens = uint64_t(i) * 50;  // 100 a second
    metrics.prompt_tokens = uint64_t(i) * 5;
    EXPECT_EQ(throughput.due(now), i % 2 == 0);
    throughput.sample(metrics, now);
  }
  const Throughput::View view = throughput.view();
  EXPECT_NEAR(view.output_per_second, 100, 1e-9);
  EXPECT_NEAR(view.prompt_per_second, 10, 1e-9);
  EXPECT_EQ(view.history.size(), Throughput::kSamples - 1);
  EXPECT_THAT(view.history, ::testing::Each(::testing::DoubleNear(100, 1e-9)));
}

TEST(Stats, TellWhatTheEngineDoes) {
  StatsView view;
  view.model = "tiny";
  view.metrics.waiting_by_level = {0, 3, 0, 1, 0, 0};
  view.metrics.kv_blocks = 10;
  view.metrics.kv_blocks_free = 3;
  view.metrics.kv_blocks_cached = 2;
  view.metrics.running = 4;
  view.metrics.tenants = {{.tenant = "a\"b", .requests = 2}};
  view.metrics.first_token.p99 = milliseconds(250);
  const json stats = json::parse(stats_json(view));
  EXPECT_EQ(stats["levels"], json({0, 3, 0, 1}));
  EXPECT_EQ(stats["kv"]["used"], 5);
  EXPECT_EQ(stats["requests"]["running"], 4);
  EXPECT_EQ(stats["tenants"][0]["name"], "a\"b");
  EXPECT_EQ(stats["latency_ms"]["first_token"]["p99"], 250);
}

TEST(Stats, DrawTheMemory) {
  StatsView view;
  view.metrics.tenants = {{.tenant = "a"}, {.tenant = "b", .kv_blocks_max = 7}};
  using Use = llmos::KvBlockUse;
  view.kv_map.blocks = {{Use::kFree, 0},   {Use::kSequence, 1}, {Use::kShared, 1},
                        {Use::kCached, 0}, {Use::kPinned, 1},   {Use::kFree, 1}};
  json stats = json::parse(stats_json(view));
  EXPECT_EQ(stats["kv"]["map"], ".#=+!.");
  EXPECT_EQ(stats["kv"]["map_blocks"], 1);
  EXPECT_EQ(stats["tenants"][0]["kv_blocks"], 1);
  EXPECT_EQ(stats["tenants"][1]["kv_blocks"], 3);
  EXPECT_EQ(stats["tenants"][1]["kv_blocks_max"], 7);
  view.kv_map.blocks.assign(100'000, {Use::kCached, 0});
  stats = json::parse(stats_json(view));
  EXPECT_EQ(stats["kv"]["map"], std::string(511, '+'));
  EXPECT_EQ(stats["kv"]["map_blocks"], 196);
  EXPECT_FALSE(json::parse(stats_json({}))["kv"].contains("map"));
}

TEST(ServerMeters, CountByCallAndClass) {
  ServerMeters meters;
  meters.count(Call::kChat, 200);
  meters.count(Call::kChat, 429);
  meters.count(Call::kChat, 400);
  const std::string text = meters.prometheus_text();
  EXPECT_THAT(text,
              ::testing::HasSubstr(
                  "llmos_server_responses_total{call=\"chat_completions\",status=\"4xx\"} 2"));
  EXPECT_THAT(text, ::testing::HasSubstr("# TYPE llmos_server_connections gauge\n"));
}

}  // namespace
}  // namespace server
