// SPDX-License-Identifier: Apache-2.0
#include "base/os_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

#include "base/os_cgroup.h"
#include "base/rng.h"
#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos::os {
namespace {

bool all_are(const std::byte* first, size_t bytes, int value) {
  return std::all_of(first, first + bytes, [&](std::byte b) { return b == std::byte(value); });
}

TEST(OsMemory, FactsArePlausible) {
  EXPECT_TRUE(std::has_single_bit(page_bytes()));
  EXPECT_GE(page_bytes(), 4096u);
  EXPECT_GT(physical_memory_bytes(), uint64_t{64} << 20);
  EXPECT_LE(physical_memory_bytes(), cgroup_memory_limit(""));
  EXPECT_GT(resident_bytes(), uint64_t{1} << 20);
  EXPECT_LT(resident_bytes(), uint64_t{1} << 40);
}

TEST(OsMemory, ReserveHonoursEveryAlignment) {
  for (size_t alignment = 1; alignment <= size_t{1} << 30; alignment *= 2) {
    for (const size_t bytes : {page_bytes(), 5 * page_bytes(), kHugePageBytes}) {
      const Result<std::byte*> range = reserve(bytes, alignment);
      ASSERT_TRUE(range.ok()) << range.status().to_string();
      EXPECT_EQ(reinterpret_cast<uintptr_t>(*range) % alignment, 0u);
      ASSERT_TRUE(commit(*range, bytes));
      (*range)[0] = std::byte{1};
      (*range)[bytes - 1] = std::byte{2};
      release(*range, bytes);
    }
  }
}

TEST(OsMemory, CommitGivesZerosAndKeepsWhatIsThere) {
  const size_t bytes = 16 * page_bytes();
  std::byte* const range = *reserve(bytes, page_bytes());
  ASSERT_TRUE(commit(range, bytes));
  EXPECT_TRUE(all_are(range, bytes, 0));
  std::memset(range, 7, bytes);
  ASSERT_TRUE(commit(range, bytes));
  EXPECT_TRUE(all_are(range, bytes, 7));
  release(range, bytes);
}

TEST(OsMemory, DecommitGivesTheMemoryBackAndZerosReturn) {
  const size_t bytes = size_t{32} << 20;
  std::byte* const range = *reserve(bytes, kHugePageBytes);
  ASSERT_TRUE(commit(range, bytes, HugePages::kAdvise));
  std::memset(range, 7, bytes);
  const uint64_t full = resident_bytes();
  const size_t half = bytes / 2;
  decommit(range, half);
  // Other threads of this process may take some meanwhile; a quarter is room enough.
  EXPECT_LT(resident_bytes() + half - half / 4, full);
  EXPECT_TRUE(all_are(range + half, half, 7));
  ASSERT_TRUE(commit(range, half));
  EXPECT_TRUE(all_are(range, half, 0));
  EXPECT_TRUE(all_are(range + half, half, 7));
  release(range, bytes);
}

TEST(OsMemoryDeathTest, ReservedAndDecommittedAddressesAreNoMemory) {
  std::byte* const range = *reserve(page_bytes(), page_bytes());
  EXPECT_DEATH(*const_cast<volatile std::byte*>(range) = std::byte{1}, "");
  ASSERT_TRUE(commit(range, page_bytes()));
  range[0] = std::byte{1};
  decommit(range, page_bytes());
  EXPECT_DEATH(*const_cast<volatile std::byte*>(range) = std::byte{1}, "");
  release(range, page_bytes());
}

TEST(OsMemory, RefusedAddressesAreAStatus) {
  const size_t huge = std::numeric_limits<size_t>::max() / 4 / page_bytes() * page_bytes();
  const Status status = reserve(huge, page_bytes()).status();
  EXPECT_EQ(status.code(), Code::kExhausted);
  EXPECT_THAT(status.message(), ::testing::HasSubstr("ENOMEM"));
  EXPECT_EQ(reserve(0 - page_bytes(), kHugePageBytes).status().code(), Code::kInvalid);
}

TEST(OsMemory, AddressLimitIsAStatus) {
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  rlimit small = before;
  small.rlim_cur = size_t{1} << 30;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &small), 0);
  const Result<std::byte*> range = reserve(size_t{2} << 30, page_bytes());
  setrlimit(RLIMIT_AS, &before);
  EXPECT_EQ(range.status().code(), Code::kExhausted);
}

