// SPDX-License-Identifier: Apache-2.0
#include "observe/counter.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace llmos::observe {
namespace {

TEST(Counter, StartsAtZeroAndAdds) {
  Counter counter;
  EXPECT_EQ(counter.value(), 0u);
  counter.add();
  counter.add(41);
  EXPECT_EQ(counter.value(), 42u);
}

TEST(Counter, WrapsModulo64Bits) {
  Counter counter;
  counter.add(~uint64_t{0});
  counter.add(3);
  EXPECT_EQ(counter.value(), 2u);
}

// More threads than shards, so that some must share.
TEST(Counter, SumIsExactOverThreads) {
  constexpr int kThreads = 24;
  constexpr uint64_t kAdds = 20'000;
  Counter counter;
  std::atomic<bool> stop{false};
  std::jthread reader([&] {
    uint64_t before = 0;
    while (!stop) {
      const uint64_t now = counter.value();
      EXPECT_GE(now, before);
      before = now;
    }
  });
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&] {
        for (uint64_t n = 0; n < kAdds; ++n) counter.add(n % 3);
      });
  }
  stop = true;
  uint64_t per_thread = 0;
  for (uint64_t n = 0; n < kAdds; ++n) per_thread += n % 3;
  EXPECT_EQ(counter.value(), kThreads * per_thread);
}

TEST(Counter, ThreadNumbersOfLivingThreadsDiffer) {
  constexpr int kThreads = 16;
  std::vector<uintptr_t> numbers(kThreads + 1);
  std::atomic<int> arrived{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        numbers[size_t(i)] = thread_number();
        ++arrived;
        while (arrived < kThreads) std::this_thread::yield();
      });
  }
  numbers.back() = thread_number();
  EXPECT_EQ(std::set<uintptr_t>(numbers.begin(), numbers.end()).size(), numbers.size());
  EXPECT_LT(thread_hash(kShardBits), size_t{1} << kShardBits);
}

TEST(Gauge, SetsAndAddsFromManyThreads) {
  Gauge gauge;
  gauge.set(2.5);
  EXPECT_EQ(gauge.value(), 2.5);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 5000; ++n) gauge.add(n % 2 ? 1 : -0.5);
      });
  }
  EXPECT_EQ(gauge.value(), 2.5 + 4 * 2500 * 0.5);
}

}  // namespace
}  // namespace llmos::observe
