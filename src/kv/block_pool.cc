// SPDX-License-Identifier: Apache-2.0
#include "kv/block_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.h"

namespace llmos {
namespace {

// Blocks whose every granule has a BlockAddress.
size_t addressable(const BlockLayout& layout) {
  return size_t(std::numeric_limits<BlockAddress>::max()) / size_t(layout.granules_per_block());
}

// Bit u: `units` units from u on are all in `free`.
uint32_t runs(uint32_t free, int32_t units) {
  uint32_t starts = free;
  for (int32_t i = 1; i < units; ++i) starts &= free >> i;
  return starts;
}

int32_t longest_run(uint32_t free) {
  int32_t length = 0;
  for (; free != 0; ++length) free &= free >> 1;
  return length;
}

uint32_t unit_mask(int32_t first, int32_t units) { return ((uint32_t{1} << units) - 1) << first; }

}  // namespace

BlockPool::BlockPool(Buffer memory, const BlockLayout& layout)
    : buffer_(std::move(memory)), data_(buffer_.data()), layout_(layout) {
  start(std::min(buffer_.bytes() / layout_.block_bytes(), addressable(layout_)));
}

BlockPool::BlockPool(const BlockLayout& layout, uint32_t capacity) : layout_(layout) {
  LLMOS_CHECK(capacity <= addressable(layout)) << capacity << " blocks have no addresses";
  start(capacity);
}

BlockPool::BlockPool(std::unique_ptr<std::byte, PoolMemory> memory, const BlockLayout& layout,
                     uint32_t capacity)
    : pool_memory_(std::move(memory)), data_(pool_memory_.get()), layout_(layout) {
  start(capacity);
}

Result<BlockPool> BlockPool::create(Pool& pool, const BlockLayout& layout, uint32_t capacity) {
  if (capacity > addressable(layout) || capacity > SIZE_MAX / layout.block_bytes()) {
    return Status(Code::kInvalid, (Text() << "kv blocks: expected at most " << addressable(layout)
                                          << ", found " << capacity)
                                      .str());
  }
  const size_t bytes = capacity * layout.block_bytes();
  std::unique_ptr<std::byte, PoolMemory> memory(
      static_cast<std::byte*>(pool.allocate(bytes, BlockLayout::kPartAlignment)),
      PoolMemory{&pool});
  if (!memory) {
    return Status(Code::kExhausted,
                  (Text() << "kv blocks: " << bytes_text(bytes) << " for " << capacity
                          << " blocks do not fit into the memory budget; fewer, or a larger budget")
                      .str());
  }
  return BlockPool(std::move(memory), layout, capacity);
}

void BlockPool::start(size_t capacity) {
  counts_.resize(capacity, 0);
  free_.reserve(capacity);
  for (size_t i = capacity; i > 0; --i) free_.push_back(BlockId(i - 1));  // 0 is handed out first
  if (units_per_block() > 1) packed_.resize(capacity);
  holes_.fill(-1);
}

std::optional<Tail> BlockPool::acquire_tail(int32_t units) {
  LLMOS_CHECK(units > 0 && units <= int32_t(units_per_block())) << units << " units";
  const uint32_t fitting = hole_sizes_ & ~((uint32_t{1} << units) - 1);
  if (fitting == 0) {
    const std::optional<BlockId> block = acquire();
    if (!block) return std::nullopt;
    if (units < int32_t(units_per_block())) {
      packed_[size_t(*block)].taken = unit_mask(0, units);
      hole_units_ += units_per_block() - uint32_t(units);
      link(*block);
    }
    return Tail{*block, 0, units};
  }
  const BlockId block = holes_[size_t(std::countr_zero(fitting))];
  unlink(block);
  uint32_t& taken = packed_[size_t(block)].taken;
  // The last place that fits: a tail that began at the block's start may grow behind itself.
  const int32_t first = 31 - std::countl_zero(runs(~taken & all_units(), units));
  taken |= unit_mask(first, units);
  hole_units_ -= uint32_t(units);
  link(block);
  return Tail{block, first, units};
}

bool BlockPool::can_extend(const Tail& tail, int32_t units) const {
  check_tail(tail);
  if (units <= tail.units) return true;
  if (tail.first + units > int32_t(units_per_block())) return false;
  const uint32_t more = unit_mask(tail.first + tail.units, units - tail.units);
  return (packed_[size_t(tail.block)].taken & more) == 0;
}

bool BlockPool::extend_tail(Tail& tail, int32_t units) {
  if (!can_extend(tail, units)) return false;
  if (units <= tail.units) return true;
  uint32_t& taken = packed_[size_t(tail.block)].taken;
  unlink(tail.block);
  taken |= unit_mask(tail.first + tail.units, units - tail.units);
  hole_units_ -= uint32_t(units - tail.units);
  tail.units = units;
  if (tail.units == int32_t(units_per_block())) {
    taken = 0;  // no longer packed: a whole block
  } else {
    link(tail.block);
  }
  return true;
}

void BlockPool::shrink_tail(Tail& tail, int32_t units) {
  check_tail(tail);
  LLMOS_CHECK(units >= 0 && units <= tail.units) << units << " of " << tail.units << " units";
  if (units == tail.units) return;
  const bool whole = tail.units == int32_t(units_per_block());
  if (whole && units == 0) {
    release(tail.block);
  } else if (!whole || units > 0) {
    Packed& packed = packed_[size_t(tail.block)];
    if (whole) {
      LLMOS_CHECK(reference_count(tail.block) == 1) << "a shared block cannot be divided";
      packed.taken = all_units();
    } else {
      unlink(tail.block);
    }
    packed.taken &= ~unit_mask(tail.first + units, tail.units - units);
    hole_units_ += uint32_t(tail.units - units);
    if (packed.taken == 0) {
      hole_units_ -= units_per_block();
      release(tail.block);
    } else {
      link(tail.block);
    }
  }
  tail.units = units;
  if (units == 0) tail = Tail();
}

std::span<std::byte> BlockPool::bytes(BlockId block) const {
  LLMOS_CHECK(size_t(uint32_t(block)) < counts_.size()) << "block " << block;
  if (!data_) return {};
  return {data_ + size_t(block) * layout_.block_bytes(), layout_.block_bytes()};
}

void BlockPool::copy(BlockAddress from, BlockAddress to, int64_t tokens) {
  LLMOS_CHECK(tokens >= 0 && tokens <= layout_.shape().block_tokens) << tokens << " tokens";
  if (tokens > 0 && from != to) copies_.push_back({from, to, int32_t(tokens)});
}

void BlockPool::run_copies() {
  if (watcher_ && !copies_.empty()) watcher_(copies_);
  if (data_) {
    for (const BlockCopy& copy : copies_) {
      layout_.copy_rows(place(copy.from), place(copy.to), copy.tokens);
    }
  }
  copies_.clear();
}

void BlockPool::check_tail(const Tail& tail) const {
  check_held(tail.block, "change of a tail");
  const int32_t per_block = int32_t(units_per_block());
  LLMOS_CHECK(tail.first >= 0 && tail.units > 0 && tail.units <= per_block - tail.first);
  if (tail.units == per_block) return;
  const uint32_t units = unit_mask(tail.first, tail.units);
  LLMOS_CHECK((packed_[size_t(tail.block)].taken & units) == units)
      << "units of block " << tail.block << " that are not held";
}

void BlockPool::link(BlockId block) {
  Packed& packed = packed_[size_t(block)];
  const int32_t hole = longest_run(~packed.taken & all_units());
  packed.previous = -1;
  packed.next = holes_[size_t(hole)];
  if (packed.next >= 0) packed_[size_t(packed.next)].previous = block;
  holes_[size_t(hole)] = block;
  if (hole > 0) hole_sizes_ |= uint32_t{1} << hole;
}

void BlockPool::unlink(BlockId block) {
  const Packed& packed = packed_[size_t(block)];
  const int32_t hole = longest_run(~packed.taken & all_units());
  if (packed.previous >= 0) {
    packed_[size_t(packed.previous)].next = packed.next;
  } else {
    holes_[size_t(hole)] = packed.next;
    if (packed.next < 0) hole_sizes_ &= ~(uint32_t{1} << hole);
  }
  if (packed.next >= 0) packed_[size_t(packed.next)].previous = packed.previous;
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
  size_t listed = 0;
  uint64_t units = 0;
  for (size_t hole = 0; hole < holes_.size(); ++hole) {
    // As numbers: g++ 12 with both sanitizers miscompiles a comparison of the two as truth values.
    const uint32_t size_bit = hole == 0 ? 0 : uint32_t{1} << hole;
    const uint32_t expected = holes_[hole] < 0 ? 0 : size_bit;
    LLMOS_CHECK((hole_sizes_ & size_bit) == expected) << hole;
    BlockId previous = -1;
    for (BlockId b = holes_[hole]; b >= 0; previous = b, b = packed_[size_t(b)].next, ++listed) {
      const Packed& packed = packed_[size_t(b)];
      LLMOS_CHECK(packed.previous == previous && listed < packed_.size()) << "block " << b;
      const uint32_t free = ~packed.taken & all_units();
      LLMOS_CHECK(size_t(longest_run(free)) == hole) << "block " << b << " in list " << hole;
      units += uint64_t(std::popcount(free));
    }
  }
  LLMOS_CHECK(units == hole_units_) << units << " units in holes, counted " << hole_units_;
  for (size_t i = 0; i < packed_.size(); ++i) {
    const uint32_t taken = packed_[i].taken;
    listed -= taken != 0;
    LLMOS_CHECK(taken == 0 || counts_[i] == 1) << "packed block " << i;
  }
  LLMOS_CHECK(listed == 0) << "a packed block is in no list, or one that is not packed is";
}

}  // namespace llmos
