// SPDX-License-Identifier: Apache-2.0
#include "kv/block_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "base/rng.h"
#include "blocks.h"
#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

TEST(BlockPool, HandsOutEveryBlockOnce) {
  test::Blocks blocks(5);
  std::set<BlockId> held;
  while (const auto block = blocks.pool.acquire()) held.insert(*block);
  EXPECT_EQ(held, (std::set<BlockId>{0, 1, 2, 3, 4}));
  EXPECT_EQ(blocks.pool.free_count(), 0u);
  blocks.pool.check_integrity();
}

TEST(BlockPool, ASharedBlockIsFreeAfterTheLastRelease) {
  test::Blocks blocks(2);
  const BlockId block = *blocks.pool.acquire();
  blocks.pool.share(block);
  EXPECT_EQ(blocks.pool.reference_count(block), 2u);
  EXPECT_FALSE(blocks.pool.release(block));
  EXPECT_TRUE(blocks.pool.release(block));
  EXPECT_EQ(blocks.pool.free_count(), 2u);
  blocks.pool.check_integrity();
}

TEST(BlockPool, OnlyWholeBlocksCount) {
  ByteBudget budget(1 << 20);
  const BlockLayout layout = test::Blocks::layout(4);
  BlockPool pool(Buffer::create(budget, 3 * layout.block_bytes() - 1).value(), layout);
  EXPECT_EQ(pool.capacity(), 2u);
  EXPECT_EQ(BlockPool(Buffer(), layout).capacity(), 0u);
}

TEST(BlockPool, MisuseIsCaught) {
  const test::ThrowingFatal fatal;
  test::Blocks blocks(2);
  const BlockId block = *blocks.pool.acquire();
  blocks.pool.release(block);
  EXPECT_THROW(blocks.pool.release(block), test::FatalError);
  EXPECT_THROW(blocks.pool.share(block), test::FatalError);
  EXPECT_THROW(blocks.pool.release(2), test::FatalError);
  EXPECT_THROW(blocks.pool.release(-1), test::FatalError);
  blocks.pool.check_integrity();
}

// Random calls, against a map of counts.
TEST(BlockPool, AgreesWithANaiveModel) {
  Rng rng(test::seed("block pool"));
  for (int round = 0; round < 20; ++round) {
    const int capacity = int(rng.between(0, 12));
    test::Blocks blocks(capacity);
    std::map<BlockId, uint32_t> counts;
    const auto random_held = [&] {
      return std::next(counts.begin(), int64_t(rng.below(counts.size())));
    };
    for (int i = 0; i < 500; ++i) {
      const uint64_t action = rng.below(3);
      if (action == 0) {
        const auto block = blocks.pool.acquire();
        ASSERT_EQ(block.has_value(), int(counts.size()) < capacity);
        if (block) {
          ASSERT_TRUE(counts.emplace(*block, 1).second) << *block;
        }
      } else if (!counts.empty() && action == 1) {
        const auto at = random_held();
        blocks.pool.share(at->first);
        ++at->second;
      } else if (!counts.empty()) {
        const auto at = random_held();
        ASSERT_EQ(blocks.pool.release(at->first), --at->second == 0);
        if (at->second == 0) counts.erase(at);
      }
      ASSERT_EQ(blocks.pool.free_count(), uint32_t(capacity) - counts.size());
      for (const auto& [block, count] : counts)
        ASSERT_EQ(blocks.pool.reference_count(block), count);
      blocks.pool.check_integrity();
    }
  }
}

TEST(BlockPool, TailsShareABlock) {
  test::Blocks blocks(2, 8, 2);
  Tail a = *blocks.pool.acquire_tail(1), b = *blocks.pool.acquire_tail(2);
  EXPECT_EQ(a.block, b.block);
  EXPECT_EQ(blocks.pool.free_count(), 1u);
  EXPECT_EQ(blocks.pool.hole_units(), 1u);
  EXPECT_TRUE(blocks.pool.has_hole(1));
  EXPECT_FALSE(blocks.pool.has_hole(2));
  EXPECT_EQ(blocks.pool.address(b) - blocks.pool.address(a),
            (b.first - a.first) * blocks.pool.layout().granules_per_unit());
  EXPECT_TRUE(blocks.pool.extend_tail(a, 2));
  EXPECT_FALSE(blocks.pool.extend_tail(a, 3)) << "b lies behind it";
  blocks.pool.shrink_tail(b, 0);
  EXPECT_EQ(b.units, 0);
  EXPECT_TRUE(blocks.pool.extend_tail(a, 4)) << "a whole block now";
  EXPECT_EQ(blocks.pool.hole_units(), 0u);
  blocks.pool.check_integrity();
  blocks.pool.shrink_tail(a, 1);
  EXPECT_EQ(blocks.pool.hole_units(), 3u);
  blocks.pool.shrink_tail(a, 0);
  EXPECT_EQ(blocks.pool.free_count(), 2u);
  blocks.pool.check_integrity();
}

