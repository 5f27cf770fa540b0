// SPDX-License-Identifier: Apache-2.0
#include "kv/block_table.h"

#include <gtest/gtest.h>

#include <optional>
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

TEST(BlockTable, AForkSharesWholeBlocksAndCopiesTheRest) {
  test::Blocks blocks(8);
  BlockTable table(blocks.pool, 100);
  ASSERT_TRUE(table.append(10));
  std::optional<BlockTable> fork = table.fork();
  ASSERT_TRUE(fork.has_value());
  EXPECT_EQ(fork->tokens(), 10);
  EXPECT_EQ(fork->block(1), table.block(1));
  EXPECT_NE(fork->block(2), table.block(2));
  ASSERT_EQ(blocks.pool.copies().size(), 1u);
  EXPECT_EQ(blocks.pool.copies()[0].tokens, 2);
  EXPECT_EQ(blocks.pool.free_count(), 4u);
  table.clear();
  EXPECT_EQ(blocks.pool.free_count(), 5u);
  BlockTable filler(blocks.pool, 100);
  ASSERT_TRUE(filler.append(20));
  EXPECT_FALSE(fork->fork().has_value()) << "no block for the rest";
  EXPECT_EQ(blocks.pool.reference_count(fork->block(0)), 1u);
}

TEST(BlockTable, ASharedBlockIsCopiedBeforeItIsWritten) {
  test::Blocks blocks(8);
  BlockTable table(blocks.pool, 100);
  ASSERT_TRUE(table.append(8));
  BlockTable fork = *table.fork();
  table.truncate(6);
  EXPECT_EQ(table.blocks_needed(1), 1);
  const BlockId shared = table.block(1);
  ASSERT_TRUE(table.append(1));
  EXPECT_NE(table.block(1), shared);
  EXPECT_EQ(fork.block(1), shared);
  ASSERT_EQ(blocks.pool.copies().size(), 1u);
  EXPECT_EQ(blocks.pool.copies()[0].tokens, 2);
}

TEST(BlockTable, ItsEndCanBeGivenAway) {
  test::Blocks blocks(8, 8, 2);
  BlockTable table(blocks.pool, 100);
  ASSERT_TRUE(table.append(11));
  std::optional<Tail> tail = table.take_tail();
  ASSERT_TRUE(tail.has_value());
  EXPECT_EQ(tail->units, 2);
  EXPECT_EQ(table.tokens(), 8);
  EXPECT_FALSE(table.take_tail().has_value()) << "it ends in a full block";
  blocks.pool.shrink_tail(*tail, 0);
  table.clear();
  EXPECT_EQ(blocks.pool.free_count(), 8u);
}

// Sequences that grow, shrink, fork and end, with real memory: each token must keep what was
// written for it, whatever moves.
TEST(BlockTable, ContentSurvivesTailsForksAndTruncation) {
  Rng rng(test::seed("content of tables"));
  for (int round = 0; round < 30; ++round) {
    const int64_t block_tokens = 8, tail_tokens = int64_t(rng.below(3));
    test::Blocks blocks(int(rng.between(4, 24)), block_tokens, tail_tokens);
    struct Sequence {
      BlockTable table;
      std::vector<float> values;
    };
    std::vector<Sequence> sequences;
    float next = 0;
    const auto row = [&](const BlockTable& table, int64_t t) {
      return reinterpret_cast<float*>(blocks.pool.place(table.blocks()[size_t(t / block_tokens)])) +
             t % block_tokens * 8;
    };
    for (int i = 0; i < 300; ++i) {
      const uint64_t action = rng.below(8);
      if (sequences.empty() || action == 0) {
        sequences.push_back({BlockTable(blocks.pool, 60), {}});
      }
      Sequence& sequence = sequences[rng.below(sequences.size())];
      if (action < 5) {
        const int64_t count = rng.between(1, 9), before = sequence.table.tokens();
        const bool fits = before + count <= 60 &&
                          sequence.table.blocks_needed(count) <= int64_t(blocks.pool.free_count());
        ASSERT_EQ(sequence.table.append(count), fits);
        blocks.pool.run_copies();
        for (int64_t t = before; t < sequence.table.tokens(); ++t) {
          sequence.values.push_back(++next);
          *row(sequence.table, t) = next;
        }
      } else if (action == 5) {
        sequence.table.truncate(rng.between(0, sequence.table.tokens()));
        sequence.values.resize(size_t(sequence.table.tokens()));
      } else if (action == 6) {
        std::optional<BlockTable> fork = sequence.table.fork();
        blocks.pool.run_copies();
        if (fork) sequences.push_back({*std::move(fork), sequence.values});
      } else {
        std::swap(sequence, sequences.back());
        sequences.pop_back();
      }
      for (const Sequence& s : sequences) {
        s.table.check_integrity();
        for (int64_t t = 0; t < s.table.tokens(); ++t) {
          ASSERT_EQ(*row(s.table, t), s.values[size_t(t)]) << "token " << t;
        }
      }
      blocks.pool.check_integrity();
    }
    sequences.clear();
    ASSERT_EQ(blocks.pool.free_count(), blocks.pool.capacity());
    ASSERT_EQ(blocks.pool.hole_units(), 0u);
  }
}

}  // namespace
}  // namespace llmos
