// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/emu/fiber.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

namespace llmos::kernels::emu {
namespace {

struct Counter {
  Fiber fiber;
  std::vector<int> seen;
  bool ended = false;
};

// Three stops, with a frame in use and floating-point numbers alive across them.
void count_to_three(void* argument) {
  Counter& self = *static_cast<Counter*>(argument);
  std::array<int, 64> frame;
  frame.fill(7);
  double product = 1;
  for (int i = 1; i <= 3; ++i) {
    product *= i;
    self.seen.push_back(int(product) * frame[size_t(i)]);
    self.fiber.leave(false);
  }
  self.ended = true;
  self.fiber.leave(true);
}

TEST(Fiber, StopsAndGoesOnBesideOthers) {
  FiberStacks stacks(2);
  std::array<Counter, 2> counters;
  for (unsigned i = 0; i < 2; ++i) {
    counters[i].fiber.begin(stacks.bottom(i), count_to_three, &counters[i]);
  }
  for (int round = 0; round < 4; ++round) {
    for (Counter& counter : counters) counter.fiber.resume();
  }
  for (const Counter& counter : counters) {
    EXPECT_TRUE(counter.ended);
    EXPECT_EQ(counter.seen, (std::vector<int>{7, 14, 42}));
  }
}

TEST(Fiber, AStackIsUsedAgain) {
  FiberStacks stacks(1);
  for (int i = 0; i < 100; ++i) {
    Counter counter;
    counter.fiber.begin(stacks.bottom(0), count_to_three, &counter);
    while (!counter.ended) counter.fiber.resume();
    EXPECT_EQ(counter.seen.size(), 3u);
  }
}

TEST(FiberStacks, AreWritableToTheirEndsAndTrapBelow) {
  FiberStacks stacks(2);
  for (unsigned i = 0; i < 2; ++i) std::memset(stacks.bottom(i), 1, FiberStacks::kBytes);
  EXPECT_DEATH(std::memset(stacks.bottom(1) - 1, 1, 1), "");
}

}  // namespace
}  // namespace llmos::kernels::emu
