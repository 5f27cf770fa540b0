// SPDX-License-Identifier: Apache-2.0
#include "memory/slab.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

std::unique_ptr<Pool> make_pool(uint64_t bytes_max = uint64_t{1} << 30) {
  return Pool::create({.bytes_max = bytes_max, .name = "slab test"}).value();
}

// Counts its living instances, so that a missed or doubled destructor shows.
struct Counted {
  explicit Counted(int& living, int value = 0) : living_(&living), value_(value) { ++*living_; }
  ~Counted() { --*living_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

  int* living_;
  int value_;
};

TEST(Slab, InsertsFindsErases) {
  const auto pool = make_pool();
  Slab<std::string> words(*pool, 100);
  const auto hello = words.insert("hello");
  const auto dots = words.insert(3, '.');
  ASSERT_TRUE(hello);
  ASSERT_TRUE(dots);
  EXPECT_NE(hello, dots);
  EXPECT_EQ(*words.get(hello), "hello");
  EXPECT_EQ(*std::as_const(words).get(dots), "...");
  EXPECT_EQ(words.size(), 2u);
  EXPECT_TRUE(words.erase(hello));
  EXPECT_FALSE(words.erase(hello));
  EXPECT_EQ(words.get(hello), nullptr);
  EXPECT_EQ(words.size(), 1u);
  words.check_integrity();
}

TEST(Slab, StaleHandleDoesNotFindTheNextObjectInItsSlot) {
  const auto pool = make_pool();
  Slab<int> slab(*pool, 8);
  const auto old = slab.insert(1);
  slab.erase(old);
  const auto young = slab.insert(2);
  EXPECT_EQ(young.index, old.index);
  EXPECT_EQ(slab.get(old), nullptr);
  EXPECT_FALSE(slab.erase(old));
  EXPECT_EQ(*slab.get(young), 2);
}

TEST(Slab, HandlesThatNameNothing) {
  const auto pool = make_pool();
  Slab<int> slab(*pool, 8);
  using Handle = Slab<int>::Handle;
  EXPECT_FALSE(Handle());
  EXPECT_EQ(slab.get(Handle()), nullptr);
  const auto one = slab.insert(1);
  EXPECT_EQ(slab.get(Handle()), nullptr);
  EXPECT_EQ(slab.get(Handle{one.index, one.generation + 2}), nullptr);
  EXPECT_EQ(slab.get(Handle{one.index + 1, 0}), nullptr);  // a free slot of the same generation
  EXPECT_EQ(slab.get(Handle{8, 1}), nullptr);
  EXPECT_EQ(slab.get(Handle{UINT32_MAX, UINT32_MAX}), nullptr);
  EXPECT_FALSE(slab.erase(Handle{8, 1}));
}

TEST(Slab, CountIsBounded) {
  const auto pool = make_pool();
  for (const uint32_t count_max : {0u, 1u, 7u, Slab<int>::kSlotsPerChunk, 2500u}) {
    Slab<int> slab(*pool, count_max);
    std::vector<Slab<int>::Handle> handles;
    for (uint32_t i = 0; i < count_max; ++i) {
      handles.push_back(slab.insert(int(i)));
      ASSERT_TRUE(handles.back()) << i << " of " << count_max;
    }
    EXPECT_FALSE(slab.insert(-1));
    for (uint32_t i = 0; i < count_max; ++i) ASSERT_EQ(*slab.get(handles[i]), int(i));
    if (count_max == 0) continue;
    EXPECT_TRUE(slab.erase(handles[count_max / 2]));
    EXPECT_TRUE(slab.insert(-1));
    EXPECT_FALSE(slab.insert(-1));
    slab.check_integrity();
  }
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(Slab, TakesMemoryOnlyWhenUsedAndReturnsIt) {
  const auto pool = make_pool();
  {
    Slab<int> slab(*pool, 1'000'000);
    EXPECT_EQ(pool->stats().live_bytes, 0u);
    slab.insert(1);
    EXPECT_EQ(slab.held_bytes(), pool->stats().live_bytes);
    EXPECT_GT(slab.held_bytes(), 0u);
  }
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(Slab, KeepsTheAlignmentOfItsObjects) {
  struct alignas(256) Wide {
    char content[300];
  };
  const auto pool = make_pool();
  Slab<Wide> slab(*pool, 100);
  for (int i = 0; i < 100; ++i) {
    const auto handle = slab.insert();
    ASSERT_TRUE(handle);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(slab.get(handle)) % 256, 0u);
  }
}

TEST(Slab, DestroysEachObjectOnce) {
  const auto pool = make_pool();
  int living = 0;
  {
    Slab<Counted> slab(*pool, 100);
    const auto first = slab.insert(living);
    for (int i = 0; i < 50; ++i) slab.insert(living, i);
    EXPECT_EQ(living, 51);
    slab.erase(first);
    EXPECT_EQ(living, 50);
    slab.clear();
    EXPECT_EQ(living, 0);
    EXPECT_TRUE(slab.empty());
    slab.check_integrity();
    for (int i = 0; i < 20; ++i) slab.insert(living);
  }
  EXPECT_EQ(living, 0);
}

TEST(Slab, VisitsTheLiveOnesAndAllowsErasing) {
  const auto pool = make_pool();
  Slab<int> slab(*pool, 5000);
  for (int i = 0; i < 5000; ++i) slab.insert(i);
  slab.for_each([&](Slab<int>::Handle handle, int& value) {
    if (value % 3 != 0) {
      EXPECT_TRUE(slab.erase(handle));
    }
  });
  std::vector<int> left;
  slab.for_each([&](Slab<int>::Handle handle, int& value) {
    EXPECT_EQ(slab.get(handle), &value);
    left.push_back(value);
  });
  ASSERT_EQ(left.size(), 1667u);
  for (size_t i = 0; i < left.size(); ++i) EXPECT_EQ(left[i], int(3 * i));
  slab.check_integrity();
}

TEST(Slab, RetiresASlotRatherThanRepeatAHandle) {
  const auto pool = make_pool();
  Slab<int, 7> slab(*pool, 3);  // generations 1, 3, 5, 7: four objects a slot
  std::vector<Slab<int, 7>::Handle> seen;
  while (const auto handle = slab.insert(int(seen.size()))) {
    for (const auto& old : seen) {
      EXPECT_NE(handle, old);
      EXPECT_EQ(slab.get(old), nullptr);
    }
    seen.push_back(handle);
    EXPECT_TRUE(slab.erase(handle));
    slab.check_integrity();
  }
  EXPECT_EQ(seen.size(), 12u);
  EXPECT_EQ(slab.retired(), 3u);
}

// Inserts another object of the same slab while it is being made.
struct Nested {
  Nested(Slab<Nested>& slab, int depth) : depth_(depth) {
    if (depth > 0) inner_ = slab.insert(slab, depth - 1);
  }
  int depth_;
  Slab<Nested>::Handle inner_;
};

TEST(Slab, ConstructorsMayInsert) {
  const auto pool = make_pool();
  Slab<Nested> slab(*pool, 10);
  const auto outer = slab.insert(slab, 4);
  EXPECT_EQ(slab.size(), 5u);
  int depth = 4;
  for (auto handle = outer; handle; handle = slab.get(handle)->inner_) {
    ASSERT_EQ(slab.get(handle)->depth_, depth--);
  }
  EXPECT_EQ(depth, -1);
  slab.check_integrity();
}

TEST(SlabFault, ThrowingConstructorLeavesTheSlabAsItWas) {
  struct Fragile {
    explicit Fragile(bool fail) {
      if (fail) throw 42;
    }
  };
  const auto pool = make_pool();
  Slab<Fragile> slab(*pool, 2);
  EXPECT_TRUE(slab.insert(false));
  EXPECT_THROW(slab.insert(true), int);
  EXPECT_EQ(slab.size(), 1u);
  slab.check_integrity();
  EXPECT_TRUE(slab.insert(false));
  EXPECT_FALSE(slab.insert(false));
}

TEST(SlabFault, NoMemoryIsAnInvalidHandle) {
  struct Page {
    char content[4096];
  };
  const auto pool = make_pool(4 << 20);
  Slab<Page> slab(*pool, 1'000'000);
  std::vector<Slab<Page>::Handle> handles;
  while (const auto handle = slab.insert()) handles.push_back(handle);
  EXPECT_GT(handles.size(), 100u);
  EXPECT_LT(handles.size(), 1024u);
  for (const auto& handle : handles) std::memset(slab.get(handle)->content, 1, 4096);
  slab.check_integrity();
  EXPECT_TRUE(slab.erase(handles[0]));
  EXPECT_TRUE(slab.insert());
  EXPECT_FALSE(slab.insert());
  slab.check_integrity();
}

TEST(SlabFault, IntegrityNoticesAnObjectThatWroteOverItsEnd) {
  const test::ThrowingFatal guard;
  const auto pool = make_pool();
  Slab<uint64_t> slab(*pool, 16);
  const auto first = slab.insert(1u);
  uint64_t* const object = slab.get(first);
  slab.insert(2u);
  const uint64_t before = object[1];
  object[1] = 0;  // generation and link of the next slot
  EXPECT_THROW(slab.check_integrity(), test::FatalError);
  object[1] = before;
  slab.check_integrity();
}

// Against a map from every handle that was ever valid to what it should find now.
TEST(SlabProperty, AgreesWithTheModelForAMillionOperations) {
  constexpr int kOperations = 1'000'000;
  constexpr uint32_t kCountMax = 3000;
  std::mt19937_64 random(test::seed("slab"));
  const auto pool = make_pool();
  int living = 0;
  struct Entry {
    Slab<Counted>::Handle handle;
    int value;
  };
  Slab<Counted> slab(*pool, kCountMax);
  std::vector<Entry> live;
  std::vector<Slab<Counted>::Handle> stale;
  for (int i = 0; i < kOperations; ++i) {
    const uint64_t dice = random() % 100;
    // Phases of growth and decline, so that full and empty are both reached.
    const uint64_t inserts = (i / 20'000) % 2 ? 30 : 55;
    if (dice < inserts) {
      const auto handle = slab.insert(living, i);
      ASSERT_EQ(bool(handle), live.size() < kCountMax);
      if (handle) live.push_back({handle, i});
    } else if (dice < 85 && !live.empty()) {
      Entry& entry = live[random() % live.size()];
      ASSERT_TRUE(slab.erase(entry.handle));
      if (stale.size() < 10'000)
        stale.push_back(entry.handle);
      else
        stale[random() % stale.size()] = entry.handle;
      entry = live.back();
      live.pop_back();
    } else if (dice < 95 && !live.empty()) {
      const Entry& entry = live[random() % live.size()];
      const Counted* const object = slab.get(entry.handle);
      ASSERT_NE(object, nullptr);
      ASSERT_EQ(object->value_, entry.value);
    } else if (!stale.empty()) {
      const auto handle = stale[random() % stale.size()];
      ASSERT_EQ(slab.get(handle), nullptr);
      ASSERT_FALSE(slab.erase(handle));
    }
    ASSERT_EQ(slab.size(), live.size());
    ASSERT_EQ(size_t(living), live.size());
    if (i % 10'000 == 0) slab.check_integrity();
  }
  std::map<uint32_t, int> found;
  slab.for_each(
      [&](Slab<Counted>::Handle handle, Counted& object) { found[handle.index] = object.value_; });
  ASSERT_EQ(found.size(), live.size());
  for (const Entry& entry : live) ASSERT_EQ(found.at(entry.handle.index), entry.value);
  slab.check_integrity();
}

}  // namespace
}  // namespace llmos
