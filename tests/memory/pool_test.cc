// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/os_memory.h"
#include "llmos/memory.h"

namespace llmos {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

std::unique_ptr<Pool> make_pool(uint64_t bytes_max, Checks checks = Checks::kOff) {
  return Pool::create({.bytes_max = bytes_max, .checks = checks}).value();
}

bool aligned(const void* block, size_t alignment) {
  return reinterpret_cast<uintptr_t>(block) % alignment == 0;
}

const PoolStats::Class* class_in(const PoolStats& stats, uint32_t block_bytes) {
  for (const auto& entry : stats.classes) {
    if (entry.block_bytes == block_bytes) return &entry;
  }
  return nullptr;
}

class PoolModes : public testing::TestWithParam<Checks> {};
INSTANTIATE_TEST_SUITE_P(Pool, PoolModes, testing::Values(Checks::kOff, Checks::kOn),
                         [](const auto& mode) {
                           return mode.param == Checks::kOn ? "checked" : "plain";
                         });

TEST_P(PoolModes, HandsOutDisjointWritableAlignedBlocks) {
  const auto pool = make_pool(256 * kMiB, GetParam());
  std::vector<std::pair<unsigned char*, size_t>> live;
  for (size_t bytes = 1; bytes <= 12 * kMiB; bytes = bytes * 5 / 4 + 1) {
    auto* block = static_cast<unsigned char*>(pool->allocate(bytes));
    ASSERT_NE(block, nullptr) << bytes;
    EXPECT_TRUE(aligned(block, Pool::kAlignment));
    EXPECT_GE(pool->usable_bytes(block), bytes);
    EXPECT_TRUE(pool->owns(block));
    std::memset(block, int(live.size() % 251), bytes);
    live.emplace_back(block, bytes);
  }
  for (size_t i = 0; i < live.size(); ++i) {
    const auto [block, bytes] = live[i];
    for (size_t at : {size_t{0}, bytes / 2, bytes - 1}) ASSERT_EQ(block[at], i % 251);
    if (i % 2 == 0 || bytes > 8 * kMiB) {
      pool->deallocate(block);
    } else {
      pool->deallocate(block, bytes);
    }
  }
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST_P(PoolModes, ZeroBytesIsABlockOfItsOwn) {
  const auto pool = make_pool(16 * kMiB, GetParam());
  void* first = pool->allocate(0);
  void* second = pool->allocate(0);
  EXPECT_NE(first, nullptr);
  EXPECT_NE(first, second);
  pool->deallocate(first);
  pool->deallocate(second, 0);
  pool->deallocate(nullptr);
  pool->deallocate(nullptr, 64);
  pool->check_integrity();
}

TEST_P(PoolModes, AbsurdSizesAreRefused) {
  const auto pool = make_pool(16 * kMiB, GetParam());
  for (const size_t bytes :
       {size_t{17} * kMiB, size_t{1} << 40, SIZE_MAX / 2, SIZE_MAX - 15, SIZE_MAX}) {
    EXPECT_EQ(pool->allocate(bytes), nullptr) << bytes;
    EXPECT_EQ(pool->allocate(bytes, 4096), nullptr) << bytes;
  }
  EXPECT_NE(pool->allocate(kMiB), nullptr);
}

TEST_P(PoolModes, AlignsUpToTwoMiB) {
  const auto pool = make_pool(512 * kMiB, GetParam());
  std::vector<void*> blocks;
  for (size_t alignment = 1; alignment <= Pool::kAlignmentMax; alignment *= 2) {
    for (const size_t bytes :
         {size_t{0}, size_t{1}, size_t{100}, size_t{5000}, 3 * kMiB, 9 * kMiB}) {
      void* block = pool->allocate(bytes, alignment);
      ASSERT_NE(block, nullptr) << bytes << " at " << alignment;
      EXPECT_TRUE(aligned(block, alignment)) << bytes << " at " << alignment;
      EXPECT_GE(pool->usable_bytes(block), bytes);
      blocks.push_back(block);
    }
  }
  for (void* block : blocks) pool->deallocate(block);
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(Pool, WrongAlignmentIsRefused) {
  const auto pool = make_pool(64 * kMiB);
  for (const size_t alignment : {size_t{0}, size_t{3}, size_t{48}, 4 * kMiB, SIZE_MAX}) {
    EXPECT_EQ(pool->allocate(64, alignment), nullptr) << alignment;
  }
}

TEST(Pool, RefusesACapTooSmallForItsRecords) {
  const auto pool = Pool::create({.bytes_max = 1000});
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.status().code(), Code::kInvalid);
  EXPECT_NE(pool.status().message().find("at least"), std::string::npos);
}

TEST_P(PoolModes, CapIsHardAndEverythingUnderItCanBeUsed) {
  const auto pool = make_pool(8 * kMiB, GetParam());
  for (const size_t bytes : {size_t{64}, size_t{3000}, size_t{70'000}, 2 * kMiB}) {
    std::vector<void*> live;
    while (void* block = pool->allocate(bytes)) live.push_back(block);
    const PoolStats stats = pool->stats();
    EXPECT_LE(stats.resident_bytes_peak, 8 * kMiB);
    // What the records and a span that no longer fits leave over.
    EXPECT_GE(live.size() * bytes, 5 * kMiB) << bytes;
    for (void* block : live) pool->deallocate(block);
    pool->check_integrity();
  }
}

TEST_P(PoolModes, MemoryMovesBetweenClassesUnderTheCap) {
  const auto pool = make_pool(16 * kMiB, GetParam());
  // Each size needs what the one before it left in caches, depots and partly used spans.
  for (int round = 0; round < 3; ++round) {
    for (const size_t bytes : {kMiB, size_t{100}, 6 * kMiB, size_t{40'000}, 12 * kMiB}) {
      std::vector<void*> live;
      for (size_t taken = 0; taken + bytes <= 12 * kMiB; taken += bytes) {
        void* block = pool->allocate(bytes);
        ASSERT_NE(block, nullptr) << bytes << " after " << taken;
        live.push_back(block);
      }
      for (void* block : live) pool->deallocate(block);
    }
  }
  pool->check_integrity();
}

TEST(Pool, ReclaimsFromTheCachesOfOtherThreads) {
  if (!os::process_barrier_available()) GTEST_SKIP() << "no membarrier: pools have no caches";
  const auto pool = make_pool(1024 * kMiB);
  std::atomic<bool> cached{false}, done{false};
  std::thread hoarder([&] {
    std::vector<void*> live;
    for (int i = 0; i < 64; ++i) live.push_back(pool->allocate(kMiB));
    for (void* block : live) pool->deallocate(block);
    cached = true;
    while (!done) std::this_thread::yield();  // lives on, with all of it in its cache
    pool->deallocate(pool->allocate(kMiB));   // and its cache still works
  });
  while (!cached) std::this_thread::yield();
  void* block = pool->allocate(1015 * kMiB);  // only possible with the hoarder's megabytes
  EXPECT_NE(block, nullptr);
  EXPECT_GE(pool->stats().reclaims, 1u);
  pool->deallocate(block);
  done = true;
  hoarder.join();
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(Pool, BlocksMayBeFreedByAnotherThread) {
  const auto pool = make_pool(64 * kMiB);
  std::vector<void*> blocks(10'000);
  for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = pool->allocate(16 + i % 3000);
  std::thread([&] {
    for (void* block : blocks) pool->deallocate(block);
  }).join();
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(Pool, AnExitingThreadsCacheReturns) {
  const auto pool = make_pool(64 * kMiB);
  std::thread([&] { pool->deallocate(pool->allocate(100)); }).join();
  const PoolStats stats = pool->stats();
  ASSERT_NE(class_in(stats, 112), nullptr);
  EXPECT_EQ(class_in(stats, 112)->live, 0u);
  EXPECT_EQ(class_in(stats, 112)->allocations, 1u);
  EXPECT_GT(pool->trim(), 0u);
  EXPECT_EQ(pool->stats().cached_bytes, 0u);
}

TEST(Pool, FreesFromThreadLocalDestructorsWork) {
  const auto pool = make_pool(64 * kMiB);
  struct Holder {
    Pool* pool = nullptr;
    void* block = nullptr;
    ~Holder() {
      if (pool) pool->deallocate(block);
    }
  };
  std::thread([&] {
    thread_local Holder early;  // constructed before the pool's own record: destroyed after it
    early.pool = pool.get();
    early.block = pool->allocate(500);
  }).join();
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(Pool, ManyPoolsSideBySideBeyondTheCachedOnes) {
  std::vector<std::unique_ptr<Pool>> pools;
  std::vector<void*> blocks;
  for (uint32_t i = 0; i < detail::kCachedPools + 10; ++i) {
    pools.push_back(make_pool(4 * kMiB));
    blocks.push_back(pools.back()->allocate(1000 + i));
    ASSERT_NE(blocks.back(), nullptr);
  }
  for (size_t i = 0; i < pools.size(); ++i) {
    EXPECT_TRUE(pools[i]->owns(blocks[i]));
    EXPECT_FALSE(pools[i]->owns(blocks[(i + 1) % blocks.size()]));
    pools[i]->deallocate(blocks[i]);
    pools[i]->check_integrity();
  }
}

TEST(Pool, DiesWhileOtherThreadsAndBlocksLive) {
  auto pool = make_pool(64 * kMiB);
  std::atomic<int> step{0};
  std::thread other([&] {
    (void)pool->allocate(100);  // stays live, as does this thread's cache
    pool->deallocate(pool->allocate(5000));
    step = 1;
    while (step != 2) std::this_thread::yield();
    const auto second = make_pool(64 * kMiB);  // takes the slot that the dead pool left
    void* block = second->allocate(100);
    EXPECT_TRUE(second->owns(block));
    second->deallocate(block);
    second->check_integrity();
  });
  while (step != 1) std::this_thread::yield();
  (void)pool->allocate(64);
  pool.reset();
  step = 2;
  other.join();
}

TEST(Pool, StatsCountWhatHappened) {
  const auto pool = make_pool(64 * kMiB);
  std::vector<void*> live;
  for (int i = 0; i < 1000; ++i) live.push_back(pool->allocate(200));
  for (int i = 0; i < 400; ++i) {
    pool->deallocate(live.back());
    live.pop_back();
  }
  const PoolStats stats = pool->stats();
  const auto* entry = class_in(stats, 208);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->live, 600u);
  EXPECT_EQ(entry->allocations, 1000u);
  if (os::process_barrier_available()) {
    EXPECT_GT(entry->hit_rate(), 0.9);
  }
  EXPECT_EQ(stats.live_bytes, 600u * 208);
  EXPECT_NEAR(stats.internal_fragmentation, 1 - 200.0 / 208, 1e-9);
  EXPECT_GT(stats.commits, 0u);
  EXPECT_LE(stats.slow_commits, stats.commits);
  for (void* block : live) pool->deallocate(block);
}

TEST(Pool, TrimReturnsEverythingThatIsNotLive) {
  const auto pool = make_pool(256 * kMiB);
  const uint64_t before = pool->stats().resident_bytes;
  std::vector<void*> live;
  for (int i = 0; i < 50; ++i) live.push_back(pool->allocate(kMiB));
  for (void* block : live) pool->deallocate(block);
  EXPECT_GE(pool->stats().resident_bytes, 50 * kMiB);
  EXPECT_GE(pool->trim(), 50 * kMiB);
  const PoolStats after = pool->stats();
  EXPECT_EQ(after.free_bytes + after.cached_bytes + after.live_bytes, 0u);
  EXPECT_LT(after.resident_bytes, before + kMiB);  // records stay
}

std::chrono::nanoseconds fake_time{0};

TEST(Pool, CollectGivesBackOnlyWhatRested) {
  if (!os::process_barrier_available()) GTEST_SKIP() << "no membarrier: pools have no caches";
  fake_time = std::chrono::seconds(1);
  const auto pool = Pool::create({.bytes_max = 8192 * kMiB,
                                  .checks = Checks::kOff,
                                  .idle_age = std::chrono::seconds(10),
                                  .now = [] { return fake_time; }})
                        .value();
  const auto take_and_free = [&](size_t bytes) {
    std::vector<void*> live;
    for (int i = 0; i < 20; ++i) live.push_back(pool->allocate(bytes));
    for (void* block : live) pool->deallocate(block);
  };
  take_and_free(kMiB);
  EXPECT_EQ(pool->collect(), 0u);
  fake_time += std::chrono::seconds(11);
  take_and_free(2 * kMiB);
  EXPECT_EQ(pool->collect(), 0u);  // looks at the megabytes for the first time
  fake_time += std::chrono::seconds(11);
  take_and_free(2 * kMiB);  // in use, again
  pool->collect();
  EXPECT_GE(class_in(pool->stats(), 2 * kMiB)->cached, 20u);
  EXPECT_EQ(class_in(pool->stats(), kMiB)->cached, 0u);
  fake_time += std::chrono::seconds(11);
  EXPECT_LE(pool->collect(4 * kMiB), 4 * kMiB);  // the budget holds
  fake_time += std::chrono::seconds(11);
  pool->collect();
  fake_time += std::chrono::seconds(11);
  pool->collect();
  EXPECT_EQ(pool->stats().free_bytes, 0u);
  pool->check_integrity();
}

TEST(Pool, PrewarmedBlocksNeedNoCommit) {
  const auto pool = make_pool(256 * kMiB);
  ASSERT_TRUE(pool->prewarm(100'000, 100).ok());
  ASSERT_TRUE(pool->prewarm(20 * kMiB, 2).ok());
  const uint64_t slow = pool->stats().slow_commits;
  for (int i = 0; i < 100; ++i) ASSERT_NE(pool->allocate(100'000), nullptr);
  for (int i = 0; i < 2; ++i) ASSERT_NE(pool->allocate(20 * kMiB), nullptr);
  EXPECT_EQ(pool->stats().slow_commits, slow);
  EXPECT_EQ(pool->prewarm(kMiB, 1000).code(), Code::kExhausted);
  EXPECT_EQ(pool->prewarm(SIZE_MAX, SIZE_MAX).code(), Code::kExhausted);
}

TEST(Pool, ServesContainers) {
  const auto pool = make_pool(64 * kMiB);
  {
    std::map<int, std::string, std::less<int>, PoolAllocator<std::pair<const int, std::string>>>
        names{PoolAllocator<std::pair<const int, std::string>>(*pool)};
    for (int i = 0; i < 1000; ++i) names[i] = std::to_string(i);
    EXPECT_EQ(names.at(500), "500");
    std::pmr::vector<std::pmr::string> texts(pool->resource());
    for (int i = 0; i < 1000; ++i) texts.emplace_back(std::string(size_t(i), 'x'));
    EXPECT_EQ(texts[999].size(), 999u);
    EXPECT_GT(pool->stats().live_bytes, 500'000u);
    EXPECT_THROW(texts.reserve(size_t{1} << 40), std::exception);
  }
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
  struct alignas(256) Wide {
    char bytes[256];
  };
  std::vector<Wide, PoolAllocator<Wide>> wide{PoolAllocator<Wide>(*pool)};
  wide.resize(10);
  EXPECT_TRUE(aligned(wide.data(), 256));
}

TEST(Pool, OtherBackings) {
  for (auto make :
       {+[] { return make_heap_backing(); }, +[] { return make_mmap_backing(HugePages::kNone); }}) {
    const auto backing = make();
    const auto pool = Pool::create({.bytes_max = 32 * kMiB, .backing = backing.get()}).value();
    std::vector<void*> live;
    for (int i = 0; i < 200; ++i) live.push_back(pool->allocate(size_t(i) * 600));
    for (void* block : live) {
      ASSERT_NE(block, nullptr);
      *static_cast<char*>(block) = 1;
      pool->deallocate(block);
    }
    pool->trim();
    pool->check_integrity();
  }
}

TEST(Pool, ExplicitHugePagesAreARefusalWhereThereAreNone) {
  const auto pool = Pool::create({.bytes_max = 64 * kMiB, .huge_pages = HugePages::kExplicit});
  if (pool.ok()) {
    EXPECT_NE((*pool)->allocate(kMiB), nullptr);
  } else {
    EXPECT_EQ(pool.status().code(), Code::kExhausted);
  }
}

TEST(Pool, BackgroundUpkeepRunsAndStops) {
  const auto pool = Pool::create({.bytes_max = 64 * kMiB, .background = true}).value();
  pool->deallocate(pool->allocate(1000));
}

using PoolDeathTest = testing::Test;

TEST(PoolDeathTest, CheckedPoolsNameTheFaultAndTheClass) {
  const auto pool = make_pool(64 * kMiB, Checks::kOn);
  void* block = pool->allocate(1000);
  void* large = pool->allocate(9 * kMiB);
  EXPECT_DEATH((pool->deallocate(block), pool->deallocate(block)), "freed twice, class 1024 B");
  EXPECT_DEATH(pool->deallocate(static_cast<char*>(block) + 16), "inside a block of class 1024 B");
  EXPECT_DEATH(pool->deallocate(&block), "is not from this pool");
  EXPECT_DEATH(pool->deallocate(static_cast<char*>(large) + 16), "inside a large block");
  EXPECT_DEATH((pool->deallocate(large), pool->deallocate(large)), "is no live block");
  EXPECT_DEATH((void)pool->allocate(64, 3), "alignment");
  const auto other = make_pool(64 * kMiB, Checks::kOn);
  EXPECT_DEATH(other->deallocate(block), "is not from this pool");
}

TEST(PoolDeathTest, PlainPoolsCatchForeignPointersToo) {
  const auto pool = make_pool(64 * kMiB);
  (void)pool->allocate(10);
  int local = 0;
  EXPECT_DEATH(pool->deallocate(&local), "is not from this pool");
  void* large = pool->allocate(9 * kMiB);
  EXPECT_DEATH((pool->deallocate(large), pool->deallocate(large)), "is no live block");
}

TEST(PoolDeathTest, ADoubleFreeIsFoundAtTheLatestWhenTheCacheReturns) {
  const auto pool = make_pool(64 * kMiB);
  EXPECT_DEATH(
      {
        void* block = pool->allocate(1000);
        pool->deallocate(block);
        pool->deallocate(block);
        pool->trim();
      },
      "freed twice, class 1024 B");
}

TEST(PoolPlan, ExplainsItsChoice) {
  std::vector<double> history;
  for (int i = 0; i < 600; ++i) history.push_back(1e9 + 1e8 * ((i * 37) % 11));
  const DemandPlan plan = Pool::plan(history);
  EXPECT_GT(plan.reserve_bytes, plan.forecast_bytes);
  EXPECT_GT(plan.margin_factor, 0);
  EXPECT_NE(plan.reason.find("forecast"), std::string::npos) << plan.reason;
  EXPECT_NE(Pool::plan({}).reason.find("no samples"), std::string::npos);
  const std::vector<double> bad{1, -1, 2};
  EXPECT_NE(Pool::plan(bad).reason.find("ignored"), std::string::npos);
}

}  // namespace
}  // namespace llmos
