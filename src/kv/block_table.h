// SPDX-License-Identifier: Apache-2.0
// BlockTable: the blocks of one sequence, in order. Token i of the sequence lies in block
// i / block_tokens, at place i % block_tokens.
//
//   BlockTable table(pool, /*tokens_max=*/4096);
//   if (!table.append(prompt.size())) ...               // no block is free: nothing changed
//   pool.run_copies();                                  // before the step that writes the tokens
//   kv_write.slots = ...table.slot(i)...
//   span.blocks = table.blocks().data();
//
// Sharing  Whole blocks may be shared with other tables and with the prefix tree (fork, adopt).
//          What is shared is never written: append() first moves the end of the sequence elsewhere,
//          by a copy of at most block_tokens - 1 tokens. Tails have one holder; fork() copies them.
// Tails    Where the pool divides blocks, the last block of the table is a tail, as long as its
//          tokens need. It grows where it lies, or moves (a copy) when something lies behind it.
// Owner    the sequence; it holds one reference to each block and gives it back when it goes.
// Threads  the engine's.
// Failure  append, fork and adopt answer false when the pool has too few free blocks or tokens_max
//          is reached, and have then taken nothing.
//
// Invariants
//   (1) blocks().size() == ceil(tokens() / block_tokens)
//   (2) each block of the table is held in the pool
//   (3) only the last block can be a tail, and a tail has room for its tokens
#pragma once

#include <cstdint>
#include <optional>
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
  // What kernels take.
  std::span<const BlockAddress> blocks() const noexcept { return blocks_; }
  // Free blocks that append(count) needs in the pool now; it may take one less.
  int64_t blocks_needed(int64_t count) const;

  // Room for `count` more tokens.
  [[nodiscard]] bool append(int64_t count);
  // Forgets all tokens from `tokens` on, and gives back the blocks that only they used.
  void truncate(int64_t tokens);
  void clear() { truncate(0); }

  // Shares whole blocks, in order, behind the whole blocks of this table. Precondition: tokens() is
  // a multiple of block_tokens.
  [[nodiscard]] bool adopt(std::span<const BlockId> blocks);
  // adopt() in another order: makes room for `blocks` whole ones, each of which set_shared() then
  // gives its block, once. Precondition: an empty table; tokens_max holds them.
  void extend(int64_t blocks);
  void set_shared(int64_t index, BlockId block);
  // Room for `count` tokens more, with the content of the block or tail at `from`: the part of a
  // block that another sequence shares up to there. Precondition as for adopt(); 0 < count <
  // block_tokens.
  [[nodiscard]] bool append_copy(BlockAddress from, int64_t count);
  // Another table with the same tokens: whole blocks shared, a part of a block copied.
  std::optional<BlockTable> fork() const;

  // Whole blocks: those that are full or not a part of one.
  int64_t full_blocks() const noexcept { return tokens_ / block_tokens_; }
  BlockId block(int64_t index) const { return pool_->block_at(blocks_[size_t(index)]); }
  // Puts another block with the same content in the place of a full one: the one that the prefix
  // tree holds already. Takes a reference to it, gives the old one's back.
  void replace(int64_t index, BlockId block);
  // Gives away the last block with the tokens in it (none when it is full, or shared): the table
  // forgets these tokens, and the caller holds the tail.
  std::optional<Tail> take_tail();

  // Where the keys and values of a token are: address * block_tokens + place. Precondition:
  // 0 <= position < tokens().
  int64_t slot(int64_t position) const;
  // The slots of slots.size() tokens from `first` on.
  void slots(int64_t first, std::span<int64_t> slots) const;

  BlockPool& pool() const noexcept { return *pool_; }
  void check_integrity() const;  // O(blocks)

 private:
  // How append() brings the table to `end` tokens.
  struct Growth {
    int32_t last_units = 0;  // what the block that is now the last must have; 0: it is full
    bool moves = false;      // which it cannot where it lies
    int64_t whole = 0;       // full blocks behind it
    int32_t tail_units = 0;  // and a tail behind those; 0: none
    int64_t blocks = 0;      // in all, from the pool's free blocks
  };

  int64_t blocks_for(int64_t tokens) const noexcept {
    return (tokens + block_tokens_ - 1) / block_tokens_;
  }
  int32_t units_for(int64_t place_end) const noexcept {
    return int32_t((place_end + unit_tokens_ - 1) / unit_tokens_);
  }
  Tail last() const;  // the last block, whole or not
  Growth growth(int64_t end) const;
  void take(int32_t units);
  void grow_last(const Growth& growth);

  BlockPool* pool_;
  int64_t block_tokens_;
  int64_t unit_tokens_;
  int64_t tokens_max_;
  int64_t tokens_ = 0;
  std::vector<BlockAddress> blocks_;
  Tail tail_;  // of blocks_.back(), when that is not a whole block
};

}  // namespace llmos
