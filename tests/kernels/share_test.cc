// SPDX-License-Identifier: Apache-2.0
#include "kernels/share.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

TEST(Share, CoversEverythingOnceInWholeUnits) {
  Rng rng(test::seed("shares"));
  for (int i = 0; i < 2000; ++i) {
    const int64_t items = rng.between(0, 300);
    const int64_t unit = rng.between(1, 20);
    const int size = int(rng.between(1, 9));
    int64_t next = 0;
    for (int rank = 0; rank < size; ++rank) {
      const Share share = share_of(items, {.rank = rank, .size = size}, unit);
      ASSERT_EQ(share.first, next);
      ASSERT_GE(share.last, share.first);
      ASSERT_TRUE(share.first % unit == 0 || share.first == items);
      next = share.last;
    }
    ASSERT_EQ(next, items);
  }
}

TEST(Share, PartsDifferByOneUnit) {
  for (int rank = 0; rank < 3; ++rank) {
    const Share share = share_of(64, {.rank = rank, .size = 3}, 16);
    const int64_t count = share.last - share.first;
    EXPECT_TRUE(count == 16 || count == 32) << count;
  }
}

}  // namespace
}  // namespace llmos::kernels
