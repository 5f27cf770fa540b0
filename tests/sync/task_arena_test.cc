// SPDX-License-Identifier: Apache-2.0
#include "sync/task_arena.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/throwing_fatal.h"

namespace llmos {
namespace {

TEST(TaskArena, EveryItemOnceInPiecesOfTheGrain) {
  TaskArena arena(2);
  for (const size_t grain : {1, 7, 1000}) {
    std::vector<std::atomic<int>> visits(500);
    arena.parallel_for(100, 500, grain, [&](size_t begin, size_t end) {
      EXPECT_LT(begin, end);
      EXPECT_LE(end - begin, grain);
      for (size_t i = begin; i < end; ++i) ++visits[i];
    });
    for (size_t i = 0; i < visits.size(); ++i) EXPECT_EQ(visits[i], i >= 100 ? 1 : 0) << i;
  }
}

TEST(TaskArena, EmptyRangeCallsNothing) {
  TaskArena arena(2);
  arena.parallel_for(5, 5, 1, [](size_t, size_t) { FAIL(); });
}

TEST(TaskArena, NeverMoreThreadsThanItsBound) {
  TaskArena arena(2);
  EXPECT_EQ(arena.threads_max(), 2);
  std::atomic<int> inside{0}, most{0};
  arena.parallel_for(0, 200, 1, [&](size_t, size_t) {
    const int now = ++inside;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) continue;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    --inside;
  });
  EXPECT_LE(most, 2);
  EXPECT_GE(TaskArena().threads_max(), 1);
}

TEST(TaskArena, ExceptionIsRethrown) {
  TaskArena arena(2);
  const auto body = [](size_t begin, size_t) {
    if (begin == 50) throw std::runtime_error("item 50");
  };
  EXPECT_THROW(arena.parallel_for(0, 100, 1, body), std::runtime_error);
  arena.parallel_for(0, 10, 1, [](size_t, size_t) {});
}

TEST(TaskArena, LoopsNest) {
  TaskArena arena(2);
  std::atomic<int> items{0};
  arena.parallel_for(0, 8, 1, [&](size_t, size_t) {
    arena.parallel_for(0, 8, 1, [&](size_t, size_t) { ++items; });
  });
  EXPECT_EQ(items, 64);
}

TEST(TaskArena, BadArgumentsAreProgrammerErrors) {
  const test::ThrowingFatal guard;
  EXPECT_THROW(TaskArena(-1), test::FatalError);
  TaskArena arena(1);
  EXPECT_THROW(arena.parallel_for(2, 1, 1, [](size_t, size_t) {}), test::FatalError);
  EXPECT_THROW(arena.parallel_for(0, 1, 0, [](size_t, size_t) {}), test::FatalError);
}

}  // namespace
}  // namespace llmos
