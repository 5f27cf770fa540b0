// SPDX-License-Identifier: Apache-2.0
#include "base/rng_distributions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

constexpr int kDraws = 100000;

std::vector<double> draw(const std::function<double()>& distribution) {
  std::vector<double> draws(kDraws);
  for (double& x : draws) x = distribution();
  return draws;
}

// The greatest distance between the draws' distribution function and `cdf` (Kolmogorov-Smirnov).
double ks_distance(std::vector<double> draws, const std::function<double(double)>& cdf) {
  std::sort(draws.begin(), draws.end());
  double worst = 0;
  for (size_t i = 0; i < draws.size(); ++i) {
    const double exact = cdf(draws[i]);
    worst = std::max({worst, std::abs(exact - double(i) / draws.size()),
                      std::abs(exact - double(i + 1) / draws.size())});
  }
  return worst;
}

// Exceeded by a right sampler once in ten million runs: sqrt(ln(2e7) / 2) = 2.9.
const double kKsMax = 2.9 / std::sqrt(kDraws);

struct Moments {
  double mean = 0, variance = 0;
};

Moments moments(const std::vector<double>& draws) {
  Moments m;
  for (const double x : draws) m.mean += x / double(draws.size());
  for (const double x : draws) m.variance += (x - m.mean) * (x - m.mean) / double(draws.size());
  return m;
}

TEST(Exponential, FollowsItsClosedForm) {
  Rng rng(test::seed("exponential"));
  const auto draws = draw([&] { return exponential(rng); });
  EXPECT_LT(ks_distance(draws, [](double x) { return 1 - std::exp(-x); }), kKsMax);
  EXPECT_NEAR(moments(draws).mean, 1, 6 / std::sqrt(kDraws));
  EXPECT_NEAR(moments(draws).variance, 1, 6 * std::sqrt(8.0 / kDraws));
}

TEST(Normal, FollowsItsClosedForm) {
  Rng rng(test::seed("normal"));
  const auto draws = draw([&] { return normal(rng); });
  EXPECT_LT(ks_distance(draws, [](double x) { return std::erfc(-x / std::sqrt(2)) / 2; }), kKsMax);
  EXPECT_NEAR(moments(draws).mean, 0, 6 / std::sqrt(kDraws));
  EXPECT_NEAR(moments(draws).variance, 1, 6 * std::sqrt(2.0 / kDraws));
}

TEST(Gamma, OfWholeShapeFollowsErlang) {
  Rng rng(test::seed("gamma 3"));
  const auto erlang3 = [](double x) { return 1 - std::exp(-x) * (1 + x + x * x / 2); };
  EXPECT_LT(ks_distance(draw([&] { return gamma(rng, 3); }), erlang3), kKsMax);
}

TEST(Gamma, OfHalfIsASquaredNormal) {
  Rng rng(test::seed("gamma 1/2"));
  const auto chi_square = [](double x) { return std::erf(std::sqrt(x)); };
  EXPECT_LT(ks_distance(draw([&] { return gamma(rng, 0.5); }), chi_square), kKsMax);
}

TEST(Gamma, MeanAndVarianceAreTheShape) {
  Rng rng(test::seed("gamma moments"));
  for (const double shape : {0.1, 0.9, 1.0, 1.5, 30.0, 1e4}) {
    const Moments m = moments(draw([&] { return gamma(rng, shape); }));
    EXPECT_NEAR(m.mean, shape, 6 * std::sqrt(shape / kDraws)) << shape;
    // Var(sample variance) = (mu4 - sigma^4) / n, mu4 = 3 shape^2 + 6 shape.
    EXPECT_NEAR(m.variance, shape, 6 * std::sqrt((2 * shape * shape + 6 * shape) / kDraws))
        << shape;
  }
}

TEST(Beta, FollowsItsClosedForms) {
  Rng rng(test::seed("beta"));
  EXPECT_LT(ks_distance(draw([&] { return beta(rng, 1, 1); }), [](double x) { return x; }), kKsMax);
  EXPECT_LT(ks_distance(draw([&] { return beta(rng, 2, 1); }), [](double x) { return x * x; }),
            kKsMax);
  const auto arcsine = [](double x) { return 2 / M_PI * std::asin(std::sqrt(x)); };
  EXPECT_LT(ks_distance(draw([&] { return beta(rng, 0.5, 0.5); }), arcsine), kKsMax);
}

TEST(Beta, TinyShapesAreACoin) {
  Rng rng(test::seed("beta coin"));
  double sum = 0;
  constexpr int kCoins = 20000;
  for (int i = 0; i < kCoins; ++i) {
    const double x = beta(rng, 1e-5, 3e-5);
    ASSERT_TRUE(x >= 0 && x <= 1) << x;
    sum += x;
  }
  EXPECT_NEAR(sum / kCoins, 0.25, 6 * 0.433 / std::sqrt(kCoins));
}

TEST(Distributions, ShapesOutsideTheDomainAreDefects) {
  const test::ThrowingFatal guard;
  Rng rng(1);
  for (const double shape : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(gamma(rng, shape), test::FatalError) << shape;
    EXPECT_THROW(beta(rng, 1, shape), test::FatalError) << shape;
  }
}

// Written down from the first run: a change of any sampler, compiler flag or platform shows here.
TEST(Distributions, AreTheSameEverywhere) {
  Rng rng(42);
  EXPECT_EQ(exponential(rng), 0x1.dfd524ee73abcp-2);
  EXPECT_EQ(normal(rng), -0x1.510ebb97a6d8p-1);
  EXPECT_EQ(gamma(rng, 2.5), 0x1.d9f6fceed47b3p+0);
  EXPECT_EQ(beta(rng, 3, 4), 0x1.74c7d7474e3fcp-2);
}

}  // namespace
}  // namespace llmos
