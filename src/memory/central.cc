// SPDX-License-Identifier: Apache-2.0
#include "memory/central.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace llmos::memory {

namespace {

// What one thread may keep of one class: enough for 64 blocks of 2 MiB, which is what a burst of
// requests holds, but no more than 1/64 of the pool.
constexpr uint64_t kBinBytesMax = uint64_t{128} << 20;
// What a thread's first refill of a class takes: a few pages, so that rare classes stay small.
constexpr uint64_t kBinBytesStart = uint64_t{64} << 10;
// What the depot of a class keeps: magazines for a handful of threads in a producer-consumer chain.
constexpr uint64_t kDepotBytesMax = uint64_t{512} << 20;
constexpr uint32_t kDepotMagazinesMax = 16;

uint32_t clamp_count(uint64_t count, uint32_t low, uint32_t high) {
  return uint32_t(std::clamp<uint64_t>(count, low, high));
}

}  // namespace

void Central::init(uint32_t size_class, PageHeap& heap, Records& records, uint64_t bytes_max,
                   bool checked) {
  size_class_ = size_class;
  heap_ = &heap;
  records_ = &records;
  checked_ = checked;
  const uint64_t block = geometry().block_bytes;
  rounds_max_ = clamp_count(std::min(kBinBytesMax, bytes_max / 64) / block, 1, Magazine::kRounds);
  rounds_start_ = clamp_count(kBinBytesStart / block, 1, std::min(rounds_max_, 32u));
  depot_max_ = clamp_count(std::min(kDepotBytesMax, bytes_max / 16) / (block * rounds_max_), 1,
                           kDepotMagazinesMax);
}

// ---- Magazines ----

Magazine* Central::new_magazine() {
  return static_cast<Magazine*>(records_->allocate(sizeof(Magazine)));
}

void Central::free_magazine(Magazine* magazine) { records_->free(magazine, sizeof(Magazine)); }

Magazine* Central::take_full() {
  std::lock_guard lock(mutex_);
  Magazine* const magazine = full_;
  if (!magazine) return nullptr;
  full_ = magazine->next;
  --full_count_;
  totals_.in_depot -= magazine->count;
  return magazine;
}

void Central::put_full(Magazine* magazine) {
  {
    std::lock_guard lock(mutex_);
    if (full_count_ < depot_max_) {
      magazine->next = full_;
      magazine->idle_since_ms = heap_->now_ms();
      full_ = magazine;
      ++full_count_;
      totals_.in_depot += magazine->count;
      return;
    }
  }
  put(magazine->slots, magazine->count);
  free_magazine(magazine);
}

bool Central::drain_step(uint32_t idle_since_ms) {
  Magazine* oldest = nullptr;
  {
    std::lock_guard lock(mutex_);
    Magazine** link = &full_;
    while (*link && (*link)->next) link = &(*link)->next;  // at most kDepotMagazinesMax
    if (!*link || (*link)->idle_since_ms > idle_since_ms) return false;
    oldest = *link;
    *link = nullptr;
    --full_count_;
    totals_.in_depot -= oldest->count;
  }
  put(oldest->slots, oldest->count);
  free_magazine(oldest);
  return true;
}

// ---- Spans ----

size_t Central::bitmap_bytes() const { return (geometry().blocks_per_span + 63) / 64 * 8; }

void Central::list_push(Span* span) {
  const uint32_t index = heap_->index_of(span);
  span->prev = 0;
  span->next = listed_;
  if (listed_ != 0) heap_->span_at(listed_).prev = index;
  listed_ = index;
}

void Central::list_remove(Span* span) {
  if (span->next != 0) heap_->span_at(span->next).prev = span->prev;
  if (span->prev != 0) {
    heap_->span_at(span->prev).next = span->next;
  } else {
    listed_ = span->next;
  }
  span->prev = span->next = 0;
}

