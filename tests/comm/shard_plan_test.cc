// SPDX-License-Identifier: Apache-2.0
#include "comm/shard_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos::test {
namespace {

using testing::HasSubstr;

ShardShape llama() {
  ShardShape shape;
  shape.heads = 32;
  shape.kv_heads = 4;
  shape.head_dim = 64;
  shape.ffn_dim = 5632;
  shape.vocabulary = 32000;
  shape.output_block = shape.ffn_block = 32;
  return shape;
}

TEST(ShardPlan, TwoRanksHaveHalfOfEverything) {
  const auto shards = plan_shards(llama(), 2).value();
  ASSERT_EQ(shards.size(), 2);
  EXPECT_EQ(shards[0].heads, (ShardRange{0, 16}));
  EXPECT_EQ(shards[1].heads, (ShardRange{16, 16}));
  EXPECT_EQ(shards[1].kv_heads, (ShardRange{2, 2}));
  EXPECT_EQ(shards[1].ffn, (ShardRange{2816, 2816}));
  EXPECT_EQ(shards[1].vocabulary, (ShardRange{16000, 16000}));
  EXPECT_TRUE(shards[0].first_replica && shards[1].first_replica);
}

TEST(ShardPlan, OneRankHasAll) {
  const Shard only = plan_shards(llama(), 1).value().at(0);
  EXPECT_EQ(only.heads, (ShardRange{0, 32}));
  EXPECT_EQ(only.ffn, (ShardRange{0, 5632}));
  EXPECT_EQ(only.vocabulary, (ShardRange{0, 32000}));
}

TEST(ShardPlan, FewerKeyHeadsThanRanksAreHeldByReplicas) {
  const auto shards = plan_shards(llama(), 8).value();
  for (int r = 0; r < 8; ++r) {
    EXPECT_EQ(shards[size_t(r)].kv_heads, (ShardRange{uint64_t(r) / 2, 1}));
    EXPECT_EQ(shards[size_t(r)].heads, (ShardRange{uint64_t(r) * 4, 4}));
    EXPECT_EQ(shards[size_t(r)].first_replica, r % 2 == 0);
  }
}

TEST(ShardPlan, KeyHeadsThatDoNotDivideAreUneven) {
  ShardShape shape;
  shape.heads = shape.kv_heads = 3;
  shape.head_dim = 16;
  const auto shards = plan_shards(shape, 2).value();
  EXPECT_EQ(shards[0].heads, (ShardRange{0, 1}));
  EXPECT_EQ(shards[1].heads, (ShardRange{1, 2}));
}

TEST(ShardPlan, CutsQuantisedMatricesBetweenBlocks) {
  ShardShape shape = llama();
  shape.output_block = shape.ffn_block = 256;
  shape.ffn_dim = 5 * 256;
  const auto shards = plan_shards(shape, 2).value();
  EXPECT_EQ(shards[1].ffn, (ShardRange{512, 768}));
  shape.head_dim = 16;  // a key head's query heads have 128 elements: two of them are a block
  EXPECT_EQ(plan_shards(shape, 2).value()[1].kv_heads, (ShardRange{2, 2}));
  const Status refused = plan_shards(shape, 4).status();
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_THAT(refused.message(), HasSubstr("4 key heads of 128 elements in blocks of 256"));
  EXPECT_THAT(refused.message(), HasSubstr("this model can have 1, 2"));
}

TEST(ShardPlan, ExpertsAreDividedByWidthOrElseByNumber) {
  ShardShape shape = llama();
  shape.experts = 5;
  shape.expert_dim = 64;
  shape.expert_block = 32;
  auto shards = plan_shards(shape, 2).value();
  EXPECT_EQ(shards[1].experts, (ShardRange{0, 5}));
  EXPECT_EQ(shards[1].expert_dim, (ShardRange{32, 32}));
  shape.expert_dim = 32;
  shards = plan_shards(shape, 4).value();
  EXPECT_EQ(shards[3].experts, (ShardRange{3, 2}));
  EXPECT_EQ(shards[3].expert_dim, (ShardRange{0, 32}));
  shape.experts = 3;
  EXPECT_THAT(plan_shards(shape, 4).status().message(), HasSubstr("3 experts of 32"));
}

TEST(ShardPlan, RefusesWhatCannotBeDivided) {
  ShardShape shape = llama();
  EXPECT_THAT(plan_shards(shape, 6).status().message(), HasSubstr("4 key heads can neither"));
  EXPECT_THAT(plan_shards(shape, 64).status().message(), HasSubstr("8 query heads of each"));
  EXPECT_EQ(plan_shards(shape, 0).status().code(), Code::kInvalid);
  EXPECT_EQ(plan_shards(shape, kShardRanksMax + 1).status().code(), Code::kInvalid);
  shape.ffn_dim = 32;
  EXPECT_THAT(plan_shards(shape, 2).status().message(), HasSubstr("32 hidden elements"));
  shape = llama();
  shape.vocabulary = 3;
  EXPECT_THAT(plan_shards(shape, 4).status().message(), HasSubstr("3 words"));
}

// The ranks' ranges follow one another and end at `size`; none is empty, all begin at blocks.
void expect_tiles(const std::vector<Shard>& shards, ShardRange Shard::*range, uint64_t size,
                  uint64_t block) {
  uint64_t place = 0;
  for (const Shard& shard : shards) {
    const ShardRange& part = shard.*range;
    EXPECT_EQ(part.first, place);
    EXPECT_EQ(part.first % block, 0);
    EXPECT_EQ(part.count == 0, size == 0);
    place = part.end();
  }
  EXPECT_EQ(place, size);
}

void expect_attention(const ShardShape& shape, const std::vector<Shard>& shards) {
  const uint64_t group = shape.heads / shape.kv_heads;
  uint64_t place = 0;
  std::vector<int> owners(shape.kv_heads);
  for (const Shard& shard : shards) {
    EXPECT_EQ(shard.heads.first, place);
    EXPECT_GT(shard.heads.count, 0);
    EXPECT_EQ(shard.heads.first * shape.head_dim % shape.output_block, 0);
    place = shard.heads.end();
    // Kernels: local query head h reads local key head h / (heads / kv_heads).
    ASSERT_EQ(shard.heads.count % shard.kv_heads.count, 0);
    const uint64_t per = shard.heads.count / shard.kv_heads.count;
    for (uint64_t h = 0; h < shard.heads.count; ++h)
      EXPECT_EQ(shard.kv_heads.first + h / per, (shard.heads.first + h) / group);
    for (uint64_t k = shard.kv_heads.first; k < shard.kv_heads.end(); ++k)
      owners[k] += shard.first_replica;
  }
  EXPECT_EQ(place, shape.heads);
  for (const int count : owners) EXPECT_EQ(count, 1);
}

TEST(ShardPlan, EveryPlanCoversAllPartsOnceOnBlockBorders) {
  Rng rng(seed("shard plans"));
  const auto block = [&] { return std::vector<uint32_t>{1, 32, 256}[rng.below(3)]; };
  int made = 0;
  for (int round = 0; round < 3000; ++round) {
    ShardShape s;
    s.output_block = block();
    s.ffn_block = block();
    s.expert_block = block();
    s.shared_block = block();
    s.kv_heads = 1 + uint32_t(rng.below(12));
    s.head_dim = 8 * (1 + uint32_t(rng.below(16)));
    // Rows are whole blocks, as the files' are.
    do {
      s.heads = s.kv_heads * (1 + uint32_t(rng.below(40)));
    } while (s.heads * s.head_dim % s.output_block != 0 && s.heads < 200 && (s.output_block = 1));
    s.ffn_dim = uint32_t(rng.below(20)) * s.ffn_block;
    s.vocabulary = 1 + uint32_t(rng.below(1000));
    s.experts = uint32_t(rng.below(9));
    s.expert_dim = s.experts ? (1 + uint32_t(rng.below(9))) * s.expert_block : 0;
    s.shared_dim = uint32_t(rng.below(3)) * s.shared_block * 8;
    const int ranks = 1 + int(rng.below(9));
    const auto plan = plan_shards(s, ranks);
    if (!plan.ok()) {
      EXPECT_GT(ranks, 1) << plan.status().to_string();
      continue;
    }
    ++made;
    expect_attention(s, *plan);
    expect_tiles(*plan, &Shard::ffn, s.ffn_dim, s.ffn_block);
    expect_tiles(*plan, &Shard::vocabulary, s.vocabulary, 1);
    expect_tiles(*plan, &Shard::shared, s.shared_dim, s.shared_block);
    if (s.experts == 0) continue;
    if ((*plan)[0].experts.count == s.experts) {
      expect_tiles(*plan, &Shard::expert_dim, s.expert_dim, s.expert_block);
    } else {
      expect_tiles(*plan, &Shard::experts, s.experts, 1);
    }
  }
  EXPECT_GT(made, 500);
}

}  // namespace
}  // namespace llmos::test
