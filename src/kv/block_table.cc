// SPDX-License-Identifier: Apache-2.0
#include "kv/block_table.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace llmos {

BlockTable::BlockTable(BlockPool& pool, int64_t tokens_max)
    : pool_(&pool),
      block_tokens_(pool.layout().shape().block_tokens),
      unit_tokens_(pool.layout().unit_tokens()),
      tokens_max_(tokens_max) {
  LLMOS_CHECK(tokens_max >= 0) << "tokens_max " << tokens_max;
  blocks_.reserve(size_t(blocks_for(tokens_max)));
}

BlockTable::BlockTable(BlockTable&& other) noexcept
    : pool_(other.pool_),
      block_tokens_(other.block_tokens_),
      unit_tokens_(other.unit_tokens_),
      tokens_max_(other.tokens_max_),
      tokens_(std::exchange(other.tokens_, 0)),
      blocks_(std::exchange(other.blocks_, {})),
      tail_(std::exchange(other.tail_, {})) {}

BlockTable& BlockTable::operator=(BlockTable&& other) noexcept {
  if (this == &other) return *this;
  clear();
  pool_ = other.pool_;
  block_tokens_ = other.block_tokens_;
  unit_tokens_ = other.unit_tokens_;
  tokens_max_ = other.tokens_max_;
  tokens_ = std::exchange(other.tokens_, 0);
  blocks_ = std::exchange(other.blocks_, {});
  tail_ = std::exchange(other.tail_, {});
  return *this;
}

Tail BlockTable::last() const {
  if (tail_.units > 0) return tail_;
  return {pool_->block_at(blocks_.back()), 0, int32_t(pool_->units_per_block())};
}

BlockTable::Growth BlockTable::growth(int64_t end) const {
  Growth growth;
  const auto has = int64_t(blocks_.size());
  const auto per_block = int32_t(pool_->units_per_block());
  const auto new_blocks = [&](int32_t units, bool holes_stay) {
    const bool in_hole = units < per_block && holes_stay && pool_->has_hole(units);
    return int64_t(units > 0 && !in_hole);
  };
  bool holes_stay = true;  // false: growing the last block may fill the hole that is counted on
  if (end > tokens_ && tokens_ < has * block_tokens_) {
    growth.last_units = units_for(std::min(end, has * block_tokens_) - (has - 1) * block_tokens_);
    const Tail now = last();
    const bool shared = now.units == per_block && pool_->reference_count(now.block) > 1;
    growth.moves = shared || !pool_->can_extend(now, growth.last_units);
    if (growth.moves) growth.blocks += new_blocks(growth.last_units, true);
    holes_stay = growth.moves || growth.last_units <= now.units;
  }
  if (end > has * block_tokens_) {
    growth.whole = end / block_tokens_ - has;
    growth.tail_units = units_for(end % block_tokens_);
    growth.blocks += growth.whole + new_blocks(growth.tail_units, holes_stay);
  }
  return growth;
}

int64_t BlockTable::blocks_needed(int64_t count) const { return growth(tokens_ + count).blocks; }

bool BlockTable::append(int64_t count) {
  LLMOS_CHECK(count >= 0) << "append of " << count << " tokens";
  if (count > tokens_max_ - tokens_) return false;
  const Growth growth = this->growth(tokens_ + count);
  if (growth.blocks > int64_t(pool_->free_count())) return false;
  if (growth.last_units > 0) grow_last(growth);
  for (int64_t i = 0; i < growth.whole; ++i) {
    blocks_.push_back(pool_->address(*pool_->acquire()));
  }
  if (growth.tail_units > 0) take(growth.tail_units);
  tokens_ += count;
  return true;
}

// One more block. It is there: growth() counted it.
void BlockTable::take(int32_t units) {
  tail_ = *pool_->acquire_tail(units);
  blocks_.push_back(pool_->address(tail_));
  if (units == int32_t(pool_->units_per_block())) tail_ = Tail();
}

void BlockTable::grow_last(const Growth& growth) {
  if (!growth.moves) {
    if (tail_.units == 0) return;
    LLMOS_CHECK(pool_->extend_tail(tail_, growth.last_units));
    if (tail_.units == int32_t(pool_->units_per_block())) tail_ = Tail();
    return;
  }
  Tail before = last();
  const BlockAddress from = blocks_.back();
  blocks_.pop_back();
  take(growth.last_units);  // before the old place is given back: never the same one
  pool_->copy(from, blocks_.back(), tokens_ % block_tokens_);
  pool_->shrink_tail(before, 0);
}

