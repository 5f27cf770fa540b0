// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/throwing_fatal.h"

namespace llmos {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A waiting thread is seen within microseconds; a lost one would hang until ctest's time-out.
void await_waiting(const VirtualClock& clock, int count) {
  while (clock.waiting_count() < count) std::this_thread::yield();
}

TEST(RealClock, RunsForward) {
  Clock& clock = real_clock();
  Instant before = clock.now();
  for (int i = 0; i < 1000; ++i) {
    const Instant now = clock.now();
    ASSERT_GE(now, before);
    before = now;
  }
}

TEST(RealClock, SleepsAtLeastAsLong) {
  Clock& clock = real_clock();
  const Instant start = clock.now();
  clock.sleep_for(milliseconds(2));
  EXPECT_GE(clock.now() - start, milliseconds(2));
  clock.sleep_until(start);      // has passed
  clock.sleep_for(seconds(-1));  // likewise
}

TEST(RealClock, WaitEndsAtTheDeadline) {
  Clock& clock = real_clock();
  std::mutex mutex;
  std::condition_variable wakeup;
  std::unique_lock lock(mutex);
  const Instant deadline = clock.after(milliseconds(2));
  while (clock.wait_until(lock, wakeup, deadline)) {
  }
  EXPECT_GE(clock.now(), deadline);
  EXPECT_TRUE(lock.owns_lock());
}

TEST(Clock, AfterStopsAtNever) {
  VirtualClock clock(Instant(seconds(5)));
  EXPECT_EQ(clock.after(seconds(1)), Instant(seconds(6)));
  EXPECT_EQ(clock.after(seconds(-1)), Instant(seconds(4)));
  EXPECT_EQ(clock.after(Nanos::max()), Instant::max());
  EXPECT_GT(VirtualClock(Instant(seconds(-5))).after(Nanos::max()), Instant());
}

TEST(VirtualClock, MovesOnlyByHand) {
  VirtualClock clock(Instant(seconds(100)));
  EXPECT_EQ(clock.now(), Instant(seconds(100)));
  clock.advance(milliseconds(1500));
  EXPECT_EQ(clock.now(), Instant(milliseconds(101500)));
  clock.advance_to(Instant(seconds(7)));
  EXPECT_EQ(clock.now(), Instant(milliseconds(101500)));
  clock.advance_to(Instant(seconds(200)));
  EXPECT_EQ(clock.now(), Instant(seconds(200)));
  clock.advance(Nanos::max());
  EXPECT_EQ(clock.now(), Instant::max());
}

TEST(VirtualClock, BackwardsIsADefect) {
  const test::ThrowingFatal guard;
  VirtualClock clock;
  EXPECT_THROW(clock.advance(Nanos(-1)), test::FatalError);
}

TEST(VirtualClock, SleepersWakeInTheirTurn) {
  VirtualClock clock;
  std::atomic<int> awake{0};
  std::vector<std::thread> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.emplace_back([&, i] {
      clock.sleep_until(Instant(hours(i)));
      EXPECT_GE(clock.now(), Instant(hours(i)));
      ++awake;
    });
  }
  for (int i = 1; i <= 3; ++i) {
    await_waiting(clock, 4 - i);
    EXPECT_EQ(awake, i - 1);
    clock.advance(hours(1));
    threads[size_t(i - 1)].join();
  }
  clock.sleep_until(clock.now());  // returns at once
}

// A notification may come while a wait is between two polls, and must not be lost.
TEST(VirtualClock, WaitLetsTheCallerLookAgain) {
  VirtualClock clock;
  std::mutex mutex;
  std::condition_variable wakeup;
  std::unique_lock lock(mutex);
  EXPECT_TRUE(clock.wait_until(lock, wakeup, Instant(hours(1))));  // nobody notifies
}

TEST(VirtualClock, WaitEndsByNotificationOrByAdvance) {
  VirtualClock clock;
  std::mutex mutex;
  std::condition_variable wakeup;
  bool ready = false;
  const auto wait = [&] {
    std::unique_lock lock(mutex);
    while (!ready) {
      if (!clock.wait_until(lock, wakeup, Instant(hours(1)))) return false;
    }
    return true;
  };
  bool notified = false, timed_out = false;
  std::thread first([&] { notified = wait(); });
  await_waiting(clock, 1);
  {
    std::lock_guard lock(mutex);
    ready = true;
  }
  wakeup.notify_all();
  first.join();
  EXPECT_TRUE(notified);

  ready = false;
  std::thread second([&] { timed_out = !wait(); });
  await_waiting(clock, 1);
  clock.advance(hours(1));
  second.join();
  EXPECT_TRUE(timed_out);
}

TEST(VirtualClock, ConcurrentAdvancesAddUpAndNeverRunBackwards) {
  VirtualClock clock;
  constexpr int kThreads = 4, kSteps = 5000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      Instant before = clock.now();
      for (int i = 0; i < kSteps; ++i) {
        clock.advance(Nanos(3));
        const Instant now = clock.now();
        ASSERT_GE(now - before, Nanos(3));
        before = now;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(clock.now(), Instant(Nanos(3 * kThreads * kSteps)));
}

}  // namespace
}  // namespace llmos
