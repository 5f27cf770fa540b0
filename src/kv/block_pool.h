// SPDX-License-Identifier: Apache-2.0
// BlockPool hands out fixed-size KV blocks, and parts of blocks for the ends of sequences, and
// counts who shares the whole ones.
//
//   BlockPool pool(device->allocate(bytes).value(), layout);
//   std::optional<BlockId> block = pool.acquire();
//   attention.cache = pool.layer(3);              // what kernels read and write
//   span.blocks = ... pool.address(*block) ...
//   pool.release(*block);
//
// Words    A *block* holds the keys and values of `block_tokens` consecutive tokens, all layers of
//          one rank. A *tail* is a run of *units* (tail_tokens tokens each) in one block: the
//          unfinished last block of one sequence. A *packed* block is divided among tails; a hole
//          is a run of free units in it. An *address* says where a block or tail begins, in the
//          layout's granules: kernels take a table of addresses and never learn which of them is a
//          tail, so that packing costs attention nothing.
// Owner    The engine owns the pool, the pool owns the memory, holders own references.
// Threads  Every method belongs to the engine's thread; others read the numbers from observe/.
// Failure  `acquire` and `acquire_tail` answer nullopt when nothing is free. They never evict: who
//          must leave is a policy (prefix_tree.h).
// Content  Not cleared between holders: a holder reads only what it wrote, was shared or copied.
// Copies   A copy is recorded, and done by run_copies(), which the engine calls when no step is in
//          flight and before it launches the next one: steps in flight keep what they read.
//
// Invariants, all checked by check_integrity():
//   (1) free_count() + number of blocks with a nonzero count == capacity()
//   (2) a block is on the free stack exactly when its count is zero
//   (3) no block is on the free stack twice
//   (4) a packed block has count 1, and some of its units are taken
//   (5) a packed block is in exactly the hole list of its longest hole
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/check.h"
#include "device/buffer.h"
#include "kv/block_layout.h"
#include "llmos/memory.h"

namespace llmos {

using BlockId = int32_t;       // from 0 to capacity() - 1
using BlockAddress = int32_t;  // what kernels take; equals the BlockId where blocks are not packed

// A run of units in a block. With all units of the block it is the whole block.
struct Tail {
  BlockId block = -1;
  int32_t first = 0;  // unit
  int32_t units = 0;  // 0: none
};

// Keys and values of `tokens` tokens, from the start of one block or tail to that of another.
struct BlockCopy {
  BlockAddress from = 0;
  BlockAddress to = 0;
  int32_t tokens = 0;
};

class BlockPool {
 public:
  // Capacity: the whole blocks that fit into `memory` and have addresses (2^31 granules).
  BlockPool(Buffer memory, const BlockLayout& layout);
  // No memory: for planning and simulation, which only count. layer() must not be called, copies
  // do nothing.
  BlockPool(const BlockLayout& layout, uint32_t capacity);
  // With memory for `capacity` blocks from a size-class pool, under its byte budget; the pool
  // outlives this one. kExhausted: the budget is too small for it; kInvalid: no addresses for it.
  static Result<BlockPool> create(Pool& pool, const BlockLayout& layout, uint32_t capacity);

  std::optional<BlockId> acquire();  // O(1); the count becomes 1
  void share(BlockId block);         // O(1); count + 1
  bool release(BlockId block);       // O(1); true when the block became free
  uint32_t reference_count(BlockId block) const;

  // A tail of 1 to units_per_block units: from the tightest hole, or else from a free block. O(1).
  // With units_per_block units it is acquire().
  std::optional<Tail> acquire_tail(int32_t units);
  // Whether the tail can have `units` where it lies: what follows it is free, or it has them.
  bool can_extend(const Tail& tail, int32_t units) const;
  // Makes it longer where it lies; false, and nothing changed, when it cannot.
  [[nodiscard]] bool extend_tail(Tail& tail, int32_t units);
  // Gives back all units but the first `units` (0: all, and `tail` is none after it).
  void shrink_tail(Tail& tail, int32_t units);
  // Whether acquire_tail(units) needs no free block.
  bool has_hole(int32_t units) const noexcept { return (hole_sizes_ >> units) != 0; }

  uint32_t capacity() const noexcept { return uint32_t(counts_.size()); }
  uint32_t free_count() const noexcept { return uint32_t(free_.size()); }
  uint32_t units_per_block() const noexcept { return layout_.units_per_block(); }
  // Units of packed blocks that nobody holds: waste, but for tails that will take them.
  uint64_t hole_units() const noexcept { return hole_units_; }
  const BlockLayout& layout() const noexcept { return layout_; }

