// SPDX-License-Identifier: Apache-2.0
#include "format/tensor_info.h"

#include <gtest/gtest.h>

namespace llmos {
namespace {

TEST(TensorInfo, BytesOfWholeRows) {
  EXPECT_EQ(tensor_bytes(DType::kF32, {3, 5}), 60u);
  EXPECT_EQ(tensor_bytes(DType::kF32, Shape()), 4u);
  EXPECT_EQ(tensor_bytes(DType::kQ8_0, {3, 64}), 3u * 68);
  EXPECT_EQ(tensor_bytes(DType::kQ6_K, {2, 3, 256}), 6u * 210);
  EXPECT_EQ(tensor_bytes(DType::kF16, {3, 0}), 0u);
}

TEST(TensorInfo, NoBytesOfBrokenRowsOrBeyond64Bits) {
  EXPECT_EQ(tensor_bytes(DType::kQ8_0, {32, 3}), std::nullopt);  // the rows are 3 long
  EXPECT_EQ(tensor_bytes(DType::kF32, {uint64_t{1} << 62, 4}), std::nullopt);
  EXPECT_EQ(tensor_bytes(DType::kF32, {uint64_t{1} << 32, uint64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(tensor_bytes(DType::kI8, {UINT64_MAX}), UINT64_MAX);
  // No product of a few sizes may wrap around to something small.
  EXPECT_EQ(tensor_bytes(DType::kI8, {uint64_t{1} << 63, 2, 1, 1}), std::nullopt);
}

TEST(TensorInfo, AlignmentOfScalars) {
  EXPECT_EQ(scalar_alignment(DType::kF64), 8u);
  EXPECT_EQ(scalar_alignment(DType::kF32), 4u);
  EXPECT_EQ(scalar_alignment(DType::kBF16), 2u);
  EXPECT_EQ(scalar_alignment(DType::kU8), 1u);
  EXPECT_EQ(scalar_alignment(DType::kQ4_K), 2u);
  EXPECT_EQ(scalar_alignment(DType::kMXFP4), 1u);
}

}  // namespace
}  // namespace llmos