Span* Central::grow(bool ahead) {
  auto* const free_bits = static_cast<uint64_t*>(records_->allocate(bitmap_bytes()));
  auto* const live_bits =
      checked_ ? static_cast<uint64_t*>(records_->allocate(bitmap_bytes())) : nullptr;
  Span* const span = free_bits && (live_bits || !checked_)
                         ? heap_->allocate(geometry().span_pages, 1, size_class_, ahead)
                         : nullptr;
  if (!span) {
    if (free_bits) records_->free(free_bits, bitmap_bytes());
    if (live_bits) records_->free(live_bits, bitmap_bytes());
    return nullptr;
  }
  const uint32_t blocks = geometry().blocks_per_span;
  for (uint32_t i = 0; i < blocks; i += 64) {
    free_bits[i / 64] = blocks - i >= 64 ? ~uint64_t{0} : (uint64_t{1} << (blocks - i)) - 1;
  }
  span->free_bits = free_bits;
  span->live_bits = live_bits;
  span->free_blocks = blocks;
  span->scan_from = 0;
  // Multiplying by an odd number spreads successive spans over the colours.
  span->colour = uint16_t(heap_->index_of(span) * 37u % geometry().colours);
  list_push(span);
  ++totals_.spans;
  ++empty_spans_;
  totals_.free_in_spans += blocks;
  return span;
}

uint32_t Central::take_from(Span& span, void** blocks, uint32_t count) {
  std::byte* const first = heap_->address_of(span) + size_t{span.colour} * kCacheLineBytes;
  const size_t stride = geometry().stride;
  if (span.free_blocks == geometry().blocks_per_span) --empty_spans_;
  uint32_t taken = 0;
  for (uint32_t word = span.scan_from; taken < count && taken < span.free_blocks; ++word) {
    uint64_t bits = span.free_bits[word];
    for (; bits != 0 && taken < count; bits &= bits - 1) {
      blocks[taken++] = first + (word * 64 + size_t(std::countr_zero(bits))) * stride;
    }
    span.free_bits[word] = bits;
    span.scan_from = word;
  }
  span.free_blocks -= taken;
  if (span.free_blocks == 0) list_remove(&span);
  totals_.out += taken;
  totals_.free_in_spans -= taken;
  return taken;
}

uint32_t Central::take(void** blocks, uint32_t count, bool may_grow) {
  std::lock_guard lock(mutex_);
  uint32_t taken = 0;
  while (taken < count) {
    Span* span = listed_ != 0 ? &heap_->span_at(listed_) : nullptr;
    // A new span serves one request; what it has left over is enough.
    if (!span && may_grow && taken == 0) span = grow(false);
    if (!span) break;
    taken += take_from(*span, blocks + taken, count - taken);
  }
  if (checked_) {
    for (uint32_t i = 0; i < taken; ++i) {
      Span& span = *heap_->span_of(blocks[i]);
      const uint32_t index = block_index(span, blocks[i]);
      span.live_bits[index / 64] |= uint64_t{1} << (index % 64);
    }
  }
  return taken;
}

// blocks_per_span when `block` is not the start of one.
uint32_t Central::block_index(const Span& span, const void* block) const {
  const size_t offset = size_t(static_cast<const std::byte*>(block) - heap_->address_of(span)) -
                        size_t{span.colour} * kCacheLineBytes;
  const uint32_t blocks = geometry().blocks_per_span;
  if (offset >= size_t{blocks} * geometry().stride) return blocks;
  const uint32_t index = uint32_t(offset) / geometry().stride;
  return index * geometry().stride == offset ? index : blocks;
}

void Central::put_one(void* block) {
  Span* const span = heap_->span_of(block);
  LLMOS_CHECK(span && span->size_class == size_class_)
      << "deallocate(" << block << "): not a block of class " << geometry().block_bytes << " B";
  const uint32_t index = block_index(*span, block);
  LLMOS_CHECK(index < geometry().blocks_per_span)
      << "deallocate(" << block << "): inside a block of class " << geometry().block_bytes << " B";
  const uint64_t bit = uint64_t{1} << (index % 64);
  const bool is_free = span->free_bits[index / 64] & bit;
  LLMOS_CHECK(!is_free && (!checked_ || (span->live_bits[index / 64] & bit)))
      << "deallocate(" << block << "): freed twice, class " << geometry().block_bytes << " B";
  span->free_bits[index / 64] |= bit;
  span->scan_from = std::min(span->scan_from, index / 64);
  if (checked_) span->live_bits[index / 64] &= ~bit;
  if (span->free_blocks++ == 0) list_push(span);
  --totals_.out;
  ++totals_.free_in_spans;
  if (span->free_blocks < geometry().blocks_per_span) return;
  span->idle_since_ms = heap_->now_ms();
  if (++empty_spans_ > keep_empty_) release(span);
}

