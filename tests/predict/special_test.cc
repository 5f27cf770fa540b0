// SPDX-License-Identifier: Apache-2.0
#include "predict/special.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace llmos::predict {
namespace {

TEST(NormalQuantile, MatchesTables) {
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-14);
  EXPECT_NEAR(normal_quantile(0.99), 2.3263478740408408, 1e-14);
  EXPECT_NEAR(normal_quantile(1e-10), -6.361340902404056, 1e-12);
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-16);
}

TEST(NormalQuantile, InvertsTheCdfEverywhere) {
  for (double z = -8; z <= 5; z += 0.01) {
    EXPECT_NEAR(normal_quantile(normal_cdf(z)), z, 1e-9 * (1 + std::abs(z))) << z;
  }
}

TEST(NormalQuantile, EndsAndNonsense) {
  EXPECT_EQ(normal_quantile(0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(normal_quantile(1), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(normal_quantile(-0.1)));
  EXPECT_TRUE(std::isnan(normal_quantile(std::nan(""))));
}

TEST(IncompleteBeta, MatchesClosedForms) {
  for (double x = 0.05; x < 1; x += 0.05) {
    EXPECT_NEAR(incomplete_beta(1, 1, x), x, 1e-14);
    EXPECT_NEAR(incomplete_beta(3, 1, x), x * x * x, 1e-14);
    EXPECT_NEAR(incomplete_beta(0.5, 0.5, x), 2 / M_PI * std::asin(std::sqrt(x)), 1e-13);
    EXPECT_NEAR(incomplete_beta(7, 4, x), 1 - incomplete_beta(4, 7, 1 - x), 1e-14);
  }
}

TEST(StudentT, MatchesTables) {
  EXPECT_NEAR(student_t_quantile(0.975, 1), 12.706204736432095, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.975, 10), 2.2281388519649385, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.995, 30), 2.7499956535672257, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.05, 4), -2.131846786326649, 1e-10);
}

TEST(StudentT, CauchyAndNormalAreItsEnds) {
  for (double p = 0.51; p < 1; p += 0.01) {
    EXPECT_NEAR(student_t_quantile(p, 1), std::tan(M_PI * (p - 0.5)), 1e-8 / (1 - p));
    EXPECT_NEAR(student_t_quantile(p, 1e8), normal_quantile(p), 1e-6);
  }
  EXPECT_EQ(student_t_quantile(0.7, 1e12), normal_quantile(0.7));
  EXPECT_TRUE(std::isnan(student_t_quantile(0.9, 0)));
}

}  // namespace
}  // namespace llmos::predict
