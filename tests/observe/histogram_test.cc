// SPDX-License-Identifier: Apache-2.0
#include "observe/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <thread>

#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos::observe {
namespace {

TEST(Histogram, BucketsTileTheWholeRange) {
  EXPECT_EQ(histogram_low(0), 0u);
  EXPECT_EQ(histogram_high(kHistogramBuckets - 1), ~uint64_t{0});
  for (size_t i = 0; i < kHistogramBuckets; ++i) {
    ASSERT_LE(histogram_low(i), histogram_high(i));
    ASSERT_EQ(histogram_bucket(histogram_low(i)), i);
    ASSERT_EQ(histogram_bucket(histogram_high(i)), i);
    if (i > 0) {
      ASSERT_EQ(histogram_low(i), histogram_high(i - 1) + 1);
    }
    // The middle is within 1/64 of every value in the bucket.
    const uint64_t half = (histogram_high(i) - histogram_low(i) + 1) / 2;
    ASSERT_LE(double(half), double(histogram_low(i)) * kHistogramErrorMax) << i;
  }
}

TEST(Histogram, DoublingsEndBuckets) {
  for (int octave = kHistogramBits; octave < 64; ++octave) {
    const uint64_t bound = (uint64_t{1} << octave) - 1;
    EXPECT_EQ(histogram_high(histogram_bucket(bound)), bound);
  }
}

TEST(Histogram, EmptyAndSingle) {
  Histogram histogram;
  HistogramSnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count(), 0u);
  EXPECT_EQ(snapshot.min(), 0u);
  EXPECT_EQ(snapshot.max(), 0u);
  EXPECT_EQ(snapshot.mean(), 0);
  EXPECT_EQ(snapshot.percentile(0.5), 0u);
  histogram.record(1'000'003);
  snapshot = histogram.snapshot();
  for (const double p : {0.0, 0.5, 1.0}) EXPECT_EQ(snapshot.percentile(p), 1'000'003u);
  EXPECT_EQ(snapshot.mean(), 1'000'003);
}

TEST(Histogram, ExtremesOfTheType) {
  Histogram histogram;
  histogram.record(0);
  histogram.record(~uint64_t{0});
  const HistogramSnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.min(), 0u);
  EXPECT_EQ(snapshot.max(), ~uint64_t{0});
  EXPECT_EQ(snapshot.percentile(0.5), 0u);
  EXPECT_EQ(snapshot.count_at_most(~uint64_t{0}), 2u);
  EXPECT_EQ(snapshot.count_at_most(0), 1u);
}

TEST(Histogram, RefusesSharesOutsideOfOne) {
  const test::ThrowingFatal throwing;
  EXPECT_THROW(HistogramSnapshot().percentile(1.01), test::FatalError);
  EXPECT_THROW(HistogramSnapshot().percentile(-0.01), test::FatalError);
}

std::vector<uint64_t> random_values(std::mt19937_64& random, size_t count) {
  std::vector<uint64_t> values(count);
  const int shape = int(random() % 3);
  for (uint64_t& value : values) {
    if (shape == 0) value = random() >> (random() % 64);  // log-uniform over everything
    if (shape == 1) value = random() % 1000;
    if (shape == 2) value = uint64_t(1e5 * std::exp(std::normal_distribution<>(0, 1)(random)));
  }
  return values;
}

