// SPDX-License-Identifier: Apache-2.0
#include "kv/block_table.h"

#include <utility>

#include "base/check.h"

namespace llmos {

BlockTable::BlockTable(BlockPool& pool, int64_t tokens_max)
    : pool_(&pool), block_tokens_(pool.layout().shape().block_tokens), tokens_max_(tokens_max) {
  LLMOS_CHECK(tokens_max >= 0) << "tokens_max " << tokens_max;
  blocks_.reserve(size_t(blocks_for(tokens_max)));
}

BlockTable::BlockTable(BlockTable&& other) noexcept
    : pool_(other.pool_),
      block_tokens_(other.block_tokens_),
      tokens_max_(other.tokens_max_),
      tokens_(std::exchange(other.tokens_, 0)),
      blocks_(std::exchange(other.blocks_, {})) {}

BlockTable& BlockTable::operator=(BlockTable&& other) noexcept {
  if (this == &other) return *this;
  clear();
  pool_ = other.pool_;
  block_tokens_ = other.block_tokens_;
  tokens_max_ = other.tokens_max_;
  tokens_ = std::exchange(other.tokens_, 0);
  blocks_ = std::exchange(other.blocks_, {});
  return *this;
}

int64_t BlockTable::blocks_needed(int64_t count) const noexcept {
  return blocks_for(tokens_ + count) - int64_t(blocks_.size());
}

bool BlockTable::append(int64_t count) {
  LLMOS_CHECK(count >= 0) << "append of " << count << " tokens";
  if (count > tokens_max_ - tokens_) return false;
  const int64_t needed = blocks_needed(count);
  if (needed > int64_t(pool_->free_count())) return false;
  for (int64_t i = 0; i < needed; ++i) blocks_.push_back(*pool_->acquire());
  tokens_ += count;
  return true;
}

void BlockTable::truncate(int64_t tokens) {
  LLMOS_CHECK(tokens >= 0 && tokens <= tokens_) << "truncate to " << tokens << " of " << tokens_;
  for (const auto keep = size_t(blocks_for(tokens)); blocks_.size() > keep; blocks_.pop_back()) {
    pool_->release(blocks_.back());
  }
  tokens_ = tokens;
}

int64_t BlockTable::slot(int64_t position) const {
  LLMOS_DCHECK(position >= 0 && position < tokens_) << "token " << position << " of " << tokens_;
  return blocks_[size_t(position / block_tokens_)] * block_tokens_ + position % block_tokens_;
}

void BlockTable::slots(int64_t first, std::span<int64_t> slots) const {
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = slot(first + int64_t(i));
}

void BlockTable::check_integrity() const {
  LLMOS_CHECK(int64_t(blocks_.size()) == blocks_for(tokens_)) << blocks_.size() << " blocks";
  for (const BlockId block : blocks_) LLMOS_CHECK(pool_->reference_count(block) > 0) << block;
}

}  // namespace llmos
