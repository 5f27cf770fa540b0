// SPDX-License-Identifier: Apache-2.0
#include "sync/worker_pool.h"

#include <gtest/gtest.h>

#include <sched.h>

#include <chrono>
#include <numeric>
#include <stdexcept>

#include "base/rng.h"
#include "counting_new.h"
#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

std::unique_ptr<WorkerPool> team(int members) {
  return WorkerPool::create({.members = members}).value();
}

TEST(FunctionRef, CallsWhatItRefersTo) {
  int calls = 0;
  const auto add = [&](int a, int b) {
    ++calls;
    return a + b;
  };
  FunctionRef<int(int, int)> ref = add;
  const FunctionRef<int(int, int)> copy = ref;
  EXPECT_EQ(ref(1, 2) + copy(3, 4), 10);
  EXPECT_EQ(calls, 2);
}

TEST(WorkerPool, EveryMemberRunsOnce) {
  for (const int members : {1, 2, 5}) {
    const auto pool = team(members);
    ASSERT_EQ(pool->size(), members);
    std::vector<int> runs(size_t(members), 0);  // plain: run() orders it, TSan judges
    for (int i = 1; i <= 200; ++i) {
      pool->run([&](int rank, int size) {
        EXPECT_EQ(size, members);
        ++runs[size_t(rank)];
      });
      ASSERT_EQ(runs, std::vector<int>(size_t(members), i));
    }
  }
}

TEST(WorkerPool, RankZeroIsTheCaller) {
  const auto pool = team(3);
  std::vector<std::thread::id> ids(3);
  pool->run([&](int rank, int) { ids[size_t(rank)] = std::this_thread::get_id(); });
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_NE(ids[1], ids[0]);
  EXPECT_NE(ids[2], ids[1]);
}

TEST(WorkerPool, RunAllocatesNothing) {
  const auto pool = team(2);
  int big[64] = {};  // a capture that a std::function would put on the heap
  pool->run([&, big](int rank, int) { (void)big[rank]; });
  const size_t before = test::allocations();
  for (int i = 0; i < 100; ++i)
    pool->run([&, big](int rank, int) {
      (void)big[rank];
      pool->barrier(rank);
    });
  EXPECT_EQ(test::allocations(), before);
}

// Phases that read what the neighbour wrote in the phase before: wrong sums or a TSan report if the
// barrier lets anybody through early.
void rotate(WorkerPool& pool, int phases) {
  const auto members = size_t(pool.size());
  std::vector<uint64_t> even(members, 1), odd(members, 0);
  pool.run([&](int rank, int) {
    for (int phase = 0; phase < phases; ++phase) {
      auto& from = phase % 2 == 0 ? even : odd;
      auto& to = phase % 2 == 0 ? odd : even;
      to[size_t(rank)] = from[(size_t(rank) + 1) % members] + 1;
      pool.barrier(rank);
    }
  });
  for (const uint64_t value : phases % 2 == 0 ? even : odd) EXPECT_EQ(value, uint64_t(phases) + 1);
}

