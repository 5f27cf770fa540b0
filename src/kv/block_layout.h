// SPDX-License-Identifier: Apache-2.0
// BlockLayout: what lies where in a block of the cache.
//
//   block   [layers][keys, values][kv_heads, block_tokens, head_dim]
//
// All layers have one shape. Each of a layer's two parts begins at a multiple of kPartAlignment.
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
  DType dtype = DType::kF16;  // F32, F16, BF16 or Q8_0
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

  // kInvalid: a size that is not positive, too large, or no whole number of the type's blocks;
  // kUnsupported: a type that the kernels cannot write.
  static Result<BlockLayout> create(const BlockShape& shape);

  const BlockShape& shape() const noexcept { return shape_; }
  size_t block_bytes() const noexcept { return size_t(shape_.layers) * 2 * part_bytes_; }
  size_t bytes_per_token() const noexcept {
    return size_t(shape_.layers) * 2 * size_t(shape_.kv_heads) * row_bytes_;
  }
  // One layer of the blocks that begin at `blocks`, as kernels take it.
  kernels::KvLayer layer(std::byte* blocks, int64_t index) const;

 private:
  BlockLayout(const BlockShape& shape, size_t row_bytes, size_t part_bytes)
      : shape_(shape), row_bytes_(row_bytes), part_bytes_(part_bytes) {}

  BlockShape shape_;
  size_t row_bytes_;   // one head's key of one token
  size_t part_bytes_;  // the keys of one layer, with the gap behind them
};

}  // namespace llmos
