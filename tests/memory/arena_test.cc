// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <list>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "llmos/memory.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

std::unique_ptr<Pool> make_pool(uint64_t bytes_max = uint64_t{1} << 30) {
  return Pool::create({.bytes_max = bytes_max, .name = "arena test"}).value();
}

uintptr_t address(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

TEST(Arena, HandsOutConsecutiveBytes) {
  const auto pool = make_pool();
  Arena arena(*pool);
  EXPECT_EQ(arena.held_bytes(), 0u);
  char* const first = static_cast<char*>(arena.allocate(16));
  char* const second = static_cast<char*>(arena.allocate(3));
  char* const third = static_cast<char*>(arena.allocate(1, 1));
  char* const fourth = static_cast<char*>(arena.allocate(16));
  EXPECT_EQ(second, first + 16);
  EXPECT_EQ(third, second + 3);
  EXPECT_EQ(fourth, first + 32);
  EXPECT_EQ(arena.used_bytes(), 48u);
  EXPECT_GE(arena.held_bytes(), 64u * 1024);
  EXPECT_EQ(pool->stats().live_bytes, arena.held_bytes());
  arena.check_integrity();
}

TEST(Arena, ZeroBytesCountAsOne) {
  const auto pool = make_pool();
  Arena arena(*pool);
  void* const first = arena.allocate(0, 1);
  void* const second = arena.allocate(0, 1);
  ASSERT_NE(first, nullptr);
  ASSERT_NE(second, nullptr);
  EXPECT_NE(first, second);
  arena.check_integrity();
}

TEST(Arena, KeepsEveryAlignment) {
  const auto pool = make_pool();
  Arena arena(*pool);
  for (size_t alignment = 1; alignment <= Pool::kAlignmentMax; alignment *= 2) {
    for (const size_t bytes : {size_t{1}, size_t{100}, size_t{70'000}}) {
      char* const block = static_cast<char*>(arena.allocate(bytes, alignment));
      ASSERT_NE(block, nullptr) << bytes << " at " << alignment;
      EXPECT_EQ(address(block) % alignment, 0u) << bytes << " at " << alignment;
      std::memset(block, 0x5a, bytes);
    }
    arena.check_integrity();
  }
}

TEST(Arena, ResetKeepsChunksAndReusesThem) {
  const auto pool = make_pool();
  Arena arena(*pool, 4096);
  const auto fill = [&] {
    std::vector<void*> blocks;
    for (int i = 0; i < 100; ++i) blocks.push_back(arena.allocate(1000));
    return blocks;
  };
  const auto before = fill();
  const size_t held = arena.held_bytes();
  const size_t used = arena.used_bytes();
  arena.reset();
  EXPECT_EQ(arena.used_bytes(), 0u);
  EXPECT_EQ(arena.held_bytes(), held);
  arena.check_integrity();
  EXPECT_EQ(fill(), before);
  EXPECT_EQ(arena.held_bytes(), held);
  EXPECT_EQ(arena.used_bytes(), used);
  arena.check_integrity();
}

TEST(Arena, LargeRequestAfterResetSkipsSmallSpares) {
  const auto pool = make_pool();
  Arena arena(*pool, 4096);
  for (int i = 0; i < 10; ++i) ASSERT_NE(arena.allocate(3000), nullptr);
  void* const large = arena.allocate(100'000);
  ASSERT_NE(large, nullptr);
  const size_t held = arena.held_bytes();
  arena.reset();
  const Arena::Mark empty = arena.mark();
  void* const again = arena.allocate(100'000);  // more spares before it than it may look at
  ASSERT_NE(again, nullptr);
  EXPECT_GT(arena.held_bytes(), held);
  arena.check_integrity();
  arena.rewind(empty);
  EXPECT_EQ(arena.allocate(100'000), again);  // now it is the nearest
  arena.check_integrity();
}

TEST(Arena, ReleaseReturnsChunksToThePool) {
  const auto pool = make_pool();
  Arena arena(*pool, 4096);
  for (int i = 0; i < 100; ++i) ASSERT_NE(arena.allocate(1000), nullptr);
  arena.release();
  EXPECT_EQ(arena.held_bytes(), 0u);
  EXPECT_EQ(arena.used_bytes(), 0u);
  EXPECT_EQ(pool->stats().live_bytes, 0u);
  arena.check_integrity();
  EXPECT_NE(arena.allocate(1000), nullptr);
  arena.check_integrity();
}

TEST(Arena, DestructorReturnsChunks) {
  const auto pool = make_pool();
  {
    Arena arena(*pool);
    ASSERT_NE(arena.allocate(100'000), nullptr);
    EXPECT_GT(pool->stats().live_bytes, 0u);
  }
  EXPECT_EQ(pool->stats().live_bytes, 0u);
}

TEST(Arena, ScopesNest) {
  const auto pool = make_pool();
  Arena arena(*pool, 1024);
  int* const outer = arena.make<int>(1);
  const size_t used = arena.used_bytes();
  void* reused = nullptr;
  {
    const Arena::Scope first(arena);
    reused = arena.allocate(64);
    const size_t inner_used = arena.used_bytes();
    {
      const Arena::Scope second(arena);
      for (int i = 0; i < 50; ++i) ASSERT_NE(arena.allocate(500), nullptr);
    }
    EXPECT_EQ(arena.used_bytes(), inner_used);
    arena.check_integrity();
  }
  EXPECT_EQ(arena.used_bytes(), used);
  EXPECT_EQ(*outer, 1);
  EXPECT_EQ(arena.allocate(64), reused);
}

TEST(Arena, ScopeOverAnEmptyArenaEmptiesIt) {
  const auto pool = make_pool();
  Arena arena(*pool);
  {
    const Arena::Scope scope(arena);
    ASSERT_NE(arena.allocate(1000), nullptr);
  }
  EXPECT_EQ(arena.used_bytes(), 0u);
  EXPECT_GT(arena.held_bytes(), 0u);
  arena.check_integrity();
}

TEST(Arena, MakesObjects) {
  struct alignas(64) Wide {
    Wide(int n, double w) : number(n), weight(w) {}
    int number;
    double weight;
  };
  const auto pool = make_pool();
  Arena arena(*pool);
  ASSERT_NE(arena.allocate(1, 1), nullptr);
  const Wide* const wide = arena.make<Wide>(7, 0.5);
  ASSERT_NE(wide, nullptr);
  EXPECT_EQ(address(wide) % 64, 0u);
  EXPECT_EQ(wide->number, 7);
  EXPECT_EQ(wide->weight, 0.5);
}

TEST(Arena, FeedsContainers) {
  const auto pool = make_pool();
  Arena arena(*pool);
  std::vector<int, ArenaAllocator<int>> numbers{ArenaAllocator<int>(arena)};
  for (int i = 0; i < 10'000; ++i) numbers.push_back(i);
  std::list<std::string, ArenaAllocator<std::string>> words{ArenaAllocator<std::string>(arena)};
  for (int i = 0; i < 100; ++i) words.push_back(std::to_string(i));
  std::map<int, int, std::less<>, ArenaAllocator<std::pair<const int, int>>> squares{
      ArenaAllocator<std::pair<const int, int>>(arena)};
  for (int i = 0; i < 1000; ++i) squares[i] = i * i;
  for (int i = 0; i < 10'000; ++i) ASSERT_EQ(numbers[size_t(i)], i);
  EXPECT_EQ(words.back(), "99");
  EXPECT_EQ(squares.at(31), 961);
  EXPECT_EQ(ArenaAllocator<int>(arena), ArenaAllocator<char>(arena));
  Arena other(*pool);
  EXPECT_NE(ArenaAllocator<int>(arena), ArenaAllocator<int>(other));
  arena.check_integrity();
}

TEST(ArenaFault, ImpossibleRequestsAnswerNullAndChangeNothing) {
  const auto pool = make_pool();
  Arena arena(*pool);
  for (int round = 0; round < 2; ++round) {  // without a chunk, and with one
    const size_t used = arena.used_bytes();
    const size_t held = arena.held_bytes();
    for (const size_t bytes :
         {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 64, SIZE_MAX / 2}) {
      for (const size_t alignment : {size_t{1}, size_t{16}, Pool::kAlignmentMax}) {
        EXPECT_EQ(arena.allocate(bytes, alignment), nullptr) << bytes << " at " << alignment;
      }
    }
    for (const size_t alignment :
         {size_t{0}, size_t{3}, size_t{24}, 2 * Pool::kAlignmentMax, SIZE_MAX, SIZE_MAX / 2 + 1}) {
      EXPECT_EQ(arena.allocate(8, alignment), nullptr) << alignment;
      EXPECT_EQ(arena.allocate(0, alignment), nullptr) << alignment;
    }
    EXPECT_EQ(arena.used_bytes(), used);
    EXPECT_EQ(arena.held_bytes(), held);
    arena.check_integrity();
    ASSERT_NE(arena.allocate(100), nullptr);
  }
}

TEST(ArenaFault, CapOfThePoolIsAValueNotACrash) {
  const auto pool = make_pool(8 << 20);
  Arena arena(*pool, 16 * 1024);
  const auto fill = [&] {
    size_t count = 0;
    while (void* block = arena.allocate(10'000)) {
      std::memset(block, 1, 10'000);
      ++count;
    }
    return count;
  };
  const size_t count = fill();
  EXPECT_GT(count, 100u);
  EXPECT_LE(arena.held_bytes(), size_t{8} << 20);
  const size_t used = arena.used_bytes();
  EXPECT_EQ(arena.allocate(10'000), nullptr);
  EXPECT_EQ(arena.used_bytes(), used);
  arena.check_integrity();
  arena.reset();
  EXPECT_EQ(fill(), count);  // the same chunks again
  arena.release();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
  EXPECT_GT(fill(), 100u);
  arena.check_integrity();
  pool->check_integrity();
}

TEST(ArenaFault, ContainersSeeBadAlloc) {
  const auto pool = make_pool(4 << 20);
  Arena arena(*pool);
  std::vector<char, ArenaAllocator<char>> bytes{ArenaAllocator<char>(arena)};
  EXPECT_THROW(bytes.resize(64 << 20), std::bad_alloc);
  ArenaAllocator<uint64_t> words(arena);
  EXPECT_THROW((void)words.allocate(SIZE_MAX / 4), std::bad_array_new_length);
  arena.check_integrity();
}

// The model: every live block with its place and its content, and the stack of open marks. It
// knows nothing of chunks.
class ArenaModel {
 public:
  explicit ArenaModel(Arena& arena) : arena_(arena) {}

  void add(void* block, size_t bytes, uint8_t tag) {
    const uintptr_t begin = address(block);
    const auto after = blocks_.lower_bound(begin);
    ASSERT_TRUE(after == blocks_.end() || begin + bytes <= after->first) << "overlaps the next";
    ASSERT_TRUE(after == blocks_.begin() || std::prev(after)->second <= begin) << "overlaps";
    std::memset(block, tag, bytes);
    blocks_.emplace_hint(after, begin, begin + bytes);
    order_.push_back({static_cast<uint8_t*>(block), bytes, tag});
    bytes_ += bytes;
  }
  void mark() { marks_.push_back({arena_.mark(), order_.size(), arena_.used_bytes()}); }
  void rewind(size_t index) {
    const Open open = marks_[index];
    marks_.resize(index);
    drop_to(open.count);
    arena_.rewind(open.mark);
    ASSERT_EQ(arena_.used_bytes(), open.used);
  }
  void clear() {
    marks_.clear();
    drop_to(0);
  }
  size_t marks() const { return marks_.size(); }
  size_t bytes() const { return bytes_; }
  size_t count() const { return order_.size(); }

 private:
  struct Block {
    uint8_t* begin;
    size_t bytes;
    uint8_t tag;
  };
  struct Open {
    Arena::Mark mark;
    size_t count;
    size_t used;
  };

  void drop_to(size_t count) {
    for (; order_.size() > count; order_.pop_back()) {
      const Block& block = order_.back();
      for (size_t i = 0; i < block.bytes; ++i) ASSERT_EQ(block.begin[i], block.tag);
      blocks_.erase(address(block.begin));
      bytes_ -= block.bytes;
    }
  }

  Arena& arena_;
  std::map<uintptr_t, uintptr_t> blocks_;  // begin -> end
  std::vector<Block> order_;
  std::vector<Open> marks_;
  size_t bytes_ = 0;
};

TEST(ArenaProperty, AgreesWithTheModelForAMillionOperations) {
  constexpr int kOperations = 1'000'000;
  constexpr size_t kLiveMax = 4000;
  std::mt19937_64 random(test::seed("arena"));
  const auto pool = make_pool();
  Arena arena(*pool, 4096);
  ArenaModel model(arena);
  const auto below = [&](uint64_t bound) { return random() % bound; };
  for (int i = 0; i < kOperations && !HasFatalFailure(); ++i) {
    const uint64_t dice = below(1000);
    if (model.count() >= kLiveMax || dice < 2) {
      model.clear();
      dice % 2 ? arena.release() : arena.reset();
      ASSERT_EQ(arena.used_bytes(), 0u);
    } else if (dice < 30) {
      model.mark();
    } else if (dice < 60 && model.marks() > 0) {
      model.rewind(below(model.marks()));
    } else {
      // Mostly small; one in 500 larger than a chunk.
      const size_t bytes = below(500) == 0 ? below(20'000) : below(size_t{1} << below(9));
      const size_t alignment = below(4) == 0 ? size_t{1} << below(10) : 16;
      void* const block = arena.allocate(bytes, alignment);
      ASSERT_NE(block, nullptr);
      ASSERT_EQ(address(block) % alignment, 0u);
      model.add(block, std::max<size_t>(bytes, 1), uint8_t(i));
    }
    ASSERT_GE(arena.used_bytes(), model.bytes());
    ASSERT_LE(arena.used_bytes(), arena.held_bytes());
    if (i % 1024 == 0) arena.check_integrity();
  }
  model.clear();
  arena.release();
  arena.check_integrity();
  EXPECT_EQ(pool->stats().live_bytes, 0u);
  pool->check_integrity();
}

}  // namespace
}  // namespace llmos
