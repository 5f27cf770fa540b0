// SPDX-License-Identifier: Apache-2.0
// BlockPool hands out fixed-size KV blocks and counts who shares them.
//
//   BlockPool pool(device->allocate(bytes).value(), layout);
//   std::optional<BlockId> block = pool.acquire();
//   attention.cache = pool.layer(3);              // what kernels read and write
//   pool.release(*block);
//
// Words    A *block* holds the keys and values of `block_tokens` consecutive tokens, all layers of
//          one rank.
// Owner    The engine owns the pool, the pool owns the memory, holders own references.
// Threads  Every method belongs to the engine's thread; others read the numbers from observe/.
// Failure  `acquire` answers nullopt when nothing is free. It never evicts: who must leave is a
//          policy (kv/evict).
// Content  Not cleared between holders: a holder reads only what it wrote or was shared.
//
// Invariants, all checked by check_integrity():
//   (1) free_count() + number of blocks with a nonzero count == capacity()
//   (2) a block is on the free stack exactly when its count is zero
//   (3) no block is on the free stack twice
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "device/buffer.h"
#include "kv/block_layout.h"

namespace llmos {

using BlockId = int32_t;  // from 0 to capacity() - 1

class BlockPool {
 public:
  // Capacity: the whole blocks that fit into `memory`, at most 2^31 - 1.
  BlockPool(Buffer memory, const BlockLayout& layout);

  std::optional<BlockId> acquire();  // O(1); the count becomes 1
  void share(BlockId block);         // O(1); count + 1
  bool release(BlockId block);       // O(1); true when the block became free
  uint32_t reference_count(BlockId block) const;

  uint32_t capacity() const noexcept { return uint32_t(counts_.size()); }
  uint32_t free_count() const noexcept { return uint32_t(free_.size()); }
  const BlockLayout& layout() const noexcept { return layout_; }
  // One layer of all blocks: block b is block b of the view.
  kernels::KvLayer layer(int64_t index) const { return layout_.layer(memory_.data(), index); }

  void check_integrity() const;  // O(capacity); tests and idle time

 private:
  void check_held(BlockId block, const char* what) const;

  Buffer memory_;
  BlockLayout layout_;
  std::vector<uint32_t> counts_;  // [capacity]
  std::vector<BlockId> free_;     // a stack: the block used last is the one most likely in a cache
};

}  // namespace llmos
