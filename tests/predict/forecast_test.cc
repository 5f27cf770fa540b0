// SPDX-License-Identifier: Apache-2.0
#include "predict/forecast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "predict/random.h"

namespace llmos::predict {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(Ewma, IsTheWeightedMeanOfThePast) {
  Ewma ewma = *Ewma::create({.level_rate = 0.25});
  for (const double y : {8.0, 4.0, 12.0}) ewma.observe(y);
  EXPECT_DOUBLE_EQ(ewma.level(), 0.75 * 0.75 * 8 + 0.75 * 0.25 * 4 + 0.25 * 12);
  EXPECT_EQ(ewma.forecast(1).mean, ewma.forecast(100).mean);
}

TEST(Ewma, KnowsNoSpreadBeforeTheSecondSample) {
  Ewma ewma = *Ewma::create({});
  EXPECT_EQ(ewma.forecast(1).upper, kInf);
  ewma.observe(5);
  EXPECT_EQ(ewma.forecast(1).mean, 5);
  EXPECT_EQ(ewma.forecast(1).lower, -kInf);
  ewma.observe(6);
  EXPECT_LT(ewma.forecast(1).upper, kInf);
}

TEST(Ewma, ConstantHasNoSpread) {
  Ewma ewma = *Ewma::create({});
  for (int i = 0; i < 100; ++i) ewma.observe(1e15);
  const Forecast ahead = ewma.forecast(10);
  EXPECT_EQ(ahead.mean, 1e15);
  EXPECT_EQ(ahead.lower, 1e15);
  EXPECT_EQ(ahead.upper, 1e15);
}

TEST(Ewma, RefusesWhatIsNotFinite) {
  Ewma ewma = *Ewma::create({});
  ewma.observe(3);
  EXPECT_FALSE(ewma.observe(kNan));
  EXPECT_FALSE(ewma.observe(kInf));
  EXPECT_EQ(ewma.level(), 3);
}

TEST(Forecast, OptionsOutsideTheirRangeAreErrorsThatNameThem) {
  EXPECT_EQ(Ewma::create({.level_rate = 0}).status().code(), Code::kInvalid);
  EXPECT_EQ(Ewma::create({.level_rate = kNan}).status().code(), Code::kInvalid);
  EXPECT_EQ(Holt::create({.damping = 1.01}).status().code(), Code::kInvalid);
  EXPECT_EQ(HoltWinters::create({.period = 1}).status().code(), Code::kInvalid);
  const Status status = HoltWinters::create({.period = 7, .season_rate = 0.9}).status();
  EXPECT_NE(status.message().find("season_rate"), std::string::npos) << status.message();
}

TEST(Holt, FollowsALineExactly) {
  Holt holt = *Holt::create({.level_rate = 0.8, .trend_rate = 0.5, .damping = 1});
  for (int t = 0; t < 400; ++t) holt.observe(100 + 3 * t);
  EXPECT_NEAR(holt.trend(), 3, 1e-9);
  EXPECT_NEAR(holt.forecast(10).mean, 100 + 3 * 409, 1e-6);
}

TEST(Holt, DampedTrendApproachesItsLimit) {
  Holt holt = *Holt::create({.level_rate = 0.5, .trend_rate = 0.1, .damping = 0.9});
  for (int t = 0; t < 50; ++t) holt.observe(t);
  EXPECT_NEAR(holt.forecast(1000).mean, holt.level() + 9 * holt.trend(), 1e-9);
  EXPECT_NEAR(holt.forecast(2).mean, holt.level() + (0.9 + 0.81) * holt.trend(), 1e-12);
}

TEST(Holt, MissingPeriodsMoveTheStateAndWidenTheInterval) {
  Holt holt = *Holt::create({.level_rate = 0.5, .trend_rate = 0.2, .damping = 0.9});
  Random random(test_seed(7));
  for (int t = 0; t < 200; ++t) holt.observe(t + random.normal());
  const Forecast third = holt.forecast(3);
  holt.observe_missing();
  holt.observe_missing();
  const Forecast first = holt.forecast(1);
  EXPECT_NEAR(first.mean, third.mean, 1e-12);
  EXPECT_NEAR(first.stddev, third.stddev, 1e-12);
}

// Table 8.8 of the textbook gives the variances as closed forms; ours sums.
TEST(Holt, VarianceIsTheTextbooksClosedForm) {
  const double a = 0.6, b = a * 0.3, p = 0.85;
  Holt holt = *Holt::create({.level_rate = a, .trend_rate = 0.3, .damping = p});
  Ewma ewma = *Ewma::create({.level_rate = a});
  Random random(test_seed(3));
  for (int t = 0; t < 300; ++t) {
    const double y = random.normal();
    holt.observe(y);
    ewma.observe(y);
  }
  for (const int h : {1, 2, 3, 10, 40}) {
    const double ph = std::pow(p, h);
    const double growth = 1 + a * a * (h - 1) +
                          b * p * h / ((1 - p) * (1 - p)) * (2 * a * (1 - p) + b * p) -
                          b * p * (1 - ph) / ((1 - p) * (1 - p) * (1 - p * p)) *
                              (2 * a * (1 - p * p) + b * p * (1 + 2 * p - ph));
    EXPECT_NEAR(std::pow(holt.forecast(h).stddev / holt.forecast(1).stddev, 2), growth,
                1e-10 * growth);
    EXPECT_NEAR(std::pow(ewma.forecast(h).stddev / ewma.forecast(1).stddev, 2), 1 + a * a * (h - 1),
                1e-10 * h);
  }
}

std::vector<double> season_of(int period, double size) {
  std::vector<double> season;
  for (int i = 0; i < period; ++i) season.push_back(size * std::sin(2 * M_PI * i / period));
  return season;
}

TEST(HoltWinters, LearnsAnExactSeasonInOnePass) {
  const auto season = season_of(12, 20);
  HoltWinters hw = *HoltWinters::create({.period = 12});
  for (int t = 0; t < 24; ++t) hw.observe(100 + season[size_t(t % 12)]);
  for (int h = 1; h <= 30; ++h) {
    EXPECT_NEAR(hw.forecast(h).mean, 100 + season[size_t((23 + h) % 12)], 1e-9) << h;
  }
}

TEST(HoltWinters, MultiplicativeSeasonGrowsWithTheLevel) {
  const auto season = season_of(8, 0.5);
  HoltWinters hw = *HoltWinters::create(
      {.period = 8, .season = Season::kMultiplicative, .level_rate = 0.4, .season_rate = 0.3});
  int t = 0;
  for (; t < 400; ++t) hw.observe(100 * (1 + season[size_t(t % 8)]));
  for (; t < 800; ++t) hw.observe(300 * (1 + season[size_t(t % 8)]));
  for (int h = 1; h <= 8; ++h) {
    EXPECT_NEAR(hw.forecast(h).mean, 300 * (1 + season[size_t((t - 1 + h) % 8)]), 1) << h;
  }
}

TEST(HoltWinters, MultiplicativeRefusesZeroAndLess) {
  HoltWinters hw = *HoltWinters::create({.period = 4, .season = Season::kMultiplicative});
  EXPECT_FALSE(hw.observe(0));
  EXPECT_FALSE(hw.observe(-1));
  EXPECT_FALSE(hw.observe(kNan));
  EXPECT_TRUE(hw.observe(1));
}

TEST(HoltWinters, MissingPeriodsKeepTheSeasonInStep) {
  const auto season = season_of(10, 30);
  HoltWinters hw = *HoltWinters::create({.period = 10});
  for (int t = 0; t < 203; ++t) {
    if (t % 17 == 5) {
      hw.observe_missing();
    } else {
      hw.observe(100 + season[size_t(t % 10)]);
    }
  }
  for (int h = 1; h <= 10; ++h) {
    EXPECT_NEAR(hw.forecast(h).mean, 100 + season[size_t((202 + h) % 10)], 5) << h;
  }
}

TEST(HoltWinters, SurvivesAWholeSeasonMissing) {
  HoltWinters hw = *HoltWinters::create({.period = 4, .season = Season::kMultiplicative});
  for (int t = 0; t < 6; ++t) hw.observe_missing();
  for (int t = 0; t < 40; ++t) hw.observe(50);
  EXPECT_NEAR(hw.forecast(3).mean, 50, 1e-6);
}

// Oracle: simulate the model that the method assumes, from the state it has reached.
struct Simulated {
  double mean;
  double variance;
};

Simulated simulate(const HoltWinters& hw, const HoltWintersOptions& o, double sigma, int horizon,
                   Random& random) {
  constexpr int kRuns = 40000;
  double sum = 0, squares = 0;
  const double a = o.level_rate, b = a * o.trend_rate;
  for (int run = 0; run < kRuns; ++run) {
    double level = hw.level(), trend = hw.trend(), y = 0;
    std::vector<double> season;
    for (int j = 1; j <= o.period; ++j) season.push_back(hw.season(j));
    for (int j = 1; j <= horizon; ++j) {
      double& term = season[size_t((j - 1) % o.period)];
      trend *= o.damping;
      const double base = level + trend, noise = sigma * random.normal();
      if (o.season == Season::kAdditive) {
        y = base + term + noise;
        level = base + a * noise;
        trend += b * noise;
        term += o.season_rate * noise;
      } else {
        y = base * term * (1 + noise);
        level = base * (1 + a * noise);
        trend += b * base * noise;
        term *= 1 + o.season_rate * noise;
      }
    }
    sum += y;
    squares += y * y;
  }
  const double mean = sum / kRuns;
  return {mean, squares / kRuns - mean * mean};
}

class HoltWintersOracle : public testing::TestWithParam<Season> {};

TEST_P(HoltWintersOracle, IntervalsMatchASimulationOfTheModel) {
  HoltWintersOptions options{.period = 6,
                             .season = GetParam(),
                             .level_rate = 0.5,
                             .trend_rate = 0.2,
                             .season_rate = 0.3,
                             .damping = 0.9};
  HoltWinters hw = *HoltWinters::create(options);
  Random random(test_seed(11));
  const bool additive = GetParam() == Season::kAdditive;
  const auto season = season_of(6, 0.4);
  for (int t = 0; t < 3000; ++t) {
    const double base = 100 * (1 + season[size_t(t % 6)]);
    hw.observe(additive ? base + 5 * random.normal() : base * (1 + 0.05 * random.normal()));
  }
  // The one-step standard deviation says which sigma the intervals assume.
  const Forecast next = hw.forecast(1);
  const double sigma = additive ? next.stddev : next.stddev / next.mean;
  for (const int h : {1, 2, 5, 6, 9}) {
    const Simulated truth = simulate(hw, options, sigma, h, random);
    const Forecast ahead = hw.forecast(h);
    // Standard errors of 40,000 runs: of the mean sd / 200, of the variance sqrt(2) / 200.
    EXPECT_NEAR(ahead.mean, truth.mean, 4 * std::sqrt(truth.variance) / 200) << h;
    EXPECT_NEAR(ahead.stddev * ahead.stddev / truth.variance, 1, 4 * std::sqrt(2.0) / 200) << h;
  }
}

INSTANTIATE_TEST_SUITE_P(Seasons, HoltWintersOracle,
                         testing::Values(Season::kAdditive, Season::kMultiplicative));

// Property: on data from the model, the interval of coverage c holds a share c of the truths.
TEST(Holt, IntervalsCoverWhatTheyPromise) {
  Random random(test_seed(5));
  const double a = 0.5, b = 0.05, p = 0.9;
  Holt holt =
      *Holt::create({.level_rate = a, .trend_rate = b / a, .damping = p, .variance_rate = 0.002});
  constexpr int kSteps = 20000, kHorizon = 4;
  double level = 0, trend = 0;
  std::vector<Forecast> made;
  int inside = 0, judged = 0;
  for (int t = 0; t < kSteps; ++t) {
    const double noise = random.normal();
    const double y = level + p * trend + noise;
    level += p * trend + a * noise;
    trend = p * trend + b * noise;
    if (t >= 2000 + kHorizon) {
      const Forecast& old = made[size_t(t - kHorizon)];
      inside += y >= old.lower && y <= old.upper;
      ++judged;
    }
    holt.observe(y);
    made.push_back(holt.forecast(kHorizon, 0.8));
  }
  // Forecasts four apart are independent: standard error sqrt(.8 .2 4 / n) = 0.006; 4 of them.
  EXPECT_NEAR(double(inside) / judged, 0.8, 4 * std::sqrt(0.8 * 0.2 * kHorizon / judged));
}

}  // namespace
}  // namespace llmos::predict
