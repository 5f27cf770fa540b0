// SPDX-License-Identifier: Apache-2.0 Several threads at once, with a third party that closes their
// caches all the time: the protocol of thread_cache.h under stress. Run it under thread sanitizer
// too.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "llmos/memory.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Every live block carries its owner's mark; a block handed out twice shows as a foreign mark.
void use(Pool& pool, uint64_t seed, int steps, std::atomic<int>& wrong) {
  std::mt19937_64 random(seed);
  struct Live {
    uint64_t* block;
    uint64_t mark;
  };
  std::vector<Live> live;
  for (int i = 0; i < steps; ++i) {
    if (live.size() < 100 && random() % 2 == 0) {
      const auto bytes = size_t(std::exp2(std::uniform_real_distribution<double>(3, 14)(random)));
      auto* block = static_cast<uint64_t*>(pool.allocate(bytes));
      if (!block) continue;
      const uint64_t mark = random();
      *block = mark;
      live.push_back({block, mark});
    } else if (!live.empty()) {
      std::swap(live[random() % live.size()], live.back());
      if (*live.back().block != live.back().mark) ++wrong;
      pool.deallocate(live.back().block);
      live.pop_back();
    }
  }
  for (const Live& entry : live) pool.deallocate(entry.block);
}

TEST(PoolThreads, CachesAreClosedWhileTheirOwnersRun) {
  const auto pool = Pool::create({.bytes_max = 256 * kMiB, .checks = Checks::kOff}).value();
  const uint64_t seed = test::seed("pool threads");
  std::atomic<int> wrong{0};
  std::atomic<bool> stop{false};
  std::thread closer([&] {
    for (int i = 0; !stop; ++i) {
      pool->trim();
      if (i % 4 == 0) pool->maintain();
      if (i % 16 == 0) pool->check_integrity();
      (void)pool->stats();
    }
  });
  std::vector<std::thread> users;
  for (uint64_t i = 0; i < 3; ++i)
    users.emplace_back([&, i] { use(*pool, seed + i, 300'000, wrong); });
  for (auto& user : users) user.join();
  stop = true;
  closer.join();
  EXPECT_EQ(wrong, 0);
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

// The smallest window: one class, one or two blocks, so that pops and pushes meet the closer at the
// very same slot.
TEST(PoolThreads, TheCloserAndTheOwnerMeetAtOneSlot) {
  const auto pool = Pool::create({.bytes_max = 64 * kMiB, .checks = Checks::kOff}).value();
  std::atomic<int> wrong{0};
  std::atomic<bool> stop{false};
  std::thread closer([&] {
    while (!stop) pool->trim();
  });
  std::vector<std::thread> users;
  for (uint64_t t = 0; t < 2; ++t) {
    users.emplace_back([&, t] {
      for (uint64_t i = 0; i < 200'000; ++i) {
        auto* first = static_cast<uint64_t*>(pool->allocate(64));
        auto* second = static_cast<uint64_t*>(pool->allocate(64));
        *first = i * 4 + t;
        *second = i * 4 + t + 2;
        if (first == second || *first != i * 4 + t) ++wrong;
        pool->deallocate(first);
        pool->deallocate(second);
      }
    });
  }
  for (auto& user : users) user.join();
  stop = true;
  closer.join();
  EXPECT_EQ(wrong, 0);
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(PoolThreads, AllAtTheCapAtOnce) {
  const auto pool = Pool::create({.bytes_max = 6 * kMiB, .checks = Checks::kOff}).value();
  const uint64_t seed = test::seed("pool at the cap");
  std::atomic<int> wrong{0};
  std::vector<std::thread> users;
  for (uint64_t i = 0; i < 4; ++i)
    users.emplace_back([&, i] { use(*pool, seed + i, 60'000, wrong); });
  for (auto& user : users) user.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(pool->stats().resident_bytes_peak, 6 * kMiB);
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(PoolThreads, BlocksCrossThreads) {
  const auto pool = Pool::create({.bytes_max = 128 * kMiB, .checks = Checks::kOff}).value();
  std::mutex mutex;
  std::vector<void*> handed;
  std::atomic<bool> done{false};
  std::thread consumer([&] {
    std::vector<void*> batch;
    for (bool last = false; !last;) {
      last = done;
      {
        std::lock_guard lock(mutex);
        batch.swap(handed);
      }
      for (void* block : batch) pool->deallocate(block);
      batch.clear();
    }
  });
  std::mt19937_64 random(test::seed("pool crossing"));
  for (int i = 0; i < 300'000; ++i) {
    void* block = pool->allocate(16 + random() % 2000);
    ASSERT_NE(block, nullptr);
    std::lock_guard lock(mutex);
    handed.push_back(block);
    if (handed.size() > 10'000) {  // let the consumer keep up
      for (void* kept : handed) pool->deallocate(kept);
      handed.clear();
    }
  }
  done = true;
  consumer.join();
  for (void* block : handed) pool->deallocate(block);
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(PoolThreads, ThreadsComeAndGo) {
  const auto pool = Pool::create({.bytes_max = 64 * kMiB, .checks = Checks::kOff}).value();
  const uint64_t seed = test::seed("pool threads come and go");
  std::atomic<int> wrong{0};
  for (uint64_t round = 0; round < 50; ++round) {
    std::thread first([&] { use(*pool, seed + round, 500, wrong); });
    std::thread second([&] { use(*pool, seed + 1000 + round, 500, wrong); });
    const auto brief =
        Pool::create({.bytes_max = 4 * kMiB}).value();  // pools come and go beside them
    (void)brief->allocate(64);
    first.join();
    second.join();
  }
  EXPECT_EQ(wrong, 0);
  pool->check_integrity();
  const uint64_t records = pool->stats().metadata_bytes;
  EXPECT_LT(records, 4 * kMiB) << "records of ended threads are reused";
}

}  // namespace
}  // namespace llmos
