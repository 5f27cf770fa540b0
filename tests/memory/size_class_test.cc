// SPDX-License-Identifier: Apache-2.0
#include "memory/size_class.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace llmos::memory {
namespace {

using detail::class_of;
using detail::kClassBytesMax;
using detail::kClassEnd;
using detail::kClassFirst;

TEST(SizeClass, EverySizeFitsItsClassAndNoSmallerOne) {
  for (size_t bytes = 1; bytes <= kClassBytesMax; bytes += bytes < 70'000 ? 1 : 61) {
    const uint32_t c = class_of(bytes);
    ASSERT_GE(c, kClassFirst);
    ASSERT_LT(c, kClassEnd);
    ASSERT_GE(kSizeClasses[c].block_bytes, bytes);
    if (c > kClassFirst) {
      ASSERT_LT(kSizeClasses[c - 1].block_bytes, bytes);
    }
  }
  for (uint32_t c = kClassFirst; c < kClassEnd; ++c) {
    EXPECT_EQ(class_of(kSizeClasses[c].block_bytes), c);  // the border itself
  }
}

TEST(SizeClass, WasteIsBounded) {
  double worst = 0, sum = 0;
  int count = 0;
  for (double exponent = 7; exponent <= 23; exponent += 1.0 / 4096, ++count) {
    const auto bytes = size_t(std::exp2(exponent));
    const double waste = 1 - double(bytes) / kSizeClasses[class_of(bytes)].block_bytes;
    worst = std::max(worst, waste);
    sum += waste;
  }
  // Eight classes per doubling: at most 1/9 of a block, and half of 1/8 to 1/16 on average.
  EXPECT_LE(worst, 1.0 / 9);
  EXPECT_LE(sum / count, 0.06);
  for (size_t bytes = 1; bytes <= 128; ++bytes) {
    EXPECT_LT(kSizeClasses[class_of(bytes)].block_bytes - bytes, 16u);
  }
}

TEST(SizeClass, SpansHoldWholeBlocksAndWasteLittle) {
  for (uint32_t c = kClassFirst; c < kClassEnd; ++c) {
    const SizeClass& geometry = kSizeClasses[c];
    const size_t span_bytes = size_t{geometry.span_pages} * kPageBytes;
    const size_t used = size_t{geometry.blocks_per_span} * geometry.stride;
    const size_t shift_max = (geometry.colours - 1) * kCacheLineBytes;
    EXPECT_GE(geometry.blocks_per_span, 1u);
    EXPECT_LE(used + shift_max, span_bytes) << geometry.block_bytes;
    EXPECT_LE(double(span_bytes - used) / double(span_bytes), 1.0 / 32) << geometry.block_bytes;
    EXPECT_EQ(geometry.stride % 16, 0u);
  }
}

TEST(SizeClass, LargeStridesDoNotCollideInTheCache) {
  // 64 blocks in a row must spread over more than the 8 to 12 ways of one L1 set (64 sets of 64 B).
  for (uint32_t c = class_of(4096); c < kClassEnd; ++c) {
    std::array<int, 64> blocks_in_set{};
    for (uint64_t i = 0; i < 64; ++i) ++blocks_in_set[i * kSizeClasses[c].stride / 64 % 64];
    EXPECT_LE(*std::max_element(blocks_in_set.begin(), blocks_in_set.end()), 8)
        << kSizeClasses[c].block_bytes;
  }
}

}  // namespace
}  // namespace llmos::memory
