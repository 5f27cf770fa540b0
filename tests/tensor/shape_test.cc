// SPDX-License-Identifier: Apache-2.0
#include "tensor/shape.h"

#include <gtest/gtest.h>

namespace llmos {
namespace {

TEST(Shape, CountsWhatItHolds) {
  const Shape shape{2, 3, 5};
  EXPECT_EQ(shape.elements(), 30u);
  EXPECT_EQ(shape.columns(), 5u);
  EXPECT_EQ(shape.rows(), 6u);
  EXPECT_EQ(shape.to_string(), "[2, 3, 5]");
  EXPECT_EQ(Shape{}.elements(), 1u);
  EXPECT_EQ(Shape{}.columns(), 1u);
  EXPECT_EQ((Shape{1ull << 40, 1ull << 40}).elements(), std::nullopt);
}

}  // namespace
}  // namespace llmos
