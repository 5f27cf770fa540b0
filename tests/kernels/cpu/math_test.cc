// SPDX-License-Identifier: Apache-2.0
// The functions as compiled for the baseline; those of the other sets are held against the
// reference through activations, attention and rope.
#include "kernels/cpu/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

// |a - b| in units of the last place of b.
double ulps(float a, double b) {
  if (a == b) return 0;
  const float rounded = float(b);
  const float next = std::nextafter(std::abs(rounded), INFINITY);
  return std::abs(a - b) / double(next - std::abs(rounded));
}

double worst(uint64_t seed, float first, float last, const std::function<Floats(Floats)>& fast,
             const std::function<double(double)>& exact) {
  Rng rng(seed);
  double largest = 0;
  for (int i = 0; i < 50'000; ++i) {
    const float x = first + (last - first) * float(rng.uniform());
    largest = std::max(largest, ulps(fast(broadcast(x))[0], exact(double(x))));
  }
  return largest;
}

TEST(CpuMath, ExponentialsAreWithinTwoUnits) {
  const uint64_t seed = test::seed("exp");
  const auto fast = [](Floats x) { return exp(x); };
  const auto exact = [](double x) { return std::exp(x); };
  EXPECT_LE(worst(seed, -87.3f, 88.7f, fast, exact), 2);
  EXPECT_LE(worst(seed, -1, 1, fast, exact), 2);
}

TEST(CpuMath, ExponentialsAtTheEnds) {
  EXPECT_EQ(exp(broadcast(0.0f))[0], 1.0f);
  EXPECT_EQ(exp(broadcast(-INFINITY))[0], 0.0f);
  EXPECT_EQ(exp(broadcast(-88.0f))[0], 0.0f);
  EXPECT_EQ(exp(broadcast(INFINITY))[0], INFINITY);
  EXPECT_EQ(exp(broadcast(89.0f))[0], INFINITY);
  EXPECT_TRUE(std::isnan(exp(broadcast(NAN))[0]));
  EXPECT_TRUE(std::isfinite(exp(broadcast(88.72f))[0]));
}

TEST(CpuMath, HyperbolicTangent) {
  const uint64_t seed = test::seed("tanh");
  const auto fast = [](Floats x) { return tanh(x); };
  const auto exact = [](double x) { return std::tanh(x); };
  EXPECT_LE(worst(seed, -0.7f, 0.7f, fast, exact), 3);
  EXPECT_LE(worst(seed, -12, 12, fast, exact), 3);
  EXPECT_EQ(tanh(broadcast(100.0f))[0], 1.0f);
  EXPECT_EQ(tanh(broadcast(-INFINITY))[0], -1.0f);
  EXPECT_TRUE(std::signbit(tanh(broadcast(-0.0f))[0]));
}

TEST(CpuMath, SineAndCosineOfLargeAngles) {
  Rng rng(test::seed("angles"));
  for (const float size : {1.0f, 100.0f, 1e5f, 1.6e7f}) {
    for (int i = 0; i < 20'000; ++i) {
      const float x = float(rng.uniform() * 2 - 1) * size;
      const SinCos value = sin_cos(broadcast(x));
      // Near a zero of the function the distance is absolute.
      ASSERT_NEAR(value.sin[0], std::sin(double(x)), 6e-8) << x;
      ASSERT_NEAR(value.cos[0], std::cos(double(x)), 6e-8) << x;
    }
  }
  EXPECT_EQ(sin_cos(broadcast(0.0f)).cos[0], 1.0f);
}

TEST(CpuMath, LanesDoNotMeet) {
  Rng rng(test::seed("lanes"));
  Floats x;
  for (int i = 0; i < kLanes; ++i) x[i] = float(rng.uniform() * 200 - 100);
  const Floats all = tanh(x);
  for (int i = 0; i < kLanes; ++i) EXPECT_EQ(all[i], tanh(broadcast(x[i]))[0]);
}

}  // namespace
}  // namespace llmos::kernels
