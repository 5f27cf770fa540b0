// SPDX-License-Identifier: Apache-2.0
#include "format/ggml_type.h"

#include <gtest/gtest.h>

namespace llmos {
namespace {

TEST(GgmlType, NumbersOfTheFormat) {
  // From the format's public description.
  EXPECT_EQ(dtype_of_ggml(0), DType::kF32);
  EXPECT_EQ(dtype_of_ggml(1), DType::kF16);
  EXPECT_EQ(dtype_of_ggml(2), DType::kQ4_0);
  EXPECT_EQ(dtype_of_ggml(3), DType::kQ4_1);
  EXPECT_EQ(dtype_of_ggml(6), DType::kQ5_0);
  EXPECT_EQ(dtype_of_ggml(7), DType::kQ5_1);
  EXPECT_EQ(dtype_of_ggml(8), DType::kQ8_0);
  EXPECT_EQ(dtype_of_ggml(10), DType::kQ2_K);
  EXPECT_EQ(dtype_of_ggml(11), DType::kQ3_K);
  EXPECT_EQ(dtype_of_ggml(12), DType::kQ4_K);
  EXPECT_EQ(dtype_of_ggml(13), DType::kQ5_K);
  EXPECT_EQ(dtype_of_ggml(14), DType::kQ6_K);
  EXPECT_EQ(dtype_of_ggml(20), DType::kIQ4_NL);
  EXPECT_EQ(dtype_of_ggml(23), DType::kIQ4_XS);
  EXPECT_EQ(dtype_of_ggml(24), DType::kI8);
  EXPECT_EQ(dtype_of_ggml(28), DType::kF64);
  EXPECT_EQ(dtype_of_ggml(30), DType::kBF16);
  EXPECT_EQ(dtype_of_ggml(39), DType::kMXFP4);
}

TEST(GgmlType, OtherNumbersHaveANameOnly) {
  for (const uint32_t number : {4u, 5u, 9u, 15u, 16u, 19u, 29u, 31u, 34u, 35u, 36u, 40u, 41u}) {
    EXPECT_EQ(dtype_of_ggml(number), std::nullopt) << number;
  }
  EXPECT_EQ(ggml_type_name(16), "IQ2_XXS");
  EXPECT_EQ(ggml_type_name(19), "IQ1_S");
  EXPECT_EQ(ggml_type_name(29), "IQ1_M");
  EXPECT_EQ(ggml_type_name(34), "TQ1_0");
  EXPECT_EQ(ggml_type_name(40), "NVFP4");
  EXPECT_EQ(ggml_type_name(41), "Q1_0");
  EXPECT_EQ(ggml_type_name(42), "number 42");
  EXPECT_EQ(ggml_type_name(UINT32_MAX), "number 4294967295");
  EXPECT_EQ(dtype_of_ggml(UINT32_MAX), std::nullopt);
}

TEST(GgmlType, BackAndForth) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto number = ggml_of_dtype(DType(i));
    if (DType(i) == DType::kF8E4M3 || DType(i) == DType::kU8) {
      EXPECT_EQ(number, std::nullopt);
    } else {
      ASSERT_TRUE(number) << dtype_name(DType(i));
      EXPECT_EQ(dtype_of_ggml(*number), DType(i));
      EXPECT_EQ(ggml_type_name(*number), dtype_name(DType(i)));
    }
  }
}

}  // namespace
}  // namespace llmos
