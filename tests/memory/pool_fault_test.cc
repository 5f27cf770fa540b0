// SPDX-License-Identifier: Apache-2.0 A backing that refuses, and one that counts: no refusal at
// any moment breaks the pool, and the cap counts exactly what was taken.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <random>
#include <vector>

#include "llmos/memory.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Counts what the pool holds, and refuses every k-th reserve and commit when asked to.
class WatchedBacking : public Backing {
 public:
  std::byte* reserve(size_t bytes, size_t alignment) override {
    if (refuse()) return nullptr;
    return under_->reserve(bytes, alignment);
  }
  void release(std::byte* address, size_t bytes) override { under_->release(address, bytes); }
  bool commit(std::byte* address, size_t bytes) override {
    if (refuse() || !under_->commit(address, bytes)) return false;
    committed += bytes;
    peak = std::max(peak, committed);
    ++calls;
    return true;
  }
  void decommit(std::byte* address, size_t bytes) override {
    committed -= bytes;
    ++calls;
    under_->decommit(address, bytes);
  }

  void refuse_every(int k) { every_ = k; }
  uint64_t committed = 0, peak = 0, calls = 0;

 private:
  bool refuse() { return every_ > 0 && ++asked_ % every_ == 0; }
  std::unique_ptr<Backing> under_ = make_mmap_backing(HugePages::kNone);
  int every_ = 0;
  int asked_ = 0;
};

TEST(PoolFault, SurvivesARefusalAtEveryKthCall) {
  for (int k = 1; k <= 60; ++k) {
    WatchedBacking backing;
    backing.refuse_every(k);
    auto made = Pool::create({.bytes_max = 64 * kMiB, .backing = &backing});
    if (!made.ok()) {
      EXPECT_EQ(made.status().code(), Code::kExhausted);
      continue;
    }
    const auto pool = std::move(made).value();
    std::mt19937_64 random(test::seed("pool fault") + uint64_t(k));
    std::vector<void*> live;
    int refused = 0;
    for (int i = 0; i < 3000; ++i) {
      if (live.size() < 200 && random() % 3 != 0) {
        const auto bytes = size_t(std::exp2(std::uniform_real_distribution<double>(0, 21)(random)));
        void* block = pool->allocate(bytes);
        if (block) {
          *static_cast<char*>(block) = 1;
          live.push_back(block);
        } else {
          ++refused;
        }
      } else if (!live.empty()) {
        pool->deallocate(live.back());
        live.pop_back();
      }
      if (i % 500 == 0) pool->trim();
      if (i % 700 == 0) pool->maintain();
    }
    if (k == 1) {
      EXPECT_GT(refused, 0);
    }
    for (void* block : live) pool->deallocate(block);
    pool->check_integrity();
    EXPECT_EQ(pool->stats().live_bytes, 0u);
  }
}

TEST(PoolFault, TheCapCountsEveryByteTakenFromTheBacking) {
  WatchedBacking backing;
  {
    const auto pool =
        Pool::create({.bytes_max = 16 * kMiB, .checks = Checks::kOff, .backing = &backing}).value();
    std::vector<void*> live;
    for (const size_t bytes : {size_t{16}, size_t{1000}, size_t{100'000}, 3 * kMiB}) {
      while (void* block = pool->allocate(bytes)) live.push_back(block);
      EXPECT_EQ(pool->stats().resident_bytes, backing.committed);
      EXPECT_LE(backing.peak, 16 * kMiB);
      for (size_t i = 0; i < live.size(); i += 2) pool->deallocate(live[i]);
      for (size_t i = 1; i < live.size(); i += 2) pool->deallocate(live[i]);
      live.clear();
    }
    pool->trim();
    EXPECT_EQ(pool->stats().resident_bytes, backing.committed);
    pool->check_integrity();
  }
}

TEST(PoolFault, SteadyStateNeverCallsTheBacking) {
  WatchedBacking backing;
  const auto pool =
      Pool::create({.bytes_max = 512 * kMiB, .checks = Checks::kOff, .backing = &backing}).value();
  std::mt19937_64 random(test::seed("steady state"));
  std::vector<void*> live(1024);
  const auto churn = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      void*& block = live[random() % live.size()];
      pool->deallocate(block);
      block =
          pool->allocate(size_t(std::exp2(std::uniform_real_distribution<double>(4, 16)(random))));
    }
  };
  churn(400'000);
  const uint64_t before = backing.calls;
  churn(400'000);
  EXPECT_EQ(backing.calls, before);
  for (void* block : live) pool->deallocate(block);
}

TEST(PoolFault, MetadataStaysBelowOnePercent) {
  const auto pool = Pool::create({.bytes_max = 512 * kMiB, .checks = Checks::kOff}).value();
  std::mt19937_64 random(test::seed("metadata"));
  std::vector<void*> live;
  for (int i = 0; i < 16'384; ++i) {
    live.push_back(
        pool->allocate(size_t(std::exp2(std::uniform_real_distribution<double>(4, 16)(random)))));
  }
  const PoolStats stats = pool->stats();
  EXPECT_LE(double(stats.metadata_bytes), 0.01 * double(stats.resident_bytes));
  for (void* block : live) pool->deallocate(block);
}

}  // namespace
}  // namespace llmos
