// SPDX-License-Identifier: Apache-2.0
// BlockTable: the blocks of one sequence, in order. Token i of the sequence lies in block
// i / block_tokens, at place i % block_tokens.
//
//   BlockTable table(pool, /*tokens_max=*/4096);
//   if (!table.append(prompt.size())) ...               // no block is free: nothing changed
//   kv_write.slots = ...table.slot(i)...
//   span.blocks = table.blocks().data();
//
// Owner    the sequence; it holds one reference to each block and gives it back when it goes.
// Threads  the engine's.
// Failure  append answers false when the pool has too few free blocks or tokens_max is reached, and
//          has then taken nothing.
//
// Invariants
//   (1) blocks().size() == ceil(tokens() / block_tokens)
//   (2) each block of the table is held in the pool
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kv/block_pool.h"

namespace llmos {

class BlockTable {
 public:
  // Room for `tokens_max` is made at once, so that no later call allocates. The pool outlives the
  // table.
  BlockTable(BlockPool& pool, int64_t tokens_max);
  ~BlockTable() { clear(); }
  BlockTable(BlockTable&& other) noexcept;
  BlockTable& operator=(BlockTable&& other) noexcept;

  int64_t tokens() const noexcept { return tokens_; }
  int64_t tokens_max() const noexcept { return tokens_max_; }
  std::span<const BlockId> blocks() const noexcept { return blocks_; }
  // Blocks that append(count) would take from the pool.
  int64_t blocks_needed(int64_t count) const noexcept;

  // Room for `count` more tokens.
  [[nodiscard]] bool append(int64_t count);
  // Forgets all tokens from `tokens` on, and gives back the blocks that only they used.
  void truncate(int64_t tokens);
  void clear() { truncate(0); }

  // Where the keys and values of a token are: block * block_tokens + place. Precondition:
  // 0 <= position < tokens().
  int64_t slot(int64_t position) const;
  // The slots of slots.size() tokens from `first` on.
  void slots(int64_t first, std::span<int64_t> slots) const;

  void check_integrity() const;  // O(blocks)

 private:
  int64_t blocks_for(int64_t tokens) const noexcept {
    return (tokens + block_tokens_ - 1) / block_tokens_;
  }

  BlockPool* pool_;
  int64_t block_tokens_;
  int64_t tokens_max_;
  int64_t tokens_ = 0;
  std::vector<BlockId> blocks_;
};

}  // namespace llmos
