// SPDX-License-Identifier: Apache-2.0
// A pool of blocks for tests.
#pragma once

#include "device/buffer.h"
#include "kv/block_pool.h"

namespace llmos::test {

struct Blocks {
  ByteBudget budget{uint64_t{64} << 20};
  BlockPool pool;

  explicit Blocks(int capacity, int64_t block_tokens = 4, int64_t tail_tokens = 0)
      : pool(memory(capacity, layout(block_tokens, tail_tokens)),
             layout(block_tokens, tail_tokens)) {}

  static BlockLayout layout(int64_t block_tokens, int64_t tail_tokens = 0) {
    return BlockLayout::create({.layers = 2,
                                .kv_heads = 1,
                                .head_dim = 8,
                                .block_tokens = block_tokens,
                                .tail_tokens = tail_tokens,
                                .dtype = DType::kF32})
        .value();
  }

 private:
  Buffer memory(int capacity, const BlockLayout& layout) {
    return Buffer::create(budget, size_t(capacity) * layout.block_bytes()).value();
  }
};

}  // namespace llmos::test
