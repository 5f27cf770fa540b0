// SPDX-License-Identifier: Apache-2.0
// RankMessage: what rank 0 tells the other ranks of one step: the batch, the block tables as far as
// its tokens reach, and the copies of blocks that come before it. A decoded token of a short
// sequence fits into the one frame that is always sent; what is longer follows at once.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "comm/communicator.h"
#include "kv/block_pool.h"
#include "model/batch.h"
#include "model/workspace.h"

namespace llmos::engine {

// Threads  one.
// Memory   grows to the largest message and stays.
class RankMessage {
 public:
  // 16 sequences of 500 tokens each in blocks of 16, and the least that is worth two messages.
  static constexpr size_t kFrameBytes = 4096;

  // Rank 0: to all others, which wait in receive().
  Status send(Communicator& ranks, const Batch& batch, std::span<const BlockCopy> copies,
              int64_t block_tokens);
  // The others' receive() answers false.
  Status send_stop(Communicator& ranks);

  // Waits for as long as rank 0 has nothing to do. False: there will be no more steps.
  // Failure: the communicator's; kCorrupt for a message of another version, or that contradicts
  // itself or the limits.
  Result<bool> receive(Communicator& ranks, const BatchLimits& limits, int64_t block_tokens);
  // What was received, valid until the next receive().
  Batch batch() const { return {ids_, spans_, contexts_, rows_}; }
  std::span<const BlockCopy> copies() const { return copies_; }

 private:
  struct Header;
  struct SpanRecord {  // of a span, on its way
    int64_t tokens;
    int64_t position;
  };

  template <class T>
  void put(std::span<const T> items);
  template <class T>
  bool take(size_t& at, uint32_t count, std::vector<T>& into) const;
  Status broadcast(Communicator& ranks);
  bool unpack(const BatchLimits& limits, int64_t block_tokens);

  std::vector<std::byte> bytes_;
  std::vector<TokenId> ids_;
  std::vector<SpanRecord> records_;
  std::vector<kernels::AttentionSpan> spans_;
  std::vector<uint32_t> contexts_;
  std::vector<int32_t> rows_;
  std::vector<int32_t> blocks_;
  std::vector<BlockCopy> copies_;
};

}  // namespace llmos::engine
