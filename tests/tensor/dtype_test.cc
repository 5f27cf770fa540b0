// SPDX-License-Identifier: Apache-2.0
#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <limits>

namespace llmos {
namespace {

TEST(DType, EveryTypeIsFoundByItsName) {
  for (int i = 0; i < kDTypeCount; ++i) EXPECT_EQ(find_dtype(dtype_name(DType(i))), DType(i));
  EXPECT_EQ(find_dtype("q4_k"), DType::kQ4_K);
  EXPECT_EQ(find_dtype("Q4_K_M"), std::nullopt);
  EXPECT_EQ(find_dtype(""), std::nullopt);
}

TEST(DType, RowsAreWholeBlocks) {
  EXPECT_EQ(row_bytes(DType::kF16, 7), 14u);
  EXPECT_EQ(row_bytes(DType::kQ4_0, 64), 36u);
  EXPECT_EQ(row_bytes(DType::kQ6_K, 512), 420u);
  EXPECT_EQ(row_bytes(DType::kQ8_0, 0), 0u);
  EXPECT_EQ(row_bytes(DType::kQ4_0, 33), std::nullopt);
  EXPECT_EQ(row_bytes(DType::kF32, std::numeric_limits<uint64_t>::max()), std::nullopt);
}

}  // namespace
}  // namespace llmos
