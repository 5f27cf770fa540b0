// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <limits>

#include "kernels/packed_tensors.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

using test::Cells;
using test::random_floats;

TEST(CpuQuantize, IsWithinHalfAStepOfEveryValue) {
  Rng rng(test::seed("quantize"));
  for (const KernelTable* set : test::packing_sets()) {
    for (int i = 0; i < 50; ++i) {
      const int64_t tokens = rng.between(1, 5), columns = 32 * rng.between(1, 20);
      const int64_t stride = columns + rng.between(0, 7);
      const float size = std::pow(10.0f, float(rng.between(-20, 20)));
      const auto in = random_floats(rng, size_t(tokens * stride), size);
      const Cells cells(*set, in.data(), stride, tokens, columns, int(rng.between(1, 4)));
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t c = 0; c < columns; ++c) {
          const double x = double(in[size_t(t * stride + c)]);
          ASSERT_LE(std::abs(x - cells.value(t, c)), 0.5001 * cells.scale(t, c)) << set->name;
        }
      }
    }
  }
}

TEST(CpuQuantize, TheLargestBecomes127AndZerosStay) {
  Rng rng(test::seed("quantize ends"));
  for (const KernelTable* set : test::packing_sets()) {
    std::vector<float> in(96, 0.0f);
    in[5] = -3, in[9] = 1.5f, in[40] = 1e-40f;
    const Cells cells(*set, in.data(), 96, 1, 96, 1);
    EXPECT_EQ(cells.quant(0, 5), -127) << set->name;
    EXPECT_NEAR(cells.value(0, 9), 1.5, 0.02) << set->name;
    EXPECT_EQ(cells.quant(0, 6), 0) << set->name;
    EXPECT_EQ(cells.value(0, 40), 0) << set->name << ": too small to be scaled";
    EXPECT_EQ(cells.scale(0, 95), 0) << set->name;
  }
}

TEST(CpuQuantize, WhatIsNoNumberStaysNone) {
  for (const KernelTable* set : test::packing_sets()) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
          -std::numeric_limits<float>::infinity()}) {
      std::vector<float> in(64, 1.0f);
      in[3] = bad;
      const Cells cells(*set, in.data(), 64, 1, 64, 1);
      EXPECT_TRUE(std::isnan(cells.scale(0, 0))) << set->name;
      EXPECT_FALSE(std::isnan(cells.scale(0, 32))) << set->name;
    }
  }
}

}  // namespace
}  // namespace llmos::kernels
