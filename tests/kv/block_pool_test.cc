// SPDX-License-Identifier: Apache-2.0
#include "kv/block_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

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

}  // namespace
}  // namespace llmos
