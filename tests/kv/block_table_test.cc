// SPDX-License-Identifier: Apache-2.0
#include "kv/block_table.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "base/rng.h"
#include "blocks.h"
#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

TEST(BlockTable, TakesBlocksAsTokensCome) {
  test::Blocks blocks(4);
  BlockTable table(blocks.pool, 100);
  EXPECT_EQ(table.blocks_needed(0), 0);
  EXPECT_EQ(table.blocks_needed(5), 2);
  ASSERT_TRUE(table.append(3));
  EXPECT_EQ(table.blocks().size(), 1u);
  EXPECT_EQ(table.blocks_needed(1), 0);
  ASSERT_TRUE(table.append(2));
  EXPECT_EQ(table.blocks().size(), 2u);
  EXPECT_EQ(table.slot(4), table.blocks()[1] * 4);
  std::vector<int64_t> slots(5);
  table.slots(0, slots);
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(slots[size_t(i)], table.slot(i));
}

TEST(BlockTable, AppendIsAllOrNothing) {
  test::Blocks blocks(3);
  BlockTable first(blocks.pool, 100), second(blocks.pool, 6);
  ASSERT_TRUE(first.append(5));
  EXPECT_FALSE(first.append(8));
  EXPECT_EQ(first.tokens(), 5);
  EXPECT_EQ(blocks.pool.free_count(), 1u);
  EXPECT_FALSE(second.append(7)) << "beyond tokens_max";
  EXPECT_FALSE(second.append(6)) << "one block is left";
  EXPECT_TRUE(second.append(4));
  first.clear();
  EXPECT_TRUE(second.append(2));
  EXPECT_FALSE(second.append(std::numeric_limits<int64_t>::max()));
  second.check_integrity();
}

TEST(BlockTable, GivesItsBlocksBack) {
  test::Blocks blocks(3);
  {
    BlockTable table(blocks.pool, 12);
    ASSERT_TRUE(table.append(12));
    BlockTable moved(std::move(table));
    EXPECT_EQ(blocks.pool.free_count(), 0u);
    BlockTable other(blocks.pool, 12);
    other = std::move(moved);
    EXPECT_EQ(other.tokens(), 12);
    EXPECT_EQ(blocks.pool.free_count(), 0u);
  }
  EXPECT_EQ(blocks.pool.free_count(), 3u);
  blocks.pool.check_integrity();
}

TEST(BlockTable, MisuseIsCaught) {
  const test::ThrowingFatal fatal;
  test::Blocks blocks(3);
  BlockTable table(blocks.pool, 12);
  ASSERT_TRUE(table.append(2));
  EXPECT_THROW(table.truncate(3), test::FatalError);
  EXPECT_THROW(table.truncate(-1), test::FatalError);
  EXPECT_THROW((void)table.append(-1), test::FatalError);
}

// Several sequences grow and shrink; each is a vector of slots that must stay its own.
TEST(BlockTable, SequencesAgreeWithANaiveModel) {
  Rng rng(test::seed("block tables"));
  for (int round = 0; round < 20; ++round) {
    test::Blocks blocks(int(rng.between(1, 20)), rng.between(1, 7));
    std::vector<BlockTable> tables;
    std::vector<std::vector<int64_t>> slots(3);
    for (int i = 0; i < 3; ++i) tables.emplace_back(blocks.pool, 60);
    for (int i = 0; i < 300; ++i) {
      const size_t s = rng.below(3);
      BlockTable& table = tables[s];
      if (rng.bernoulli(0.6)) {
        const int64_t count = rng.between(0, 9);
        const bool fits = table.tokens() + count <= 60 &&
                          table.blocks_needed(count) <= int64_t(blocks.pool.free_count());
        ASSERT_EQ(table.append(count), fits);
        for (auto t = int64_t(slots[s].size()); t < table.tokens(); ++t) {
          slots[s].push_back(table.slot(t));
        }
      } else {
        table.truncate(rng.between(0, table.tokens()));
        slots[s].resize(size_t(table.tokens()));
      }
      std::set<int64_t> used;
      size_t held = 0;
      for (size_t k = 0; k < 3; ++k) {
        ASSERT_EQ(size_t(tables[k].tokens()), slots[k].size());
        for (size_t t = 0; t < slots[k].size(); ++t) {
          ASSERT_EQ(tables[k].slot(int64_t(t)), slots[k][t]) << "a token moved";
          ASSERT_TRUE(used.insert(slots[k][t]).second) << "two tokens in one slot";
        }
        held += tables[k].blocks().size();
        tables[k].check_integrity();
      }
      ASSERT_EQ(held + blocks.pool.free_count(), blocks.pool.capacity());
      blocks.pool.check_integrity();
    }
  }
}

}  // namespace
}  // namespace llmos
