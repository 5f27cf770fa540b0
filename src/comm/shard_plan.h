// SPDX-License-Identifier: Apache-2.0
// ShardPlan: which part of a model each rank holds. Pure arithmetic.
//
// Attention is divided by heads: queries, keys and values by rows, the output projection by
// columns. A feed-forward part is divided by its hidden elements: gate and up by rows, down by
// columns. Embedding and head are divided by words. What a rank computes of a part is a sum's part,
// which an all_reduce completes; norms and routers are everywhere.
//
//   heads     where there are as many key heads as ranks, each rank has some, with the query heads
//             that read them; where there are fewer, several ranks hold the same key head
//             (replicas) and divide its query heads
//   experts   by width, each rank a part of every expert: the work is even, whatever the router
//             does. By expert only where an expert is too narrow
//   blocks    a quantised matrix that is divided along its rows' elements is cut between blocks
//
// Parts differ in size by at most one unit (a key head, a block, kUnit elements).
#pragma once

#include <cstdint>
#include <vector>

#include "llmos/status.h"

namespace llmos {

// What a split needs to know of a model; 0 where it has no such part.
struct ShardShape {
  uint32_t heads = 0, kv_heads = 0, head_dim = 0;
  uint32_t ffn_dim = 0;
  uint32_t vocabulary = 0;
  uint32_t experts = 0, expert_dim = 0, shared_dim = 0;
  // Elements of a block of the matrices that are divided along their columns: attention's output,
  // the dense down, the experts' down, the shared down. 1: a plain type.
  uint32_t output_block = 1, ffn_block = 1, expert_block = 1, shared_block = 1;
};

struct ShardRange {
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t end() const { return first + count; }
  friend bool operator==(const ShardRange&, const ShardRange&) = default;
};

// What one rank holds.
struct Shard {
  int rank = 0;
  int ranks = 1;
  ShardRange heads, kv_heads;
  bool first_replica = true;  // no lower rank holds these key heads
  ShardRange ffn;             // hidden elements
  ShardRange vocabulary;      // words
  ShardRange experts;         // by expert: some; by width: all
  ShardRange expert_dim;      // by width: some hidden elements; by expert: all
  ShardRange shared;
};

// Rows that kernels compute together (kernels::kShareRows): where a plain matrix has enough of
// them, ranks are cut between them.
inline constexpr uint32_t kShardUnit = 32;
// Beyond it a rank would have less than a head of any model.
inline constexpr int kShardRanksMax = 1024;

// The shards of all ranks. kInvalid, with the reason and the numbers of ranks that work: a part
// that is too small, key heads that fit neither way, blocks in the way.
Result<std::vector<Shard>> plan_shards(const ShardShape& shape, int ranks);

}  // namespace llmos