// Oracle: the sorted values.
TEST(Histogram, PercentilesAreWithinTheStatedError) {
  std::mt19937_64 random(test::seed("histogram percentiles"));
  double worst = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<uint64_t> values = random_values(random, 1 + random() % 5000);
    Histogram histogram;
    for (size_t i = 0; i < values.size(); ++i)
      i % 2 ? histogram.record(values[i]) : histogram.record_exclusive(values[i]);
    const HistogramSnapshot snapshot = histogram.snapshot();
    std::sort(values.begin(), values.end());
    EXPECT_EQ(snapshot.count(), values.size());
    EXPECT_EQ(snapshot.min(), values.front());
    EXPECT_EQ(snapshot.max(), values.back());
    EXPECT_EQ(snapshot.sum(), std::accumulate(values.begin(), values.end(), uint64_t{0}));
    for (const double p : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto rank = std::max<size_t>(size_t(std::ceil(p * double(values.size()))), 1);
      const double exact = double(values[rank - 1]);
      const double error = std::abs(double(snapshot.percentile(p)) - exact);
      ASSERT_LE(error, exact * kHistogramErrorMax) << "p " << p;
      if (exact > 0) worst = std::max(worst, error / exact);
    }
    const uint64_t bound = (uint64_t{1} << (5 + random() % 58)) - 1;
    EXPECT_EQ(snapshot.count_at_most(bound),
              size_t(std::upper_bound(values.begin(), values.end(), bound) - values.begin()));
  }
  EXPECT_GT(worst, 0.005) << "the values never tested the bound";
}

TEST(Histogram, MergesAreAsIfRecordedInOne) {
  std::mt19937_64 random(test::seed("histogram merge"));
  Histogram parts[3], whole, merged;
  for (Histogram& part : parts)
    for (const uint64_t value : random_values(random, 1000)) {
      part.record(value);
      whole.record(value);
    }
  HistogramSnapshot sum;
  for (const Histogram& part : parts) {
    sum += part.snapshot();
    merged.merge(part.snapshot());
  }
  merged.merge(HistogramSnapshot());
  const HistogramSnapshot expected = whole.snapshot();
  for (const HistogramSnapshot& got : {sum, merged.snapshot()}) {
    EXPECT_EQ(got.count(), expected.count());
    EXPECT_EQ(got.sum(), expected.sum());
    EXPECT_EQ(got.min(), expected.min());
    EXPECT_EQ(got.max(), expected.max());
    for (double p = 0; p <= 1; p += 0.125) EXPECT_EQ(got.percentile(p), expected.percentile(p));
  }
}

TEST(Histogram, LatencySummaryIsInOrder) {
  Histogram histogram;
  for (uint64_t ns = 1; ns <= 10'000; ++ns) histogram.record(ns);
  const LatencySummary latency = histogram.snapshot().latency();
  EXPECT_EQ(latency.count, 10'000u);
  EXPECT_EQ(latency.min.count(), 1);
  EXPECT_EQ(latency.mean.count(), 5000);
  EXPECT_NEAR(double(latency.p50.count()), 5000, 5000.0 / 64);
  EXPECT_NEAR(double(latency.p90.count()), 9000, 9000.0 / 64);
  EXPECT_NEAR(double(latency.p99.count()), 9900, 9900.0 / 64);
  EXPECT_NEAR(double(latency.p999.count()), 9990, 9990.0 / 64);
  EXPECT_EQ(latency.max.count(), 10'000);
}

// Invariants (1) and (2) hold in snapshots taken meanwhile, and nothing is lost.
TEST(Histogram, SnapshotsAreConsistentWhileThreadsRecord) {
  constexpr uint64_t kThreads = 4, kRecords = 30'000;
  Histogram histogram;
  std::atomic<bool> stop{false};
  std::jthread reader([&] {
    uint64_t before = 0;
    while (!stop) {
      const HistogramSnapshot snapshot = histogram.snapshot();
      EXPECT_GE(snapshot.count(), before);
      before = snapshot.count();
      if (before == 0) continue;
      EXPECT_LE(snapshot.min(), snapshot.max());
      // All values are 1 or more, so a sum that is behind its count shows.
      EXPECT_GE(snapshot.sum(), snapshot.count());
    }
  });
  {
    std::vector<std::jthread> threads;
    for (uint64_t i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        for (uint64_t n = 1; n <= kRecords; ++n) histogram.record(n * (i + 1));
      });
  }
  stop = true;
  const HistogramSnapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.count(), kThreads * kRecords);
  EXPECT_EQ(snapshot.sum(), kRecords * (kRecords + 1) / 2 * 10);
  EXPECT_EQ(snapshot.min(), 1u);
  EXPECT_EQ(snapshot.max(), kThreads * kRecords);
}

}  // namespace
}  // namespace llmos::observe
