// SPDX-License-Identifier: Apache-2.0
#include "device/buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/os_memory.h"
#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

TEST(Buffer, IsAlignedZeroAndCounted) {
  ByteBudget budget(1 << 20);
  {
    const Buffer buffer = Buffer::create(budget, 5000).value();
    EXPECT_EQ(buffer.bytes(), 5000u);
    EXPECT_EQ(buffer.bytes_taken(), Buffer::bytes_taken(5000));
    EXPECT_EQ(budget.used(), buffer.bytes_taken());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % Buffer::kAlignment, 0u);
    EXPECT_TRUE(std::all_of(buffer.data(), buffer.data() + 5000,
                            [](std::byte b) { return b == std::byte(0); }));
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(Buffer, RefusedBeyondTheBudget) {
  ByteBudget budget(os::page_bytes() * 3);
  const Buffer first = Buffer::create(budget, os::page_bytes() * 2).value();
  const Result<Buffer> second = Buffer::create(budget, os::page_bytes() + 1);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kExhausted);
  EXPECT_EQ(budget.used(), os::page_bytes() * 2);
  EXPECT_TRUE(Buffer::create(budget, os::page_bytes()).ok());
}

TEST(Buffer, RefusedBeyondTheAddressSpace) {
  ByteBudget budget(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(Buffer::create(budget, std::numeric_limits<size_t>::max()).status().code(),
            Code::kInvalid);
  EXPECT_EQ(Buffer::create(budget, size_t{1} << 62).status().code(), Code::kExhausted);
  EXPECT_EQ(budget.used(), 0u);
}

TEST(Buffer, OfNoBytesHasNoMemory) {
  ByteBudget budget(0);
  const Buffer buffer = Buffer::create(budget, 0).value();
  EXPECT_EQ(buffer.data(), nullptr);
  EXPECT_EQ(buffer.bytes(), 0u);
}

TEST(Buffer, HugeOnesBeginAtAHugePage) {
  ByteBudget budget(64 << 20);
  const Buffer buffer = Buffer::create(budget, 5 << 20).value();
  if (os::huge_pages_available()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % os::kHugePageBytes, 0u);
  }
  std::fill(buffer.data(), buffer.data() + buffer.bytes(), std::byte(7));
}

// Against a list of who holds what.
TEST(Buffer, MovesKeepTheBudgetRight) {
  Rng rng(test::seed("buffers moved around"));
  ByteBudget budget(1 << 20);
  std::vector<Buffer> held(8);
  for (int i = 0; i < 2000; ++i) {
    Buffer& a = held[rng.below(held.size())];
    Buffer& b = held[rng.below(held.size())];
    switch (rng.below(3)) {
      case 0: {
        Result<Buffer> made = Buffer::create(budget, rng.below(300'000));
        if (made.ok()) a = *std::move(made);
        break;
      }
      case 1:
        a = std::move(b);
        break;
      default:
        a.reset();
    }
    uint64_t sum = 0;
    for (const Buffer& buffer : held) sum += buffer.bytes_taken();
    ASSERT_EQ(budget.used(), sum);
    ASSERT_LE(budget.used(), budget.max());
  }
}

}  // namespace
}  // namespace llmos
