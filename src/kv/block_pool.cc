// SPDX-License-Identifier: Apache-2.0
#include "kv/block_pool.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace llmos {

BlockPool::BlockPool(Buffer memory, const BlockLayout& layout)
    : memory_(std::move(memory)), layout_(layout) {
  const size_t capacity = std::min<size_t>(memory_.bytes() / layout_.block_bytes(),
                                           std::numeric_limits<BlockId>::max());
  counts_.resize(capacity, 0);
  free_.reserve(capacity);
  for (size_t i = capacity; i > 0; --i) free_.push_back(BlockId(i - 1));  // 0 is handed out first
}

std::optional<BlockId> BlockPool::acquire() {
  if (free_.empty()) return std::nullopt;
  const BlockId block = free_.back();
  free_.pop_back();
  counts_[size_t(block)] = 1;
  return block;
}

void BlockPool::share(BlockId block) {
  check_held(block, "share");
  LLMOS_CHECK(counts_[size_t(block)] < std::numeric_limits<uint32_t>::max());
  ++counts_[size_t(block)];
}

bool BlockPool::release(BlockId block) {
  check_held(block, "release");
  if (--counts_[size_t(block)] > 0) return false;
  free_.push_back(block);  // within the reserved capacity: no allocation
  return true;
}

uint32_t BlockPool::reference_count(BlockId block) const {
  LLMOS_CHECK(block >= 0 && size_t(block) < counts_.size()) << "block " << block;
  return counts_[size_t(block)];
}

void BlockPool::check_held(BlockId block, const char* what) const {
  LLMOS_CHECK(reference_count(block) > 0) << what << " of block " << block << ", which is free";
}

void BlockPool::check_integrity() const {
  std::vector<bool> on_stack(counts_.size(), false);
  for (const BlockId block : free_) {
    LLMOS_CHECK(block >= 0 && size_t(block) < counts_.size()) << "block " << block;
    LLMOS_CHECK(!on_stack[size_t(block)]) << "block " << block << " is on the free stack twice";
    on_stack[size_t(block)] = true;
  }
  for (size_t i = 0; i < counts_.size(); ++i) {
    LLMOS_CHECK(on_stack[i] == (counts_[i] == 0))
        << "block " << i << ": count " << counts_[i] << (on_stack[i] ? ", free" : ", not free");
  }
}

}  // namespace llmos
