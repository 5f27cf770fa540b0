// SPDX-License-Identifier: Apache-2.0
#include "kv/swapper.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/rng.h"
#include "blocks.h"
#include "faulty_file.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using namespace std::chrono_literals;

// A pool with blocks of 4 tokens, and a swapper over a file of `slots`.
struct Swap {
  test::Blocks blocks;
  VirtualClock clock;
  std::shared_ptr<test::FileContent> content = std::make_shared<test::FileContent>();
  Swapper swapper;

  explicit Swap(int capacity, uint64_t slots, int64_t tail_tokens = 0)
      : blocks(capacity, 4, tail_tokens), swapper(blocks.pool, tier(slots), clock) {}

  std::unique_ptr<Tier> tier(uint64_t slots) {
    const size_t bytes = blocks.pool.layout().block_bytes();
    const uint64_t stride =
        (bytes + FileTier::kHeaderBytes + FileTier::kAlignment - 1) / FileTier::kAlignment;
    return FileTier::create(
               std::make_unique<test::FaultyFile>(content),
               {.block_bytes = bytes, .bytes_max = slots * stride * FileTier::kAlignment})
        .value();
  }

  // Every row of every layer of a token gets a value of its own, from `seed`.
  void fill(const BlockTable& table, uint32_t seed) { each_row(table, seed, true); }
  // Tokens from the first on that hold what fill() wrote.
  int64_t intact(const BlockTable& table, uint32_t seed) { return each_row(table, seed, false); }
  void settle() { ASSERT_TRUE(swapper.wait_idle(20s)); }

 private:
  int64_t each_row(const BlockTable& table, uint32_t seed, bool write) {
    const BlockLayout& layout = blocks.pool.layout();
    for (int64_t t = 0; t < table.tokens(); ++t) {
      std::byte* const base = blocks.pool.place(table.blocks()[size_t(t / 4)]);
      for (int64_t part = 0; part < 2 * layout.shape().layers; ++part) {
        auto* row = reinterpret_cast<float*>(base + size_t(part) * layout.part_bytes()) +
                    t % 4 * layout.shape().head_dim;
        const auto value = float(seed * 1000 + uint32_t(t) * 10 + uint32_t(part));
        if (write) std::fill_n(row, layout.shape().head_dim, value);
        for (int64_t i = 0; i < layout.shape().head_dim; ++i) {
          if (row[i] != value) return t;
        }
      }
    }
    return table.tokens();
  }
};

BlockTable filled(Swap& swap, int64_t tokens, uint32_t seed) {
  BlockTable table(swap.blocks.pool, 100);
  EXPECT_TRUE(table.append(tokens));
  swap.blocks.pool.run_copies();
  swap.fill(table, seed);
  return table;
}

TEST(Swapper, ParksAndResumesToTheBit) {
  for (const int64_t tail_tokens : {0, 1, 2}) {
    Swap swap(8, 8, tail_tokens);
    BlockTable other(swap.blocks.pool, 100);
    ASSERT_TRUE(other.append(1));  // takes the first place, so that tails lie elsewhere
    BlockTable table = filled(swap, 18, 3);
    const uint32_t free = swap.blocks.pool.free_count();
    const std::optional<ParkId> id = swap.swapper.park(table);
    ASSERT_TRUE(id.has_value());
    EXPECT_EQ(table.tokens(), 0);
    swap.settle();
    EXPECT_EQ(swap.swapper.state(*id), ParkState::kParked);
    EXPECT_GT(swap.blocks.pool.free_count(), free + 3);
    BlockTable disturb = filled(swap, 20, 9);  // what was there is gone
    disturb.clear();
    BlockTable back(swap.blocks.pool, 100);
    ASSERT_TRUE(swap.swapper.resume(*id, back));
    swap.settle();
    ASSERT_EQ(swap.swapper.state(*id), ParkState::kReady);
    Resumed resumed = swap.swapper.take(*id);
    EXPECT_TRUE(resumed.status.ok());
    EXPECT_EQ(resumed.tokens_valid, 18);
    EXPECT_EQ(swap.intact(resumed.table, 3), 18);
    EXPECT_EQ(swap.swapper.free_slots(), 8u);
    swap.swapper.check_integrity();
    swap.blocks.pool.check_integrity();
  }
}

