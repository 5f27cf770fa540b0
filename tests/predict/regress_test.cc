// SPDX-License-Identifier: Apache-2.0
#include "predict/regress.h"

#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <array>
#include <cmath>
#include <deque>
#include <limits>

#include "predict/random.h"

namespace llmos::predict {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Two = std::array<double, 2>;
using One = std::array<double, 1>;

TEST(WindowRegression, RefusesSizesOutsideTheirBounds) {
  EXPECT_EQ(WindowRegression::create({.features = 0}).status().code(), Code::kInvalid);
  EXPECT_EQ(WindowRegression::create({.features = kFeaturesMax + 1}).status().code(),
            Code::kInvalid);
  EXPECT_EQ(WindowRegression::create({.window = 1}).status().code(), Code::kInvalid);
}

TEST(WindowRegression, FindsALineAndForgetsTheOldOne) {
  WindowRegression fit = *WindowRegression::create({.features = 1, .window = 20});
  for (int t = 0; t < 50; ++t) fit.observe(One{double(t)}, 5 - 2.0 * t);
  for (int t = 50; t < 70; ++t) fit.observe(One{double(t)}, 1 + 3.0 * t);
  EXPECT_NEAR(fit.fit()->slopes[0], 3, 1e-9);
  EXPECT_NEAR(fit.fit()->intercept, 1, 1e-7);
  EXPECT_NEAR(fit.predict(One{100})->mean, 301, 1e-7);
  EXPECT_LT(fit.predict(One{100})->stddev, 1e-5);
}

// The cars of a textbook exercise would do; these five points can be worked by hand:
// slope 0.6, intercept 2.2, SSE 2.4, s = sqrt(2.4 / 3), leverage at x = 6: 1/5 + 9/10.
TEST(WindowRegression, IntervalIsStudentsT) {
  WindowRegression fit = *WindowRegression::create({.features = 1, .window = 5});
  const double y[] = {2, 4, 5, 4, 5};
  for (int i = 0; i < 5; ++i) fit.observe(One{i + 1.0}, y[i]);
  const Forecast six = *fit.predict(One{6}, 0.95);
  EXPECT_NEAR(six.mean, 5.8, 1e-12);
  EXPECT_NEAR(six.stddev, std::sqrt(0.8 * (1 + 0.2 + 0.9)), 1e-12);
  EXPECT_NEAR(six.upper - six.mean, 3.182446305284263 * six.stddev, 1e-8);
}

TEST(WindowRegression, TooFewRowsAreHonest) {
  WindowRegression fit = *WindowRegression::create({.features = 1, .window = 5});
  EXPECT_FALSE(fit.predict(One{1}).has_value());
  fit.observe(One{1}, 10);
  EXPECT_FALSE(fit.predict(One{1}).has_value());
  fit.observe(One{2}, 12);
  EXPECT_NEAR(fit.predict(One{3})->mean, 14, 1e-12);
  EXPECT_EQ(fit.predict(One{3})->upper, kInf);  // two points leave no degree of freedom
}

TEST(WindowRegression, RefusesWhatIsNotFinite) {
  WindowRegression fit = *WindowRegression::create({.features = 1, .window = 5});
  for (int i = 0; i < 5; ++i) fit.observe(One{double(i)}, i);
  EXPECT_FALSE(fit.observe(One{kNan}, 1));
  EXPECT_FALSE(fit.observe(One{1}, kInf));
  EXPECT_FALSE(fit.observe(One{1e200}, 1));
  EXPECT_FALSE(fit.predict(One{kNan}).has_value());
  EXPECT_NEAR(fit.predict(One{9})->mean, 9, 1e-12);
}

TEST(WindowRegression, ConstantsHaveNoSlope) {
  WindowRegression fit = *WindowRegression::create({.features = 2, .window = 10});
  for (int i = 0; i < 30; ++i) fit.observe(Two{0.1, double(i)}, 7 + 2.0 * i);
  EXPECT_EQ(fit.fit()->rank, 1);
  EXPECT_EQ(fit.fit()->slopes[0], 0);
  EXPECT_NEAR(fit.fit()->slopes[1], 2, 1e-12);
  EXPECT_LT(fit.predict(Two{0.1, 40})->upper, kInf);
  EXPECT_EQ(fit.predict(Two{0.2, 40})->upper, kInf);  // never seen to move: nothing is known
}

TEST(WindowRegression, CollinearFeaturesShareTheirSlope) {
  WindowRegression fit = *WindowRegression::create({.features = 2, .window = 16});
  Random random(test_seed(2));
  for (int i = 0; i < 40; ++i) {
    const double x = random.normal();
    fit.observe(Two{x, 3 * x}, 6 * x + 1);
  }
  EXPECT_EQ(fit.fit()->rank, 1);
  EXPECT_NEAR(fit.predict(Two{2, 6})->mean, 13, 1e-9);
  EXPECT_LT(fit.predict(Two{2, 6})->upper, kInf);
  EXPECT_EQ(fit.predict(Two{2, -6})->upper, kInf);
}

TEST(WindowRegression, AllConstantIsAConstant) {
  WindowRegression fit = *WindowRegression::create({.features = 1, .window = 8});
  for (int i = 0; i < 30; ++i) fit.observe(One{3}, 1e12 + 0.1);
  EXPECT_EQ(fit.predict(One{3})->mean, 1e12 + 0.1);
  EXPECT_EQ(fit.predict(One{3})->lower, 1e12 + 0.1);
}

// Oracle: a QR factorisation of the window's rows, with the offset taken out.
double by_qr(const std::deque<std::array<double, 3>>& rows, Two x, double offset) {
  Eigen::MatrixXd a(rows.size(), 3);
  Eigen::VectorXd y(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    a.row(Eigen::Index(i)) << 1, rows[i][0] - offset, rows[i][1];
    y(Eigen::Index(i)) = rows[i][2] - offset;
  }
  const Eigen::Vector3d b = a.colPivHouseholderQr().solve(y);
  return offset + b.dot(Eigen::Vector3d(1, x[0] - offset, x[1]));
}

class WindowRegressionOffset : public testing::TestWithParam<double> {};

TEST_P(WindowRegressionOffset, StaysWithTheOracleOverManyWindows) {
  const double offset = GetParam();
  constexpr int kWindow = 37;
  WindowRegression fit = *WindowRegression::create({.features = 2, .window = kWindow});
  Random random(test_seed(9));
  std::deque<std::array<double, 3>> rows;
  for (int t = 0; t < 20000; ++t) {
    const Two x{offset + t * 0.01 + random.normal(), random.normal()};
    const double y = offset + 0.7 * (x[0] - offset) - 2 * x[1] + 0.1 * random.normal();
    fit.observe(x, y);
    rows.push_back({x[0], x[1], y});
    if (rows.size() > kWindow) rows.pop_front();
    if (t % 97 != 5 || rows.size() < 4) continue;
    // What the inputs themselves lose to the offset bounds what can be asked.
    const double tolerance = 1e-9 + 50 * std::abs(offset) * 2.2e-16;
    ASSERT_NEAR(fit.predict(x)->mean - offset, by_qr(rows, x, offset) - offset, tolerance) << t;
  }
}

INSTANTIATE_TEST_SUITE_P(Offsets, WindowRegressionOffset, testing::Values(0.0, 1e6, 1e12));

TEST(WindowRegression, ABurstLeavesNoTraceInTheSums) {
  WindowRegression fit = *WindowRegression::create({.features = 1, .window = 10});
  for (int t = 0; t < 5; ++t) fit.observe(One{double(t)}, 1e15 * t * t);
  for (int t = 5; t < 40; ++t) fit.observe(One{double(t)}, 0.5 * t);
  EXPECT_NEAR(fit.predict(One{41})->mean, 20.5, 1e-9);
}

TEST(WindowRegression, IntervalsCoverWhatTheyPromise) {
  WindowRegression fit = *WindowRegression::create({.features = 1, .window = 8});
  Random random(test_seed(21));
  int inside = 0, judged = 0;
  for (int t = 0; t < 40000; ++t) {
    const double x = random.normal(), y = 3 * x + random.normal();
    if (t % 9 == 8) {  // each judged against a window that shares no row with the next
      const Forecast ahead = *fit.predict(One{x}, 0.9);
      inside += y >= ahead.lower && y <= ahead.upper;
      ++judged;
    } else {
      fit.observe(One{x}, y);
    }
  }
  EXPECT_NEAR(double(inside) / judged, 0.9, 4 * std::sqrt(0.9 * 0.1 / judged));
}

}  // namespace
}  // namespace llmos::predict
