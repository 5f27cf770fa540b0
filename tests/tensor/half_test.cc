// SPDX-License-Identifier: Apache-2.0
// The oracles are the definitions of the formats, in doubles.
#include "tensor/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float of_bits(uint32_t bits) { return std::bit_cast<float>(bits); }
uint32_t bits_of(float value) { return std::bit_cast<uint32_t>(value); }

// A format with `exponent_bits` and `mantissa_bits`, read by its definition; every code is finite.
double finite_value(uint32_t code, int exponent_bits, int mantissa_bits) {
  const uint32_t mantissa = code & ((1u << mantissa_bits) - 1);
  const int exponent = int((code >> mantissa_bits) & ((1u << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const bool negative = (code >> (exponent_bits + mantissa_bits)) & 1;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                    : std::ldexp((1u << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
  return negative ? -magnitude : magnitude;
}

// Checks rounding between the neighbours `low` and `low + 1` (codes of a positive format): exactly
// at each, just beside the middle, and in the middle, where the even code wins.
template <class Narrow>
void expect_nearest(uint32_t low, double low_value, double high_value, Narrow narrow) {
  const float middle = float((low_value + high_value) / 2);  // exact: one more bit
  EXPECT_EQ(narrow(float(low_value)), low);
  EXPECT_EQ(narrow(middle), low + (low & 1)) << low;
  EXPECT_EQ(narrow(std::nextafter(middle, 0.0f)), low) << low;
  EXPECT_EQ(narrow(std::nextafter(middle, kInfinity)), low + 1) << low;
}

TEST(Half, F16ReadsEveryCode) {
  for (uint32_t code = 0; code < 0x10000; ++code) {
    const float value = f16_to_f32(uint16_t(code));
    ASSERT_EQ(std::signbit(value), (code & 0x8000) != 0) << code;
    if ((code & 0x7c00) != 0x7c00) {
      ASSERT_EQ(double(value), finite_value(code, 5, 10)) << code;
    } else if (code & 0x3ff) {
      ASSERT_EQ(bits_of(value) & 0x7fffffffu, 0x7f800000u | (code & 0x3ff) << 13) << code;
    } else {
      ASSERT_TRUE(std::isinf(value));
    }
  }
}

TEST(Half, F16RoundsToNearestEven) {
  for (uint32_t low = 0; low < 0x7c00; ++low) {
    // One above the largest is where 65536 would be: its middle, 65520, becomes infinity.
    expect_nearest(low, finite_value(low, 5, 10),
                   low == 0x7bff ? 65536 : f16_to_f32(uint16_t(low + 1)), [](float value) {
                     EXPECT_EQ(f32_to_f16(-value), f32_to_f16(value) | 0x8000);
                     return f32_to_f16(value);
                   });
  }
  EXPECT_EQ(f32_to_f16(0.0f), 0x0000);
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(f32_to_f16(std::numeric_limits<float>::max()), 0x7c00);
  EXPECT_EQ(f32_to_f16(-kInfinity), 0xfc00);
  EXPECT_EQ(f32_to_f16(of_bits(0x7f800001)), 0x7e00);
  EXPECT_EQ(f32_to_f16(of_bits(0xffffffff)), 0xffff);
}

TEST(Half, Bf16RoundsToNearestEven) {
  for (uint32_t low = 0; low < 0x7f80; ++low) {
    const auto narrow = [](float value) { return uint32_t{f32_to_bf16(value)}; };
    EXPECT_EQ(narrow(bf16_to_f32(uint16_t(low))), low);
    const uint32_t middle = (low << 16) + 0x8000;
    ASSERT_EQ(narrow(of_bits(middle)), low + (low & 1));
    ASSERT_EQ(narrow(of_bits(middle - 1)), low);
    ASSERT_EQ(narrow(of_bits(middle + 1)), low + 1);
    ASSERT_EQ(narrow(of_bits(middle + 1) * -1), (low + 1) | 0x8000);
  }
  EXPECT_EQ(bf16_to_f32(0xff80), -kInfinity);
  EXPECT_EQ(f32_to_bf16(kInfinity), 0x7f80);
  EXPECT_EQ(f32_to_bf16(of_bits(0x7f800001)), 0x7fc0);  // its payload would have become infinity
  EXPECT_EQ(f32_to_bf16(of_bits(0xffffffff)), 0xffff);
}

TEST(Half, F8E4M3ReadsAndRounds) {
  for (uint32_t code = 0; code < 256; ++code) {
    if ((code & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(f8e4m3_to_f32(uint8_t(code))));
      EXPECT_EQ(std::signbit(f8e4m3_to_f32(uint8_t(code))), code == 0xff);
    } else {
      EXPECT_EQ(double(f8e4m3_to_f32(uint8_t(code))), finite_value(code, 4, 3)) << code;
      EXPECT_EQ(f32_to_f8e4m3(f8e4m3_to_f32(uint8_t(code))), code);
    }
  }
  for (uint32_t low = 0; low < 0x7f; ++low) {
    expect_nearest(low, finite_value(low, 4, 3), finite_value(low + 1, 4, 3),
                   [](float value) { return uint32_t{f32_to_f8e4m3(value)}; });
  }
  EXPECT_EQ(f32_to_f8e4m3(1e30f), 0x7f);
  EXPECT_EQ(f32_to_f8e4m3(-kInfinity), 0xff);
  EXPECT_EQ(f32_to_f8e4m3(of_bits(0xff800001)), 0xff);
}

TEST(Half, E8M0IsAPowerOfTwo) {
  for (int code = 0; code < 255; ++code) {
    const double value = std::ldexp(1.0, code - 127);
    EXPECT_EQ(double(e8m0_to_f32(uint8_t(code))), value);
    EXPECT_EQ(f32_to_e8m0(float(value)), code);
    EXPECT_EQ(f32_to_e8m0(float(-value * 1.25)), code);
    if (code > 0 && code < 254) {
      EXPECT_EQ(f32_to_e8m0(float(value * 1.5)), code + 1);
    }
  }
  EXPECT_EQ(f32_to_e8m0(of_bits(0x00600000)), 0);
  EXPECT_EQ(f32_to_e8m0(of_bits(0x00600001)), 1);
  EXPECT_EQ(f32_to_e8m0(0), 0);
  EXPECT_EQ(f32_to_e8m0(1.5f * 0x1p127f), 255);
  EXPECT_EQ(f32_to_e8m0(kInfinity), 255);
  EXPECT_TRUE(std::isnan(e8m0_to_f32(255)));
}

TEST(Half, RandomValuesLandOnANeighbour) {
  Rng rng(test::seed("half"));
  for (int i = 0; i < 200'000; ++i) {
    const float value = of_bits(rng.u32());
    if (!std::isfinite(value)) continue;
    const float half = f16_to_f32(f32_to_f16(value)), brain = bf16_to_f32(f32_to_bf16(value));
    const double unit = std::max(0x1p-24, std::ldexp(1.0, std::ilogb(value) - 10));
    if (std::abs(value) < 65520) {
      ASSERT_LE(std::abs(double(half) - value), unit / 2) << value;
    }
    if (std::isfinite(brain)) {
      ASSERT_LE(std::abs(double(brain) - value),
                std::ldexp(1.0, std::max(std::ilogb(value), -126) - 8));
    }
  }
}

}  // namespace
}  // namespace llmos
