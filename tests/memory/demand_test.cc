// SPDX-License-Identifier: Apache-2.0
// The demand model in the pool, against every fixed threshold: fewer resident bytes at an equal
// count of slow allocations, and fewer slow allocations at an equal peak.
#include "memory/demand.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/pool_demand.h"

namespace llmos {
namespace {

using test::Sizing;

void expect_better_than_fixed(const std::vector<test::TraceRequest>& requests) {
  const auto threshold = test::compare_with_fixed(requests, Sizing::kThreshold, 64u << 20);
  const auto& learned = threshold.learned;
  EXPECT_LT(learned.resident_bytes_mean, threshold.fixed_at_equal_slow.resident_bytes_mean)
      << "threshold " << (threshold.bytes_at_equal_slow >> 20) << " MiB";
  EXPECT_LT(learned.slow_commits, threshold.fixed_at_equal_peak.slow_commits)
      << "threshold " << (threshold.bytes_at_equal_peak >> 20) << " MiB";
  // A harder opponent: it also commits ahead.
  const auto slack = test::compare_with_fixed(requests, Sizing::kSlack, 16u << 20);
  EXPECT_LT(learned.resident_bytes_mean, slack.fixed_at_equal_slow.resident_bytes_mean)
      << "slack " << (slack.bytes_at_equal_slow >> 20) << " MiB";
}

TEST(Demand, BeatsFixedThresholdsOnADiurnalTrace) {
  expect_better_than_fixed(test::diurnal_trace({.seconds = 1500, .day_seconds = 750}));
}

TEST(Demand, BeatsFixedThresholdsOnTheRecordedTrace) {
  const auto path = std::filesystem::path(LLMOS_SOURCE_DIR) /
                    "../shared/data/traces/AzureLLMInferenceTrace_conv.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no recorded trace beside the project";
  auto requests = test::read_azure_trace(path).value();
  std::erase_if(requests, [](const auto& request) { return request.start_s > 1500; });
  expect_better_than_fixed(requests);
}

TEST(Demand, AFixedSlackIsKeptFree) {
  const auto pool = Pool::create({.bytes_max = 64u << 20, .slack_bytes = 8u << 20}).value();
  void* block = pool->allocate(1000);
  pool->maintain();
  const PoolStats stats = pool->stats();
  EXPECT_GE(stats.free_bytes + stats.cached_bytes, 8u << 20);
  EXPECT_LE(stats.free_bytes, 10u << 20);
  pool->deallocate(block);
}

TEST(Demand, WarmsTheClassThatGrowsAndLetsItGo) {
  const auto pool = Pool::create({.bytes_max = 256u << 20, .checks = Checks::kOff}).value();
  std::vector<void*> live;
  // A steady climb: after some periods the next period's blocks are ready before it comes.
  for (int period = 0; period < 40; ++period) {
    for (int i = 0; i < 20; ++i) live.push_back(pool->allocate(60'000));
    pool->maintain();
  }
  const uint64_t slow = pool->stats().slow_commits;
  for (int i = 0; i < 20; ++i) live.push_back(pool->allocate(60'000));
  EXPECT_EQ(pool->stats().slow_commits, slow);
  for (void* block : live) pool->deallocate(block);
  for (int period = 0; period < 400; ++period) pool->maintain();
  pool->trim();
  EXPECT_LT(pool->stats().resident_bytes, 4u << 20);
  pool->check_integrity();
}

}  // namespace
}  // namespace llmos
