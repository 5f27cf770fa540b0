// SPDX-License-Identifier: Apache-2.0
#include "predict/reserve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <type_traits>

#include "predict/random.h"
#include "support/demand_trace.h"
#include "support/reserve_experiment.h"

namespace llmos::predict {
namespace {

using test::choose_factor;
using test::demand_per_second;
using test::Plan;
using test::replay;
using test::score;
using test::Score;
using test::static_reserve;

constexpr double kShareMax = 0.01;
constexpr size_t kFirst = 60;  // seconds until the empty system has filled

ReserveForecast make(ReserveOptions options = {}) { return *ReserveForecast::create(options); }

// One per size class and pool: it must be cheap to hold and to copy.
static_assert(std::is_trivially_copyable_v<ReserveForecast> && sizeof(ReserveForecast) <= 1280);

TEST(Reserve, OptionsOutsideTheirRangeAreErrors) {
  EXPECT_EQ(ReserveForecast::create({.short_share = 0}).status().code(), Code::kInvalid);
  EXPECT_EQ(ReserveForecast::create({.short_share = 0.5}).status().code(), Code::kInvalid);
  EXPECT_EQ(ReserveForecast::create({.horizon = 0}).status().code(), Code::kInvalid);
  EXPECT_EQ(ReserveForecast::create({.horizon = kReserveHorizonMax + 1}).status().code(),
            Code::kInvalid);
  EXPECT_EQ(ReserveForecast::create({.factor = NAN}).status().code(), Code::kInvalid);
}

TEST(Reserve, HoldsNothingBeforeTheFirstSampleAndMoreThanItAfter) {
  ReserveForecast reserve = make();
  EXPECT_EQ(reserve.reserve(), 0);
  reserve.observe(100);
  EXPECT_GT(reserve.reserve(), 100);
  EXPECT_LT(reserve.reserve(), 300);
}

TEST(Reserve, ConvergesToAConstantDemand) {
  ReserveForecast reserve = make();
  for (int t = 0; t < 3000; ++t) reserve.observe(512);
  EXPECT_GE(reserve.reserve(), 512);
  EXPECT_NEAR(reserve.reserve(), 512, 0.01);
}

TEST(Reserve, AllZeroNeedsNothingAndAFirstBurstDoesNotPoisonIt) {
  ReserveForecast reserve = make();
  for (int t = 0; t < 100000; ++t) reserve.observe(0);
  EXPECT_EQ(reserve.reserve(), 0);
  reserve.observe(1e6);
  for (int t = 0; t < 2000; ++t) {
    reserve.observe(0);
    ASSERT_TRUE(std::isfinite(reserve.reserve()));
    ASSERT_GE(reserve.reserve(), 0);
  }
  EXPECT_LT(reserve.reserve(), 1e4);
}

TEST(Reserve, RefusesDemandThatIsNotAnAmount) {
  ReserveForecast reserve = make();
  reserve.observe(5);
  const double before = reserve.reserve();
  EXPECT_FALSE(reserve.observe(NAN));
  EXPECT_FALSE(reserve.observe(-1));
  EXPECT_FALSE(reserve.observe(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(reserve.reserve(), before);
}

TEST(Reserve, ReasonAddsUp) {
  ReserveForecast reserve = make({.horizon = 3});
  Random random(test_seed(4));
  int periods_short = 0, judged = 0;
  std::vector<double> decided;
  for (int t = 0; t < 500; ++t) {
    const double demand = 100 + 10 * random.normal();
    if (t >= 3) periods_short += demand > decided[size_t(t - 3)], ++judged;
    reserve.observe(demand);
    decided.push_back(reserve.reserve());
    const ReserveReason why = reserve.reason();
    ASSERT_DOUBLE_EQ(why.forecast + why.factor * why.scale, reserve.reserve());
    ASSERT_GE(why.reversion, 0);
    ASSERT_LE(why.reversion, 1 + 1e-12);
  }
  EXPECT_EQ(reserve.reason().periods_judged, judged);
  EXPECT_EQ(reserve.reason().periods_short, periods_short);
}

TEST(Reserve, MissingPeriodsAreNeitherJudgedNorLearned) {
  ReserveForecast reserve = make({.horizon = 2});
  for (int t = 0; t < 10; ++t) reserve.observe(50);
  const int64_t judged = reserve.reason().periods_judged;
  const double before = reserve.reserve();
  for (int t = 0; t < 5; ++t) reserve.observe_missing();
  EXPECT_EQ(reserve.reason().periods_judged, judged);
  EXPECT_EQ(reserve.reserve(), before);
  reserve.observe(50);
  EXPECT_EQ(reserve.reason().periods_judged, judged + 1);
}

TEST(Reserve, MissingBeforeTheFirstSampleIsHarmless) {
  ReserveForecast reserve = make({.horizon = 2});
  for (int t = 0; t < 5; ++t) reserve.observe_missing();
  EXPECT_EQ(reserve.reserve(), 0);
  reserve.observe(10);
  EXPECT_EQ(reserve.reason().periods_judged, 0);
}

TEST(Reserve, IsFreeOfUnits) {
  ReserveForecast bytes = make(), pages = make();
  Random random(test_seed(6));
  for (int t = 0; t < 2000; ++t) {
    const double demand = 50 + random.exponential(10);
    bytes.observe(demand * 4096);
    pages.observe(demand);
    ASSERT_NEAR(bytes.reserve() / 4096, pages.reserve(), 1e-9 * pages.reserve()) << t;
  }
}

TEST(Reserve, GivenFactorIsUsedAsItIs) {
  ReserveForecast reserve = make({.factor = 2.5});
  Random random(test_seed(8));
  for (int t = 0; t < 200; ++t) reserve.observe(1000 + 100 * random.normal());
  EXPECT_EQ(reserve.reason().factor, 2.5);
}

// Property: whatever the noise, the share short is held, at every stated share.
struct Noise {
  const char* name;
  double (*draw)(Random&);
};

class ReserveNoise : public testing::TestWithParam<Noise> {};

TEST_P(ReserveNoise, HoldsTheStatedShare) {
  for (const double share : {0.002, 0.01, 0.05, 0.2}) {
    for (const int horizon : {1, 5}) {
      Random random(test_seed(17));
      ReserveForecast reserve = make({.short_share = share, .horizon = horizon});
      const int periods = int(200 / share);
      for (int t = 0; t < periods; ++t) reserve.observe(GetParam().draw(random));
      const ReserveReason why = reserve.reason();
      const double judged = double(why.periods_judged);
      // 200 shorts are due. The header promises no more than these and 10 sqrt(horizon), and the
      // warm-up's; with far fewer it would hold more than was asked for.
      EXPECT_LE(double(why.periods_short), share * judged + 10 * std::sqrt(horizon) + 4)
          << share << " " << horizon;
      EXPECT_GE(double(why.periods_short), 0.3 * share * judged) << share << " " << horizon;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ReserveNoise,
    testing::Values(Noise{"Normal", [](Random& r) { return std::max(0.0, 100 + 10 * r.normal()); }},
                    Noise{"Exponential", [](Random& r) { return r.exponential(100); }},
                    Noise{"Uniform", [](Random& r) { return 100 * r.uniform(); }},
                    Noise{"LogNormal", [](Random& r) { return std::exp(1.2 * r.normal()); }},
                    Noise{"TwoValues", [](Random& r) { return r.uniform() < 0.3 ? 10.0 : 1.0; }}),
    [](const auto& tested) { return tested.param.name; });

TEST(Reserve, RecoversTheShareAfterAChangeOfScale) {
  ReserveForecast reserve = make();
  Random random(test_seed(23));
  for (int t = 0; t < 5000; ++t) reserve.observe(1000 + 10 * random.normal());
  for (int t = 0; t < 2000; ++t) reserve.observe(1000 + 100 * std::abs(random.normal()));
  const int64_t before = reserve.reason().periods_short;
  for (int t = 0; t < 5000; ++t) reserve.observe(1000 + 100 * std::abs(random.normal()));
  const double share = double(reserve.reason().periods_short - before) / 5000;
  EXPECT_GT(share, 0.005);
  EXPECT_LT(share, 0.015);
}

Score learned(const std::vector<double>& demand, int horizon, size_t first) {
  const ReserveOptions options{.short_share = kShareMax, .horizon = horizon};
  return score(demand, replay(demand, options).reserve, first);
}

Score hindsight(const std::vector<double>& demand, int horizon) {
  Plan plan = replay(demand, ReserveOptions{.short_share = kShareMax, .horizon = horizon});
  choose_factor(demand, plan, kFirst, kShareMax);
  return score(demand, plan.reserve, kFirst);
}

double static_ratio(const std::vector<double>& demand) {
  const std::vector<double> constant(demand.size(), static_reserve(demand, kFirst, kShareMax));
  return score(demand, constant, kFirst).ratio;
}

TEST(ReserveExperiment, HindsightFactorGivesTheSameReservesThroughTheOption) {
  const auto demand = demand_per_second(test::diurnal_trace({.seconds = 900}));
  Plan plan = replay(demand, ReserveOptions{});
  const double factor = choose_factor(demand, plan, kFirst, kShareMax);
  const Plan given = replay(demand, ReserveOptions{.factor = factor});
  for (size_t t = 1; t < demand.size(); ++t) {
    ASSERT_NEAR(given.reserve[t], plan.reserve[t], 1e-9 * (1 + plan.reserve[t])) << t;
  }
}

TEST(ReserveGoals, GeneratedDiurnalTraces) {
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    const auto demand = demand_per_second(test::diurnal_trace({.seed = seed}));
    EXPECT_LE(learned(demand, 1, kFirst).ratio, 1.36) << seed;
    EXPECT_LE(learned(demand, 1, kFirst).short_share, kShareMax) << seed;
    // Counted from the very first second, the filling of the empty system adds a few shorts.
    EXPECT_LE(learned(demand, 1, 1).short_share, kShareMax + 5.0 / double(demand.size())) << seed;
    EXPECT_LE(hindsight(demand, 1).ratio, 1.36) << seed;
    for (const int horizon : {1, 5, 15}) {
      const Score held = learned(demand, horizon, kFirst);
      EXPECT_LT(held.ratio, static_ratio(demand)) << seed << " " << horizon;
      EXPECT_LE(held.short_share, kShareMax) << seed << " " << horizon;
    }
  }
}

TEST(ReserveGoals, AzureChatTrace) {
  const auto path = std::filesystem::path(LLMOS_SOURCE_DIR) / ".." / "shared" / "data" / "traces" /
                    "AzureLLMInferenceTrace_conv.csv";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const auto demand = demand_per_second(*test::read_azure_trace(path.string()));

  // The series is the one that the goals were stated for.
  double sum = 0, peak = 0;
  for (const double value : demand) sum += value, peak = std::max(peak, value);
  const double mean = sum / double(demand.size());
  EXPECT_NEAR(mean, 45000, 1000);
  EXPECT_NEAR(peak / mean, 1.90, 0.02);
  EXPECT_NEAR(static_ratio(demand), 1.64, 0.015);

  EXPECT_LE(hindsight(demand, 1).ratio, 1.36);
  EXPECT_LE(hindsight(demand, 1).short_share, kShareMax);
  // Learned from the past alone: 1.45 asked for, 1.40 world class, 1.326 measured.
  EXPECT_LE(learned(demand, 1, kFirst).ratio, 1.34);
  EXPECT_LE(learned(demand, 1, kFirst).short_share, kShareMax);
  EXPECT_LE(learned(demand, 1, 1).short_share, kShareMax);  // and from the first second on
  EXPECT_LT(learned(demand, 5, kFirst).ratio, static_ratio(demand));
  EXPECT_LE(learned(demand, 5, kFirst).short_share, kShareMax);
  EXPECT_LE(learned(demand, 15, kFirst).short_share, kShareMax);
}

TEST(DemandTrace, TokensFollowTheRequest) {
  const test::TraceRequest request{10, 8000, 100};  // prefilled at 11 s, done at 14 s
  EXPECT_EQ(test::tokens_held(request, 9.9), 0);
  EXPECT_EQ(test::tokens_held(request, 10), 8000);
  EXPECT_EQ(test::tokens_held(request, 10.9), 8000);
  EXPECT_EQ(test::tokens_held(request, 11.31), 8010);
  EXPECT_EQ(test::tokens_held(request, 13.999), 8099);
  EXPECT_EQ(test::tokens_held(request, 14.001), 0);
}

TEST(DemandTrace, DiurnalRepeatsBySeedAndSwings) {
  const auto one = test::diurnal_trace({.seed = 5}), same = test::diurnal_trace({.seed = 5});
  ASSERT_EQ(one.size(), same.size());
  EXPECT_EQ(one.back().context_tokens, same.back().context_tokens);
  EXPECT_NEAR(double(one.size()), 5.5 * 7200, 4 * std::sqrt(5.5 * 7200));
  int night = 0, noon = 0;
  for (const auto& request : one) {
    night += request.start_s < 600;
    noon += request.start_s >= 1500 && request.start_s < 2100;
  }
  EXPECT_GT(noon, 2 * night);
}

TEST(DemandTrace, MissingFileIsNotFound) {
  EXPECT_EQ(test::read_azure_trace("no/such/trace.csv").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace llmos::predict