TEST(WorkerPool, BarrierSeparatesPhases) {
  const auto pool = team(2);
  rotate(*pool, 20'001);
  rotate(*pool, 10'000);
}

TEST(WorkerPool, LoneMemberPassesItsBarriers) {
  const auto pool = team(1);
  rotate(*pool, 10);
}

TEST(WorkerPool, MoreMembersThanCpusStillFinish) {
  const auto pool = team(8);
  const auto start = std::chrono::steady_clock::now();
  rotate(*pool, 300);
  for (int i = 0; i < 200; ++i) pool->run([](int, int) {});
  // 2,400 arrivals; each one stuck until a spinner's time slice ends (4 ms) would make 9.6 s.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(8));
}

TEST(WorkerPool, RandomRunsAndPauses) {
  const uint64_t seed = test::seed("worker pool");
  Rng rng(seed);
  const auto pool = team(3);
  for (int i = 0; i < 300; ++i) {
    const int phases = int(rng.below(4));
    std::atomic<int> arrivals{0};
    pool->run([&](int rank, int size) {
      Rng mine(seed + uint64_t(i), uint64_t(rank));
      for (int phase = 0; phase < phases; ++phase) {
        for (uint64_t pause = mine.below(3000); pause > 0; --pause) detail::cpu_relax();
        arrivals.fetch_add(1);
        pool->barrier(rank);
        EXPECT_GE(arrivals.load(), (phase + 1) * size);
      }
    });
    EXPECT_EQ(arrivals, phases * 3);
    if (rng.below(20) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(WorkerPool, ExceptionReachesTheCallerAndFreesTheOthers) {
  const auto pool = team(3);
  for (int thrower = 0; thrower < 3; ++thrower) {
    for (int phase = 0; phase < 3; ++phase) {
      std::atomic<int> finished{0};
      const auto kernel = [&](int rank, int) {
        for (int i = 0; i < 3; ++i) {
          if (rank == thrower && i == phase)
            throw std::runtime_error("rank " + std::to_string(rank));
          pool->barrier(rank);
        }
        ++finished;
      };
      try {
        pool->run(kernel);
        FAIL() << "nothing was thrown";
      } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(), "rank " + std::to_string(thrower));
      }
      EXPECT_EQ(finished, 2);
      rotate(*pool, 4);  // the next run has all members again
    }
  }
  EXPECT_THROW(pool->run([](int, int) { throw 1; }), int);
  rotate(*pool, 4);
}

TEST(WorkerPool, RunInsideARunIsAProgrammerError) {
  const test::ThrowingFatal guard;
  const auto pool = team(2);
  EXPECT_THROW(pool->run([&](int, int) { pool->run([](int, int) {}); }), test::FatalError);
  rotate(*pool, 4);
}

TEST(WorkerPool, PoolsNestAndStandSideBySide) {
  const auto outer = team(2);
  const auto inner0 = team(2), inner1 = team(2);
  std::atomic<int> calls{0};
  for (int i = 0; i < 20; ++i) {
    outer->run([&](int rank, int) {
      (rank == 0 ? inner0 : inner1)->run([&](int inner_rank, int) {
        ++calls;
        (rank == 0 ? inner0 : inner1)->barrier(inner_rank);
      });
    });
  }
  EXPECT_EQ(calls, 20 * 4);
}

TEST(WorkerPool, ManyAreMadeAndDestroyed) {
  for (int i = 0; i < 50; ++i) {
    const auto pool = team(1 + i % 4);
    if (i % 3 == 0) pool->run([](int, int) {});
  }
}

TEST(WorkerPool, PinsItsThreads) {
  cpu_set_t mine;
  ASSERT_EQ(sched_getaffinity(0, sizeof mine, &mine), 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &mine)) ++cpu;
  const auto pool =
      WorkerPool::create({.members = 2, .cpus = {cpu, cpu}, .name = "pinned"}).value();
  pool->run([&](int rank, int) {
    if (rank == 0) return;
    cpu_set_t its;
    ASSERT_EQ(sched_getaffinity(0, sizeof its, &its), 0);
    EXPECT_EQ(CPU_COUNT(&its), 1);
    EXPECT_TRUE(CPU_ISSET(cpu, &its));
  });
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof after, &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&mine, &after)) << "the caller was moved";
}

TEST(WorkerPool, BadOptionsAreValues) {
  EXPECT_EQ(WorkerPool::create({.members = -1}).status().code(), Code::kInvalid);
  EXPECT_EQ(WorkerPool::create({.members = WorkerPool::kMembersMax + 1}).status().code(),
            Code::kInvalid);
  EXPECT_EQ(WorkerPool::create({.members = 2, .cpus = {0}}).status().code(), Code::kInvalid);
  EXPECT_EQ(WorkerPool::create({.members = 2, .cpus = {0, 1 << 20}}).status().code(),
            Code::kInvalid);
  EXPECT_EQ(WorkerPool::create({.members = 2, .cpus = {0, -1}}).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace llmos