TEST(Swapper, KeptBlocksAreNotMoved) {
  Swap swap(8, 3);
  BlockTable table = filled(swap, 18, 3);
  BlockTable prefix(swap.blocks.pool, 100);
  const std::vector<BlockId> first = {table.block(0), table.block(1)};
  ASSERT_TRUE(prefix.adopt(first));
  const auto id = swap.swapper.park(table, 2);
  ASSERT_TRUE(id.has_value());
  swap.settle();
  EXPECT_EQ(swap.swapper.stats().bytes_out, 3 * swap.blocks.pool.layout().block_bytes());
  EXPECT_EQ(swap.swapper.keep_blocks(*id), 2);
  EXPECT_EQ(swap.swapper.tokens(*id), 18);
  BlockTable back(swap.blocks.pool, 100);
  ASSERT_TRUE(back.adopt(first));
  ASSERT_TRUE(swap.swapper.resume(*id, back));
  swap.settle();
  Resumed resumed = swap.swapper.take(*id);
  EXPECT_EQ(swap.intact(resumed.table, 3), 18);
}

TEST(Swapper, RefusesWhatHasNoRoom) {
  Swap swap(8, 2);
  BlockTable table = filled(swap, 12, 3);
  EXPECT_FALSE(swap.swapper.park(table).has_value());
  EXPECT_EQ(table.tokens(), 12) << "stays with the caller";
  EXPECT_EQ(swap.swapper.stats().parks_refused, 1u);
  table.truncate(8);
  const auto id = swap.swapper.park(table);
  ASSERT_TRUE(id.has_value());
  swap.settle();
  BlockTable all = filled(swap, 28, 4);
  BlockTable back(swap.blocks.pool, 100);
  EXPECT_FALSE(swap.swapper.resume(*id, back)) << "one block is free, two are needed";
  all.clear();
  EXPECT_TRUE(swap.swapper.resume(*id, back));
  swap.settle();
  EXPECT_EQ(swap.swapper.take(*id).tokens_valid, 8);
}

TEST(Swapper, AFullDiskDegradesToRecomputeForAWhile) {
  Swap swap(8, 8);
  swap.content->bytes_max = FileTier::kAlignment;
  BlockTable table = filled(swap, 16, 3);
  const auto id = swap.swapper.park(table);
  ASSERT_TRUE(id.has_value());
  swap.settle();
  EXPECT_EQ(swap.swapper.state(*id), ParkState::kLost);
  EXPECT_EQ(swap.blocks.pool.free_count(), 8u);
  EXPECT_EQ(swap.swapper.last_error().code(), Code::kExhausted);
  swap.swapper.drop(*id);
  EXPECT_EQ(swap.swapper.free_slots(), 8u);
  table = filled(swap, 16, 3);
  EXPECT_FALSE(swap.swapper.park(table).has_value());
  swap.content->bytes_max = UINT64_MAX;
  swap.clock.advance(Swapper::kRetryAfter + 1s);
  EXPECT_TRUE(swap.swapper.park(table).has_value());
  swap.settle();
  EXPECT_EQ(swap.swapper.stats().bytes_waiting, 0u);
  swap.swapper.check_integrity();
}

TEST(Swapper, AnUnreadableBlockEndsWhatIsValid) {
  for (const bool corrupt : {false, true}) {
    Swap swap(8, 8);
    BlockTable table = filled(swap, 18, 3);
    const auto id = swap.swapper.park(table);
    swap.settle();
    if (corrupt) {  // slots are taken from the first on, for blocks from the last
      for (size_t i = 2 * FileTier::kAlignment; i < 3 * FileTier::kAlignment; i += 64) {
        if (i < swap.content->bytes.size()) swap.content->bytes[i] ^= std::byte{1};
      }
    } else {
      swap.content->reads_left = 5;  // two reads a block
    }
    BlockTable back(swap.blocks.pool, 100);
    ASSERT_TRUE(swap.swapper.resume(*id, back));
    swap.settle();
    Resumed resumed = swap.swapper.take(*id);
    EXPECT_FALSE(resumed.status.ok());
    EXPECT_EQ(resumed.tokens_valid, 8);
    EXPECT_GE(swap.intact(resumed.table, 3), 8);
    EXPECT_GE(swap.swapper.stats().blocks_corrupt, 1u);
  }
}