  BlockAddress address(BlockId block) const noexcept {
    return block * layout_.granules_per_block();
  }
  BlockAddress address(const Tail& tail) const noexcept {
    return address(tail.block) + tail.first * layout_.granules_per_unit();
  }
  BlockId block_at(BlockAddress address) const noexcept {
    const int32_t granules = layout_.granules_per_block();
    return granules == 1 ? address : address / granules;  // a division costs as much as the rest
  }
  // One layer of all blocks, as kernels take it with a table of addresses.
  kernels::KvLayer layer(int64_t index) const { return layout_.layer(data_, index); }
  // Where a block or tail begins; null without memory.
  std::byte* place(BlockAddress address) const noexcept {
    return data_ ? data_ + size_t(address) * layout_.granule_bytes() : nullptr;
  }
  // The memory of one whole block, contiguous over all layers; empty without memory.
  std::span<std::byte> bytes(BlockId block) const;

  // Records a copy. Until run_copies() both ends must not be handed to anyone but kernels and
  // further copies; they may be released and acquired again, for copies run in order.
  void copy(BlockAddress from, BlockAddress to, int64_t tokens);
  std::span<const BlockCopy> copies() const noexcept { return copies_; }
  // Does what is recorded, in order, on the calling thread. Cheap when there is nothing.
  void run_copies();
  // Hears of copies before they are done: for other ranks' parts of the same blocks.
  using CopyWatcher = std::function<void(std::span<const BlockCopy>)>;
  void watch_copies(CopyWatcher watcher) { watcher_ = std::move(watcher); }

  void check_integrity() const;  // O(capacity); tests and idle time

 private:
  struct PoolMemory {
    Pool* pool;
    void operator()(std::byte* memory) const noexcept { pool->deallocate(memory); }
  };
  struct Packed {        // of a block that is divided among tails
    uint32_t taken = 0;  // a bit for each unit
    BlockId previous = -1, next = -1;
  };

  BlockPool(std::unique_ptr<std::byte, PoolMemory> memory, const BlockLayout& layout,
            uint32_t capacity);
  void start(size_t capacity);
  void check_held(BlockId block, const char* what) const;
  void check_tail(const Tail& tail) const;
  void link(BlockId block);
  void unlink(BlockId block);
  uint32_t all_units() const noexcept { return (uint32_t{1} << units_per_block()) - 1; }

  Buffer buffer_;
  std::unique_ptr<std::byte, PoolMemory> pool_memory_;
  std::byte* data_ = nullptr;
  BlockLayout layout_;
  std::vector<uint32_t> counts_;  // [capacity]
  std::vector<BlockId> free_;     // a stack: the block used last is the one most likely in a cache
  std::vector<Packed> packed_;    // [capacity], or empty where blocks are not packed
  // First packed block whose longest hole is this many units; [0]: blocks without a hole.
  std::array<BlockId, BlockLayout::kUnitsMax + 1> holes_;
  uint32_t hole_sizes_ = 0;  // bit u: holes_[u] is not empty
  uint64_t hole_units_ = 0;
  std::vector<BlockCopy> copies_;
  CopyWatcher watcher_;
};

// In the header because a step calls them for every block of every sequence: a nanosecond each.

inline std::optional<BlockId> BlockPool::acquire() {
  if (free_.empty()) return std::nullopt;
  const BlockId block = free_.back();
  free_.pop_back();
  counts_[size_t(block)] = 1;
  return block;
}

inline void BlockPool::share(BlockId block) {
  check_held(block, "share");
  LLMOS_CHECK(counts_[size_t(block)] < std::numeric_limits<uint32_t>::max());
  ++counts_[size_t(block)];
}

inline bool BlockPool::release(BlockId block) {
  check_held(block, "release");
  if (--counts_[size_t(block)] > 0) return false;
  free_.push_back(block);  // within the reserved capacity: no allocation
  return true;
}

inline uint32_t BlockPool::reference_count(BlockId block) const {
  LLMOS_CHECK(size_t(uint32_t(block)) < counts_.size()) << "block " << block;
  return counts_[size_t(block)];
}

inline void BlockPool::check_held(BlockId block, const char* what) const {
  LLMOS_CHECK(reference_count(block) > 0) << what << " of block " << block << ", which is free";
}

}  // namespace llmos