TEST(BlockPool, MisuseOfTailsIsCaught) {
  const test::ThrowingFatal fatal;
  test::Blocks blocks(2, 8, 2);
  Tail tail = *blocks.pool.acquire_tail(2);
  Tail wrong = {tail.block, tail.first, 3};
  EXPECT_THROW(blocks.pool.shrink_tail(wrong, 0), test::FatalError) << "a unit that is not held";
  EXPECT_THROW(blocks.pool.shrink_tail(tail, 3), test::FatalError);
  EXPECT_THROW((void)blocks.pool.acquire_tail(5), test::FatalError);
  EXPECT_THROW((void)blocks.pool.acquire_tail(0), test::FatalError);
  Tail whole = *blocks.pool.acquire_tail(4);
  blocks.pool.share(whole.block);
  EXPECT_THROW(blocks.pool.shrink_tail(whole, 2), test::FatalError) << "shared";
}

// Random tails against a map of units.
TEST(BlockPool, TailsAgreeWithANaiveModel) {
  Rng rng(test::seed("tails of a pool"));
  for (int round = 0; round < 20; ++round) {
    const int32_t per_block = int32_t(1) << rng.between(1, 4);
    test::Blocks blocks(int(rng.between(1, 8)), 16, 16 / per_block);
    std::vector<Tail> tails;
    for (int i = 0; i < 400; ++i) {
      const uint64_t action = rng.below(4);
      if (action == 0 || tails.empty()) {
        if (const auto tail = blocks.pool.acquire_tail(int32_t(rng.between(1, per_block)))) {
          tails.push_back(*tail);
        }
      } else {
        Tail& tail = tails[rng.below(tails.size())];
        const auto units = int32_t(rng.between(0, per_block));
        if (units > tail.units) {
          const bool can = blocks.pool.can_extend(tail, units);
          ASSERT_EQ(blocks.pool.extend_tail(tail, units), can);
        } else {
          blocks.pool.shrink_tail(tail, units);
        }
        if (tail.units == 0) {
          std::swap(tail, tails.back());
          tails.pop_back();
        }
      }
      std::set<std::pair<BlockId, int32_t>> taken;
      std::set<BlockId> used;
      for (const Tail& tail : tails) {
        used.insert(tail.block);
        for (int32_t u = 0; u < tail.units; ++u) {
          ASSERT_TRUE(taken.emplace(tail.block, tail.first + u).second) << "a unit held twice";
        }
      }
      ASSERT_EQ(blocks.pool.capacity() - blocks.pool.free_count(), used.size());
      ASSERT_EQ(blocks.pool.hole_units(), used.size() * size_t(per_block) - taken.size());
      blocks.pool.check_integrity();
    }
  }
}

TEST(BlockPool, MemoryComesFromASizeClassPoolUnderItsCap) {
  const BlockLayout layout = test::Blocks::layout(16);
  auto memory = Pool::create({.bytes_max = 4 << 20}).value();
  auto pool = BlockPool::create(*memory, layout, 100);
  ASSERT_TRUE(pool.ok()) << pool.status().to_string();
  EXPECT_EQ(pool->capacity(), 100u);
  EXPECT_TRUE(memory->owns(pool->bytes(99).data()));
  EXPECT_EQ(BlockPool::create(*memory, layout, 10'000).status().code(), Code::kExhausted);
}

TEST(BlockPool, WithoutMemoryItCounts) {
  BlockPool pool(test::Blocks::layout(4), 3);
  const BlockId a = *pool.acquire(), b = *pool.acquire();
  pool.copy(pool.address(a), pool.address(b), 2);
  EXPECT_EQ(pool.copies().size(), 1u);
  pool.run_copies();
  EXPECT_TRUE(pool.copies().empty());
  EXPECT_TRUE(pool.bytes(a).empty());
}

}  // namespace
}  // namespace llmos
