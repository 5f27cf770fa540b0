// SPDX-License-Identifier: Apache-2.0
// SequenceRunner: one sequence over a loaded model, for the direct calls of Model.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "llmos/status.h"
#include "llmos/types.h"
#include "model/transformer.h"
#include "sync/function_ref.h"

namespace llmos {

// Owner    Model; the transformer and the pool outlive it.
// Threads  one at a time.
class SequenceRunner {
 public:
  // Hears the logits after ids[index] of the call to feed().
  using Take = FunctionRef<void(size_t index, std::span<const float> logits)>;

  SequenceRunner(Transformer& transformer, BlockPool& pool, uint32_t context);

  void reset() { table_.clear(); }
  size_t tokens() const noexcept { return size_t(table_.tokens()); }
  size_t context() const noexcept { return size_t(table_.tokens_max()); }

  // Computes `ids` behind what was fed before, in chunks, and hands out the logits of ids[first]
  // and all after it, in order. kInvalid: an id outside the vocabulary, or more tokens than the
  // context holds; then nothing was computed.
  Status feed(std::span<const TokenId> ids, size_t first, Take take);

 private:
  Status check(std::span<const TokenId> ids) const;
  Status step(std::span<const TokenId> ids, size_t index, bool wanted, Take take);

  Transformer& transformer_;
  BlockPool& pool_;
  BlockTable table_;
  std::vector<int32_t> rows_;  // whose logits are wanted, of a step
};

}  // namespace llmos
