// SPDX-License-Identifier: Apache-2.0
#include "sync/event.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace llmos {
namespace {

using namespace std::chrono_literals;

TEST(Event, ManualStaysSetUntilReset) {
  Event event;
  EXPECT_FALSE(event.wait_for(0ms));
  event.set();
  EXPECT_TRUE(event.wait());
  EXPECT_TRUE(event.wait_for(0ms));
  event.reset();
  EXPECT_FALSE(event.wait_for(1ms));
}

TEST(Event, AutomaticEndsOneWaitPerSet) {
  Event event(Event::Reset::kAutomatic);
  event.set();
  event.set();
  EXPECT_TRUE(event.wait());
  EXPECT_FALSE(event.wait_for(1ms));
}

TEST(Event, CloseEndsWaitsAndStays) {
  Event event;
  std::jthread waiter([&] { EXPECT_FALSE(event.wait()); });
  std::this_thread::sleep_for(5ms);
  event.close();
  event.set();
  EXPECT_FALSE(event.wait());
  EXPECT_FALSE(event.wait_for(1h));
  EXPECT_TRUE(event.closed());
}

TEST(Event, SetWakesAllOrOne) {
  Event all, one(Event::Reset::kAutomatic);
  std::atomic<int> woken{0};
  std::vector<std::jthread> waiters;
  for (int i = 0; i < 4; ++i) waiters.emplace_back([&] { woken += all.wait(); });
  all.set();
  waiters.clear();
  EXPECT_EQ(woken, 4);
  for (int i = 0; i < 4; ++i) waiters.emplace_back([&] { woken += one.wait_for(20s); });
  for (int i = 0; i < 4; ++i) {
    one.set();
    while (woken != 5 + i) std::this_thread::yield();
  }
}

TEST(Event, PublishesWhatTheSetterDid) {
  Event go, done;
  int value = 0;  // plain: TSan judges
  std::jthread other([&] {
    if (go.wait()) value = 7;
    done.set();
  });
  value = 1;
  go.set();
  EXPECT_TRUE(done.wait());
  EXPECT_EQ(value, 7);
}

}  // namespace
}  // namespace llmos
