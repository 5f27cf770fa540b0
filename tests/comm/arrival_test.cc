// SPDX-License-Identifier: Apache-2.0
#include "comm/arrival.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace llmos::detail::test {
namespace {

using namespace std::chrono_literals;

SpinBudget parks_at_once() { return {}; }
SpinBudget spins() { return {.least = 32, .most = 1000, .now = 1000, .yields = 0}; }

TEST(Arrival, WhoHasComeIsNotWaitedFor) {
  Arrival arrival;
  arrival.arrive();
  SpinBudget budget = spins();
  EXPECT_EQ(arrival.wait(1, budget, 1ns), Arrival::Wait::kCame);
  arrival.arrive();  // one call ahead
  EXPECT_EQ(arrival.wait(1, budget, 1ns), Arrival::Wait::kCame);
}

TEST(Arrival, WhoDoesNotComeIsGivenUpInTime) {
  Arrival arrival;
  for (SpinBudget budget : {parks_at_once(), spins()}) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(arrival.wait(1, budget, 20ms), Arrival::Wait::kTimedOut);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 20ms);
  }
}

TEST(Arrival, WakesWhoIsParked) {
  Arrival arrival;
  for (uint32_t count = 1; count <= 200; ++count) {
    std::thread other([&] {
      if (count % 3 == 0) std::this_thread::sleep_for(1ms);
      arrival.arrive();
    });
    SpinBudget budget = parks_at_once();
    EXPECT_EQ(arrival.wait(count, budget, 0ns), Arrival::Wait::kCame);
    other.join();
  }
}

TEST(Arrival, EndWakesAllAndStays) {
  Arrival arrival;
  std::thread waiters[3];
  for (std::thread& waiter : waiters) {
    waiter = std::thread([&] {
      SpinBudget budget = parks_at_once();
      EXPECT_EQ(arrival.wait(1, budget, 0ns), Arrival::Wait::kEnded);
    });
  }
  std::this_thread::sleep_for(5ms);
  arrival.end();
  for (std::thread& waiter : waiters) waiter.join();
  SpinBudget budget = spins();
  EXPECT_EQ(arrival.wait(1, budget, 0ns), Arrival::Wait::kEnded);
}

// Who came before the end has come.
TEST(Arrival, AnEndDoesNotUndoAnArrival) {
  Arrival arrival;
  arrival.arrive();
  arrival.end();
  SpinBudget budget = parks_at_once();
  EXPECT_EQ(arrival.wait(1, budget, 0ns), Arrival::Wait::kCame);
  EXPECT_EQ(arrival.wait(2, budget, 0ns), Arrival::Wait::kEnded);
}

TEST(Arrival, SpinsLessAfterEachVainSpin) {
  Arrival arrival;
  SpinBudget budget = spins();
  EXPECT_EQ(arrival.wait(1, budget, 1ns), Arrival::Wait::kTimedOut);
  EXPECT_EQ(budget.now, 500);
}

}  // namespace
}  // namespace llmos::detail::test
