// SPDX-License-Identifier: Apache-2.0
#include "predict/parallel.h"

#include <gtest/gtest.h>

#include <cmath>

namespace llmos::predict {
namespace {

TEST(Amdahl, ClosedForms) {
  EXPECT_NEAR(amdahl_speedup(0.95, 8), 1 / (0.05 + 0.95 / 8), 1e-15);
  EXPECT_NEAR(amdahl_speedup(0.95, 8), 5.93, 0.005);  // the textbook's 5.9
  EXPECT_EQ(amdahl_speedup(0, 100), 1);
  EXPECT_EQ(amdahl_speedup(1, 100), 100);
  EXPECT_NEAR(amdahl_limit(0.95), 20, 1e-12);
  EXPECT_TRUE(std::isinf(amdahl_limit(1)));
  EXPECT_TRUE(std::isnan(amdahl_speedup(1.1, 2)));
  EXPECT_TRUE(std::isnan(amdahl_speedup(0.5, 0)));
}

TEST(AllReduceCost, RingAndOneShot) {
  const Link link{.latency_s = 1e-6, .bytes_per_s = 100e9};
  EXPECT_EQ(all_reduce_seconds(AllReduce::kRing, link, 1e6, 1), 0);
  EXPECT_NEAR(all_reduce_seconds(AllReduce::kRing, link, 1e6, 4), 6e-6 + 1.5 * 1e-5, 1e-15);
  EXPECT_NEAR(all_reduce_seconds(AllReduce::kOneShot, link, 1e6, 4), 1e-6 + 3e-5, 1e-15);
  // Small buffers go in one shot, large ones around the ring.
  EXPECT_EQ(all_reduce_seconds(AllReduce::kBest, link, 1e3, 8),
            all_reduce_seconds(AllReduce::kOneShot, link, 1e3, 8));
  EXPECT_EQ(all_reduce_seconds(AllReduce::kBest, link, 1e8, 8),
            all_reduce_seconds(AllReduce::kRing, link, 1e8, 8));
}

ParallelStep step() {
  return {.serial_s = 1e-3,
          .divided_s = 30e-3,
          .all_reduce_bytes = 1 << 20,
          .all_reduces = 64,
          .link = {.latency_s = 5e-6, .bytes_per_s = 50e9},
          .algorithm = AllReduce::kRing};
}

TEST(ParallelPoint, FreeCommunicationIsAmdahl) {
  ParallelStep free = step();
  free.all_reduces = 0;
  for (const int ranks : {1, 2, 8, 64}) {
    EXPECT_NEAR(parallel_point(free, ranks)->speedup, amdahl_speedup(30.0 / 31, ranks), 1e-12);
  }
}

TEST(ParallelPoint, AddsUp) {
  const ParallelPoint four = *parallel_point(step(), 4);
  EXPECT_NEAR(four.step_s, 1e-3 + 7.5e-3 + four.communication_s, 1e-15);
  EXPECT_NEAR(four.communication_s, 64 * (6 * 5e-6 + 1.5 * (1 << 20) / 50e9), 1e-12);
  EXPECT_NEAR(four.efficiency * 4, four.speedup, 1e-12);
  EXPECT_NEAR(parallel_point(step(), 1)->efficiency, 1, 1e-12);
}

// Without the bandwidth term a ring's step is s + d/n + 2 k (n-1) L: least at n = sqrt(d / (2 k
// L)).
TEST(BestRanks, IsTheCalculusMinimum) {
  ParallelStep latency = step();
  latency.all_reduce_bytes = 0;
  const double optimum = std::sqrt(30e-3 / (2 * 64 * 5e-6));
  EXPECT_NEAR(best_ranks(latency, 1000)->ranks, optimum, 1);
  EXPECT_EQ(best_ranks(latency, 3)->ranks, 3);
  latency.divided_s = 0;
  EXPECT_EQ(best_ranks(latency, 64)->ranks, 1);
}

TEST(ParallelPoint, NonsenseIsInvalid) {
  ParallelStep bad = step();
  bad.link.bytes_per_s = 0;
  EXPECT_EQ(parallel_point(bad, 2).status().code(), Code::kInvalid);
  bad = step();
  bad.serial_s = NAN;
  EXPECT_EQ(parallel_point(bad, 2).status().code(), Code::kInvalid);
  bad = step();
  bad.serial_s = bad.divided_s = 0;
  EXPECT_EQ(best_ranks(bad, 2).status().code(), Code::kInvalid);
  EXPECT_EQ(parallel_point(step(), 0).status().code(), Code::kInvalid);
  EXPECT_EQ(best_ranks(step(), kRanksMax + 1).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace llmos::predict
