// SPDX-License-Identifier: Apache-2.0
#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace llmos {
namespace {

RopeConfig plain() { return {.rotary = 64, .theta = 10000}; }

double base(uint32_t pair) { return std::pow(10000.0, -2.0 * pair / 64); }

TEST(Rope, PlainFrequenciesAreAGeometricRow) {
  const std::vector<float> found = inverse_frequencies(plain());
  ASSERT_EQ(found.size(), 32u);
  EXPECT_EQ(found[0], 1);
  for (uint32_t i = 0; i < 32; ++i) EXPECT_FLOAT_EQ(found[i], float(base(i)));
}

TEST(Rope, LinearDividesAll) {
  RopeConfig rope = plain();
  rope.scaling = RopeScaling::kLinear;
  rope.factor = 8;
  const std::vector<float> found = inverse_frequencies(rope);
  for (uint32_t i = 0; i < 32; ++i) EXPECT_FLOAT_EQ(found[i], float(base(i) / 8));
}

// As published with Llama 3.1: by wavelength, with a ramp between the two borders.
TEST(Rope, Llama3KeepsShortWavelengthsAndDividesLongOnes) {
  RopeConfig rope = plain();
  rope.scaling = RopeScaling::kLlama3;
  rope.factor = 8;
  rope.low_frequency_factor = 1;
  rope.high_frequency_factor = 4;
  rope.original_context = 512;
  const std::vector<float> found = inverse_frequencies(rope);
  int kept = 0, divided = 0, between = 0;
  for (uint32_t i = 0; i < 32; ++i) {
    const double wavelength = 2 * std::numbers::pi / base(i);
    if (wavelength < 512.0 / 4) {
      EXPECT_FLOAT_EQ(found[i], float(base(i)));
      ++kept;
    } else if (wavelength > 512.0) {
      EXPECT_FLOAT_EQ(found[i], float(base(i) / 8));
      ++divided;
    } else {
      const double smooth = (512.0 / wavelength - 1) / (4 - 1);
      EXPECT_FLOAT_EQ(found[i], float((1 - smooth) * base(i) / 8 + smooth * base(i)));
      ++between;
    }
  }
  EXPECT_GT(kept, 3);
  EXPECT_GT(divided, 3);
  EXPECT_GT(between, 1);
}

TEST(Rope, YarnKeepsFastPairsAndDividesSlowOnes) {
  for (const bool truncate : {true, false}) {
    RopeConfig rope = plain();
    rope.scaling = RopeScaling::kYarn;
    rope.factor = 4;
    rope.original_context = 4096;
    rope.truncate = truncate;
    const std::vector<float> found = inverse_frequencies(rope);
    for (uint32_t i = 0; i < 32; ++i) {
      const double turns = 4096 * base(i) / (2 * std::numbers::pi);
      EXPECT_LE(found[i], float(base(i)));
      EXPECT_GE(found[i], float(base(i) / 4) * 0.999999f);
      // The borders in turns, one pair wider where they are rounded outwards.
      const double pair = std::pow(10000.0, 2.0 / 64);
      if (turns > 32 * pair) {
        EXPECT_FLOAT_EQ(found[i], float(base(i)));
      }
      if (turns < 1 / pair) {
        EXPECT_FLOAT_EQ(found[i], float(base(i) / 4));
      }
    }
  }
  EXPECT_DOUBLE_EQ(yarn_magnitude(1), 1);
  EXPECT_DOUBLE_EQ(yarn_magnitude(32), 0.1 * std::log(32.0) + 1);
}

TEST(Rope, FactorsDivideTheirPairs) {
  RopeConfig rope = plain();
  rope.scaling = RopeScaling::kFactors;
  for (int i = 0; i < 32; ++i) rope.factors.push_back(float(1 + i));
  const std::vector<float> found = inverse_frequencies(rope);
  for (uint32_t i = 0; i < 32; ++i) EXPECT_FLOAT_EQ(found[i], float(base(i) / (1 + i)));
}

TEST(Rope, LongRopeHasASetForEachSideOfTheBorder) {
  RopeConfig rope = plain();
  rope.scaling = RopeScaling::kLongRope;
  rope.original_context = 4096;
  rope.factors.assign(32, 2);
  rope.long_factors.assign(32, 5);
  const std::vector<float> found = inverse_frequencies(rope);
  ASSERT_EQ(found.size(), 64u);
  for (uint32_t i = 0; i < 32; ++i) {
    EXPECT_FLOAT_EQ(found[i], float(base(i) / 2));
    EXPECT_FLOAT_EQ(found[32 + i], float(base(i) / 5));
  }
  EXPECT_EQ(frequency_set(rope, 4096), 0);
  EXPECT_EQ(frequency_set(rope, 4097), 1);
  EXPECT_EQ(frequency_set(plain(), 1 << 20), 0);
  // 32 times the context: sqrt(1 + log(32) / log(4096)).
  EXPECT_NEAR(long_rope_magnitude(32, 4096), 1.190238, 1e-6);
  EXPECT_EQ(long_rope_magnitude(0.5, 4096), 1);
}

}  // namespace
}  // namespace llmos
