// SPDX-License-Identifier: Apache-2.0
#include "tensor/view.h"

#include <gtest/gtest.h>

namespace llmos {
namespace {

TEST(TensorView, FindsItsRows) {
  const std::byte bytes[4 * 36]{};
  const TensorView view{bytes, DType::kQ4_0, {4, 64}};
  EXPECT_EQ(view.row_bytes(), 36u);
  EXPECT_EQ(view.bytes(), 4u * 36u);
  EXPECT_EQ(view.row(3), bytes + 3 * 36);
}

}  // namespace
}  // namespace llmos