TEST(Swapper, DroppedInEveryState) {
  Swap swap(8, 8);
  for (int when = 0; when < 4; ++when) {
    BlockTable table = filled(swap, 18, 3);
    const auto id = swap.swapper.park(table);
    ASSERT_TRUE(id.has_value());
    if (when >= 1) swap.settle();
    BlockTable back(swap.blocks.pool, 100);
    if (when >= 2) {
      ASSERT_TRUE(swap.swapper.resume(*id, back));
    }
    if (when >= 3) swap.settle();
    swap.swapper.drop(*id);
    swap.settle();
    EXPECT_EQ(swap.blocks.pool.free_count(), 8u) << when;
    EXPECT_EQ(swap.swapper.free_slots(), 8u) << when;
    EXPECT_EQ(swap.swapper.stats().bytes_waiting, 0u) << when;
    swap.swapper.check_integrity();
  }
}

TEST(Swapper, EndsWithJobsInFlight) {
  for (int i = 0; i < 20; ++i) {
    Swap swap(8, 8);
    BlockTable table = filled(swap, 32, 3);
    ASSERT_TRUE(swap.swapper.park(table).has_value());
  }
}

// Random parks, resumes, drops and faults: what comes back valid is what went out.
TEST(Swapper, AgreesWithANaiveModel) {
  Rng rng(test::seed("swapper"));
  for (int round = 0; round < 10; ++round) {
    Swap swap(100, 150, int64_t(rng.below(3)));
    std::map<ParkId, std::pair<uint32_t, int64_t>> parked;  // seed, tokens
    uint32_t next = 0;
    for (int i = 0; i < 300; ++i) {
      swap.clock.advance(1s);
      if (rng.bernoulli(0.05)) {
        const std::lock_guard lock(swap.content->mutex);
        swap.content->writes_left = rng.bernoulli(0.5) ? int64_t(rng.below(20)) : INT64_MAX;
        swap.content->reads_left = rng.bernoulli(0.3) ? int64_t(rng.below(20)) : INT64_MAX;
      }
      if (rng.bernoulli(0.6)) {
        BlockTable table(swap.blocks.pool, 100);
        const int64_t tokens = rng.between(1, 60);
        if (!table.append(tokens)) continue;
        swap.blocks.pool.run_copies();
        swap.fill(table, ++next);
        if (const auto id = swap.swapper.park(table)) parked[*id] = {next, tokens};
      }
      if (!parked.empty() && rng.bernoulli(0.6)) {
        const auto at = std::next(parked.begin(), int64_t(rng.below(parked.size())));
        const ParkState state = swap.swapper.state(at->first);
        BlockTable back(swap.blocks.pool, 100);
        if (rng.bernoulli(0.2) || state == ParkState::kLost) {
          swap.swapper.drop(at->first);
          parked.erase(at);
        } else if (state == ParkState::kParked) {
          swap.swapper.resume(at->first, back);
          swap.blocks.pool.run_copies();
        } else if (state == ParkState::kReady) {
          const Resumed resumed = swap.swapper.take(at->first);
          ASSERT_EQ(resumed.table.tokens(), at->second.second);
          ASSERT_EQ(resumed.status.ok(), resumed.tokens_valid == at->second.second);
          ASSERT_GE(swap.intact(resumed.table, at->second.first), resumed.tokens_valid);
          parked.erase(at);
        }
      }
      swap.swapper.poll();
      swap.swapper.check_integrity();
      swap.blocks.pool.check_integrity();
    }
    for (const auto& [id, content] : parked) swap.swapper.drop(id);
    swap.settle();
    ASSERT_EQ(swap.blocks.pool.free_count(), 100u);
    ASSERT_EQ(swap.swapper.free_slots(), 150u);
  }
}

}  // namespace
}  // namespace llmos
