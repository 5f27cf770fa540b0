// SPDX-License-Identifier: Apache-2.0
#include "kv/mix.h"

#include <gtest/gtest.h>

#include <bit>

namespace llmos {
namespace {

// The published first numbers of SplitMix64 with seed 0, whose state grows by the golden ratio.
TEST(Mix, IsTheFinaliserOfSplitMix64) {
  constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
  EXPECT_EQ(mix(kGolden), 0xE220A8397B1DCDAFu);
  EXPECT_EQ(mix(2 * kGolden), 0x6E789E6AA1B965F4u);
  EXPECT_EQ(mix(3 * kGolden), 0x06C45D188009454Fu);
}

TEST(Mix, EveryBitMovesAboutHalfOfTheOthers) {
  for (int bit = 0; bit < 64; ++bit) {
    int moved = 0;
    constexpr int kNumbers = 200;
    for (uint64_t x = 1; x <= kNumbers; ++x) moved += std::popcount(mix(x) ^ mix(x ^ 1ull << bit));
    EXPECT_NEAR(double(moved) / kNumbers, 32, 4) << "bit " << bit;
  }
}

}  // namespace
}  // namespace llmos