void Central::put(void* const* blocks, uint32_t count) {
  std::lock_guard lock(mutex_);
  for (uint32_t i = 0; i < count; ++i) put_one(blocks[i]);
}

void Central::release(Span* span) {
  list_remove(span);
  --empty_spans_;
  --totals_.spans;
  totals_.free_in_spans -= span->free_blocks;
  records_->free(span->free_bits, bitmap_bytes());
  if (span->live_bits) records_->free(span->live_bits, bitmap_bytes());
  heap_->free(span);
}

size_t Central::release_empty(uint32_t idle_since_ms) {
  std::lock_guard lock(mutex_);
  size_t bytes = 0;
  for (uint32_t i = listed_; i != 0 && empty_spans_ > 0;) {
    Span& span = heap_->span_at(i);
    i = span.next;
    if (span.free_blocks < geometry().blocks_per_span || span.idle_since_ms > idle_since_ms)
      continue;
    bytes += size_t{span.page_count} * kPageBytes;
    release(&span);
  }
  return bytes;
}

void Central::trim_empty() {
  std::lock_guard lock(mutex_);
  for (uint32_t i = listed_; i != 0 && empty_spans_ > keep_empty_;) {
    Span& span = heap_->span_at(i);
    i = span.next;
    if (span.free_blocks == geometry().blocks_per_span) release(&span);
  }
}

size_t Central::prepare(uint64_t count, void (*touch)(std::byte* address, size_t bytes)) {
  std::lock_guard lock(mutex_);
  const uint64_t blocks = geometry().blocks_per_span;
  size_t bytes = 0;
  while (totals_.free_in_spans + totals_.in_depot < count) {
    Span* const span = grow(true);
    if (!span) break;
    const size_t span_bytes = size_t{span->page_count} * kPageBytes;
    if (touch) touch(heap_->address_of(*span), span_bytes);
    bytes += span_bytes;
  }
  // Blocks of partly used spans count first; empty spans stay only for what those leave open.
  const uint64_t partly = totals_.free_in_spans + totals_.in_depot - empty_spans_ * blocks;
  const uint64_t open = count > partly ? count - partly : 0;
  keep_empty_ = uint32_t(std::max<uint64_t>(1, (open + blocks - 1) / blocks));
  return bytes;
}

// ---- Reading ----

void Central::sample(size_t bytes) {
  std::lock_guard lock(mutex_);
  ++totals_.slow_allocations;
  totals_.request_bytes += bytes;
  totals_.block_bytes_sampled += geometry().block_bytes;
}

uint64_t Central::ready() const {
  std::lock_guard lock(mutex_);
  return totals_.free_in_spans + totals_.in_depot;
}

Central::Totals Central::totals() const {
  std::lock_guard lock(mutex_);
  return totals_;
}

void Central::check_integrity() const {
  std::lock_guard lock(mutex_);
  uint64_t free_blocks = 0, empty = 0, in_depot = 0;
  uint32_t prev = 0;
  for (uint32_t i = listed_; i != 0; prev = i, i = heap_->span_at(i).next) {
    const Span& span = heap_->span_at(i);
    LLMOS_CHECK(span.prev == prev && span.size_class == size_class_ && span.free_blocks > 0)
        << "(1) span " << i;
    uint32_t set = 0;
    for (uint32_t word = 0; word < bitmap_bytes() / 8; ++word) {
      set += uint32_t(std::popcount(span.free_bits[word]));
    }
    LLMOS_CHECK(set == span.free_blocks) << "(2) span " << i << " has " << set;
    free_blocks += set;
    empty += set == geometry().blocks_per_span;
  }
  for (const Magazine* magazine = full_; magazine; magazine = magazine->next)
    in_depot += magazine->count;
  LLMOS_CHECK(in_depot == totals_.in_depot);
  LLMOS_CHECK(free_blocks == totals_.free_in_spans);
  LLMOS_CHECK(totals_.out + free_blocks == totals_.spans * geometry().blocks_per_span)
      << "(3) class " << geometry().block_bytes << ": out " << totals_.out << ", free "
      << free_blocks << ", spans " << totals_.spans;
  LLMOS_CHECK(empty == empty_spans_) << "(4)";
}

}  // namespace llmos::memory
