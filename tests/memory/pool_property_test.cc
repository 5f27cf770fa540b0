// SPDX-License-Identifier: Apache-2.0 Random use of a pool against a model that knows every live
// block: blocks never overlap, keep their content, are aligned and large enough; the cap holds at
// every step; integrity and live bytes are right at the end.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "llmos/memory.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

class Model {
 public:
  void add(void* block, size_t bytes) {
    const auto address = reinterpret_cast<uintptr_t>(block);
    const auto after = live_.lower_bound(address);
    if (after != live_.end()) {
      ASSERT_LE(address + bytes, after->first) << "overlaps the block behind";
    }
    if (after != live_.begin()) {
      const auto before = std::prev(after);
      ASSERT_LE(before->first + before->second.bytes, address) << "overlaps the block before";
    }
    const auto mark = unsigned(counter_++);
    stamp(block, bytes, mark);
    live_[address] = {bytes, mark};
    order_.push_back(address);
  }
  // Removes a random block after checking its content.
  std::pair<void*, size_t> take(std::mt19937_64& random) {
    const size_t i = random() % order_.size();
    const uintptr_t address = order_[i];
    order_[i] = order_.back();
    order_.pop_back();
    const auto entry = live_.at(address);
    live_.erase(address);
    void* block = reinterpret_cast<void*>(address);
    EXPECT_TRUE(stamped(block, entry.bytes, entry.mark)) << "content lost";
    return {block, entry.bytes};
  }
  size_t size() const { return order_.size(); }

 private:
  struct Entry {
    size_t bytes;
    unsigned mark;
  };
  // First, last and middle word; enough to see an overlap of any two blocks that were both written.
  static void stamp(void* block, size_t bytes, unsigned mark) {
    for (const size_t at : places(bytes))
      std::memcpy(static_cast<char*>(block) + at, &mark, width(bytes));
  }
  static bool stamped(const void* block, size_t bytes, unsigned mark) {
    for (const size_t at : places(bytes)) {
      if (std::memcmp(static_cast<const char*>(block) + at, &mark, width(bytes)) != 0) return false;
    }
    return true;
  }
  static size_t width(size_t bytes) { return std::min<size_t>(bytes, 4); }
  static std::array<size_t, 3> places(size_t bytes) {
    if (bytes < 16) return {0, 0, 0};
    return {0, bytes / 2, bytes - 4};
  }

  std::map<uintptr_t, Entry> live_;
  std::vector<uintptr_t> order_;
  uint64_t counter_ = 1;
};

size_t random_size(std::mt19937_64& random, double exponent_max) {
  return size_t(std::exp2(std::uniform_real_distribution<double>(0, exponent_max)(random)));
}

struct Case {
  const char* name;
  Checks checks;
  uint64_t cap;
  double exponent_max;  // sizes up to 2^this
  int operations;
};

class PoolProperty : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Pool, PoolProperty,
                         testing::Values(Case{"small", Checks::kOff, 64 * kMiB, 12, 1'000'000},
                                         Case{"mixed", Checks::kOff, 512 * kMiB, 24, 400'000},
                                         Case{"at_the_cap", Checks::kOff, 8 * kMiB, 21, 150'000},
                                         Case{"checked", Checks::kOn, 64 * kMiB, 22, 200'000}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(PoolProperty, BehavesLikeTheModel) {
  const Case& test = GetParam();
  std::mt19937_64 random(test::seed("pool property"));
  const auto pool = Pool::create({.bytes_max = test.cap, .checks = test.checks}).value();
  Model model;
  size_t refused = 0, target = 2000;
  for (int i = 0; i < test.operations; ++i) {
    if (i % 20'000 == 0) target = 1 + random() % 4000;  // grow and shrink in waves
    const bool grow = model.size() == 0 || random() % 4000 < 2000 + target / 4 - model.size() / 4;
    if (grow && model.size() < target) {
      const size_t bytes = random_size(random, test.exponent_max);
      const size_t alignment = random() % 8 == 0 ? size_t{1} << random() % 22 : 1;
      void* block = alignment > 1 ? pool->allocate(bytes, alignment) : pool->allocate(bytes);
      if (block) {
        ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % std::max(alignment, Pool::kAlignment), 0u);
        ASSERT_GE(pool->usable_bytes(block), bytes);
        model.add(block, bytes);
        if (HasFatalFailure()) return;
      } else {
        ++refused;
      }
    } else if (model.size() > 0) {
      pool->deallocate(model.take(random).first);
    }
    if (random() % 20'000 == 0) pool->trim();
    if (random() % 20'000 == 0) pool->maintain();
    if (random() % 50'000 == 0) pool->check_integrity();
  }
  EXPECT_LE(pool->stats().resident_bytes_peak, test.cap);
  while (model.size() > 0) pool->deallocate(model.take(random).first);
  pool->check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
  RecordProperty("refused", int(refused));
}

}  // namespace
}  // namespace llmos
