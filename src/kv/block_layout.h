// SPDX-License-Identifier: Apache-2.0
// BlockLayout: what lies where in a block of the cache.
//
//   block   [layers][keys, values][kv_heads, block_tokens, head_dim]
//
// All layers have one shape. Each of a layer's two parts begins at a multiple of kPartAlignment.
//
// Tails    The last block of a sequence is rarely full. With tail_tokens below block_tokens, blocks
//          can be divided among the ends of several sequences, in units of tail_tokens: a tail
//          that begins at unit u is what a block would be that began u * tail_tokens rows later,
//          for rows of one head are consecutive. Kernels find a block at its address times
//          KvLayer::block_bytes; so addresses count *granules*, the largest step that meets both
//          every block and every unit, and a tail is to them a block like any other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"
#include "llmos/status.h"
#include "tensor/dtype.h"

namespace llmos {

struct BlockShape {
  int64_t layers = 0;
  int64_t kv_heads = 0;       // of this rank
  int64_t head_dim = 0;       // at most kernels::kHeadDimMax
  int64_t block_tokens = 0;   // tokens whose keys and values a block holds
  int64_t tail_tokens = 0;    // of a tail's unit; divides block_tokens; 0: blocks are not divided
  DType dtype = DType::kF16;  // F32, F16, BF16 or Q8_0

  friend bool operator==(const BlockShape&, const BlockShape&) = default;
};

// A value; immutable.
class BlockLayout {
 public:
  // A cache line, and the widest vector.
  static constexpr size_t kPartAlignment = 64;
  // Blocks beyond this are a mistake of units: 1 GiB holds 2,048 tokens of the largest models.
  static constexpr uint64_t kBlockBytesMax = uint64_t{1} << 30;
  // 16 is usual; a larger block wastes memory at each sequence's end.
  static constexpr int64_t kBlockTokensMax = 1024;
  // Units in a block: a set of them is half a word, and 16 tokens divide down to single ones.
  static constexpr uint32_t kUnitsMax = 16;

  // kInvalid: a size that is not positive, too large, or no whole number of the type's blocks;
  // kUnsupported: a type that the kernels cannot write.
  static Result<BlockLayout> create(const BlockShape& shape);

  const BlockShape& shape() const noexcept { return shape_; }
  size_t block_bytes() const noexcept { return size_t(shape_.layers) * 2 * part_bytes_; }
  size_t bytes_per_token() const noexcept {
    return size_t(shape_.layers) * 2 * size_t(shape_.kv_heads) * row_bytes_;
  }
  // 1 where blocks are not divided.
  uint32_t units_per_block() const noexcept { return units_per_block_; }
  int64_t unit_tokens() const noexcept { return shape_.block_tokens / units_per_block_; }
  size_t granule_bytes() const noexcept { return granule_bytes_; }
  int32_t granules_per_block() const noexcept { return granules_per_block_; }
  int32_t granules_per_unit() const noexcept { return granules_per_unit_; }
  size_t row_bytes_of_head() const noexcept { return row_bytes_; }
  // Bytes between a part of a layer (keys, values) and the next.
  size_t part_bytes() const noexcept { return part_bytes_; }
  // One layer of the blocks that begin at `blocks`, as kernels take it.
  kernels::KvLayer layer(std::byte* blocks, int64_t index) const;
  // Copies the first `tokens` tokens' keys and values of all layers from one block or tail to
  // another; they do not overlap.
  void copy_rows(const std::byte* from, std::byte* to, int64_t tokens) const;

 private:
  BlockLayout(const BlockShape& shape, size_t row_bytes, size_t part_bytes);

  BlockShape shape_;
  size_t row_bytes_;   // one head's key of one token
  size_t part_bytes_;  // the keys of one layer, with the gap behind them
  uint32_t units_per_block_ = 1;
  size_t granule_bytes_;
  int32_t granules_per_block_ = 1;
  int32_t granules_per_unit_ = 1;
};

}  // namespace llmos