void BlockTable::truncate(int64_t tokens) {
  LLMOS_CHECK(tokens >= 0 && tokens <= tokens_) << "truncate to " << tokens << " of " << tokens_;
  for (const auto keep = size_t(blocks_for(tokens)); blocks_.size() > keep; blocks_.pop_back()) {
    if (tail_.units > 0) {
      pool_->shrink_tail(tail_, 0);
    } else {
      pool_->release(pool_->block_at(blocks_.back()));
    }
  }
  tokens_ = tokens;
  if (tokens % block_tokens_ == 0 || pool_->units_per_block() == 1) return;
  // What is left of the last block gives its other units back, unless it is shared.
  Tail end = last();
  if (tail_.units == 0 && pool_->reference_count(end.block) > 1) return;
  pool_->shrink_tail(end, std::min(end.units, units_for(tokens % block_tokens_)));
  tail_ = end.units == int32_t(pool_->units_per_block()) ? Tail() : end;
}

bool BlockTable::adopt(std::span<const BlockId> blocks) {
  LLMOS_CHECK(tokens_ % block_tokens_ == 0) << "adopt behind " << tokens_ << " tokens";
  const int64_t count = int64_t(blocks.size()) * block_tokens_;
  if (count > tokens_max_ - tokens_) return false;
  for (const BlockId block : blocks) {
    pool_->share(block);
    blocks_.push_back(pool_->address(block));
  }
  tokens_ += count;
  return true;
}

void BlockTable::extend(int64_t blocks) {
  LLMOS_CHECK(tokens_ == 0 && blocks >= 0 && blocks <= tokens_max_ / block_tokens_)
      << blocks << " blocks behind " << tokens_ << " tokens";
  blocks_.resize(size_t(blocks), -1);
  tokens_ = blocks * block_tokens_;
}

void BlockTable::set_shared(int64_t index, BlockId block) {
  LLMOS_CHECK(index >= 0 && index < full_blocks() && blocks_[size_t(index)] < 0) << index;
  pool_->share(block);
  blocks_[size_t(index)] = pool_->address(block);
}

bool BlockTable::append_copy(BlockAddress from, int64_t count) {
  LLMOS_CHECK(tokens_ % block_tokens_ == 0 && count > 0 && count < block_tokens_)
      << count << " copied tokens behind " << tokens_;
  if (!append(count)) return false;
  pool_->copy(from, blocks_.back(), count);
  return true;
}

std::optional<BlockTable> BlockTable::fork() const {
  BlockTable other(*pool_, tokens_max_);
  for (int64_t i = 0; i < full_blocks(); ++i) {
    pool_->share(block(i));
    other.blocks_.push_back(blocks_[size_t(i)]);
  }
  other.tokens_ = full_blocks() * block_tokens_;
  const int64_t rest = tokens_ - other.tokens_;
  if (rest > 0 && !other.append_copy(blocks_.back(), rest)) return std::nullopt;
  return other;
}

void BlockTable::replace(int64_t index, BlockId block) {
  LLMOS_CHECK(index >= 0 && index < full_blocks()) << "block " << index << " is not full";
  pool_->share(block);
  pool_->release(this->block(index));
  blocks_[size_t(index)] = pool_->address(block);
}

std::optional<Tail> BlockTable::take_tail() {
  if (tokens_ % block_tokens_ == 0) return std::nullopt;
  const Tail end = last();
  if (tail_.units == 0 && pool_->reference_count(end.block) > 1) return std::nullopt;
  blocks_.pop_back();
  tail_ = Tail();
  tokens_ = full_blocks() * block_tokens_;
  return end;
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
  for (const BlockAddress address : blocks_) {
    LLMOS_CHECK(pool_->reference_count(pool_->block_at(address)) > 0) << address;
  }
  if (tail_.units == 0) return;
  LLMOS_CHECK(!blocks_.empty() && pool_->address(tail_) == blocks_.back());
  LLMOS_CHECK(tail_.units >= units_for(tokens_ % block_tokens_)) << tail_.units << " units";
}

}  // namespace llmos