TEST(OsMemory, BadArgumentsAreDefects) {
  const test::ThrowingFatal guard;
  EXPECT_THROW((void)reserve(0, page_bytes()), test::FatalError);
  EXPECT_THROW((void)reserve(page_bytes() + 1, page_bytes()), test::FatalError);
  EXPECT_THROW((void)reserve(page_bytes(), 0), test::FatalError);
  EXPECT_THROW((void)reserve(page_bytes(), 3 * page_bytes()), test::FatalError);
  EXPECT_THROW((void)reserve(page_bytes(), page_bytes(), HugePages::kExplicit), test::FatalError);
}

TEST(OsMemory, CommitOutsideOfAReservationIsRefused) {
  std::byte* const range = *reserve(2 * page_bytes(), page_bytes());
  release(range + page_bytes(), page_bytes());
  EXPECT_FALSE(commit(range, 2 * page_bytes()));
  release(range, page_bytes());
}

TEST(OsMemory, ExplicitHugePagesWorkOrAreRefused) {
  const Result<std::byte*> range = reserve(kHugePageBytes, kHugePageBytes, HugePages::kExplicit);
  if (!range.ok()) {
    EXPECT_EQ(range.status().code(), Code::kExhausted);
    EXPECT_THAT(range.status().message(), ::testing::HasSubstr("explicit huge pages"));
    GTEST_SKIP() << "the hugetlb pool is empty";
  }
  ASSERT_TRUE(commit(*range, kHugePageBytes, HugePages::kExplicit));
  (*range)[0] = std::byte{1};
  decommit(*range, kHugePageBytes);
  ASSERT_TRUE(commit(*range, kHugePageBytes, HugePages::kExplicit));
  (*range)[0] = std::byte{2};
  release(*range, kHugePageBytes);
}

// Waits without giving the processor away, because the race below lasts nanoseconds; but not for
// ever, because the other thread may need this processor.
template <class Condition>
void spin_until(Condition condition) {
  constexpr int kSpins = 5000;
  for (int spins = 0; !condition(); ++spins) {
    if (spins > kSpins) std::this_thread::yield();
  }
}

// Dekker's handshake with a plain fast side: each side announces itself and looks at the other. The
// slow side's process_barrier() stands for the fence that the fast side leaves out. Without it
// (tried) both miss each other in some of the rounds; with it at least one sees the other in all.
// The slow side comes late by a random time, so that the two meet.
TEST(OsMemory, ProcessBarrierOrdersAPlainReader) {
  if (!process_barrier_available()) GTEST_SKIP() << "no membarrier in this kernel";
  constexpr int kRounds = 10000;
  constexpr uint64_t kLateMax = 300;  // steps of a counter: the time in which a line changes owner
  constexpr auto kBudget = std::chrono::seconds(2);  // a busy machine needs a time slice per round
  alignas(128) std::atomic<int> round{0};
  alignas(128) std::atomic<int> done{0};
  alignas(128) std::atomic<int> fast{0};
  alignas(128) std::atomic<int> slow{0};
  int fast_saw = 0;  // handed over by `done`
  std::thread reader([&] {
    for (int i = 1;; ++i) {
      spin_until([&] { return round.load(std::memory_order_acquire) >= i; });
      if (round.load(std::memory_order_relaxed) > kRounds) return;
      fast.store(i, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler only
      fast_saw = slow.load(std::memory_order_relaxed);
      done.store(i, std::memory_order_release);
    }
  });
  Rng rng(test::seed("process barrier"));
  int missed = 0;
  const auto end = std::chrono::steady_clock::now() + kBudget;
  for (int i = 1; i <= kRounds && std::chrono::steady_clock::now() < end; ++i) {
    volatile uint64_t late = rng.below(kLateMax);
    round.store(i, std::memory_order_release);
    while (late > 0) late = late - 1;
    slow.store(i, std::memory_order_relaxed);
    process_barrier();
    const int slow_saw = fast.load(std::memory_order_relaxed);
    spin_until([&] { return done.load(std::memory_order_acquire) == i; });
    missed += slow_saw != i && fast_saw != i;
  }
  round.store(kRounds + 1, std::memory_order_release);
  reader.join();
  EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace llmos::os
