// SPDX-License-Identifier: Apache-2.0
// Central holds what one size class has outside of the threads' caches: spans with free blocks, and
// a depot of magazines that threads hand over whole.
//
// Words    A *magazine* is an array of free blocks. Threads pop and push within one
// (thread_cache.h) and exchange
//          full for empty ones here, so that the lock is taken once per magazine (Bonwick's depot).
//          *Out* blocks are those not in a span: live, in a thread's cache, or in the depot.
// Threads  any; one lock per class, held for one exchange, or for moving at most one magazine's
// blocks. Failure  nothing left is zero or nullptr; the caller decides what to do about it.
//
// Invariants, all checked by check_integrity():
//   (1) a span with free blocks is on the list, a span without is not
//   (2) span.free_blocks == set bits of span.free_bits
//   (3) out() + free blocks of all spans == blocks_per_span * spans
//   (4) empty_spans_ counts the listed spans that have all their blocks
#pragma once

#include <array>
#include <cstdint>
#include <mutex>

#include "memory/page_heap.h"
#include "memory/records.h"

namespace llmos::memory {

// 1 KiB with its header: 125 blocks and the slot beyond the limit that a push may write before it
// looks.
struct Magazine {
  static constexpr uint32_t kRounds = 125;

  Magazine* next;
  uint32_t count;  // while not loaded in a bin, whose top counts then
  uint32_t idle_since_ms;
  void* slots[kRounds + 1];
};
static_assert(sizeof(Magazine) == 1024);

class Central {
 public:
  // `checked`: keep a live bit per block and verify every take and put against it.
  void init(uint32_t size_class, PageHeap& heap, Records& records, uint64_t bytes_max,
            bool checked);

  // ---- Magazines ----
  // A full magazine, or nullptr.
  Magazine* take_full();
  // Takes over a magazine with blocks; beyond the depot's bound its blocks go back to their spans,
  // and the magazine is freed.
  void put_full(Magazine* magazine);
  Magazine* new_magazine();
  void free_magazine(Magazine* magazine);

  // ---- Blocks ----
  // Moves up to `count` blocks out of spans into `blocks`; makes a new span when there is none and
  // `may_grow`.
  uint32_t take(void** blocks, uint32_t count, bool may_grow);
  void put(void* const* blocks, uint32_t count);

  // ---- Giving back ----
  // One magazine of the depot, if it rested since `idle_since_ms`: its blocks go to their spans.
  // False: none left.
  bool drain_step(uint32_t idle_since_ms);
  // Returns empty spans that rested since `idle_since_ms` to the heap; the number of bytes.
  size_t release_empty(uint32_t idle_since_ms);
  // Returns empty spans beyond those that prepare() keeps to the heap.
  void trim_empty();
  // Makes spans until `count` blocks lie free in spans and depot, and keeps that many spans from
  // now on even while they are empty; the number of bytes added. count 0 ends the keeping.
  size_t prepare(uint64_t count, void (*touch)(std::byte* address, size_t bytes));

  struct Totals {
    uint64_t spans, out, free_in_spans, in_depot;
    uint64_t slow_allocations, request_bytes, block_bytes_sampled;
    bool operator==(const Totals&) const = default;
  };
  Totals totals() const;
  uint64_t ready() const;  // blocks in spans and depot
  // Notes one allocation that came this way, and what it asked for.
  void sample(size_t bytes);
  // Largest number of blocks that a thread's bin of this class may hold.
  uint32_t rounds_max() const { return rounds_max_; }
  uint32_t rounds_start() const { return rounds_start_; }
  void check_integrity() const;

 private:
  Span* grow(bool ahead);
  void list_push(Span* span);
  void list_remove(Span* span);
  uint32_t block_index(const Span& span, const void* block) const;
  uint32_t take_from(Span& span, void** blocks, uint32_t count);
  void put_one(void* block);
  void release(Span* span);
  size_t bitmap_bytes() const;
  const SizeClass& geometry() const { return kSizeClasses[size_class_]; }

  PageHeap* heap_ = nullptr;
  Records* records_ = nullptr;
  uint32_t size_class_ = 0;
  uint32_t rounds_max_ = 0, rounds_start_ = 0, depot_max_ = 0;
  bool checked_ = false;

  mutable std::mutex mutex_;
  Magazine* full_ = nullptr;  // last in, first out; the oldest is at the end
  uint32_t full_count_ = 0;
  uint32_t listed_ = 0;       // first span with free blocks
  uint32_t empty_spans_ = 0;  // listed spans with all blocks
  uint32_t keep_empty_ = 1;  // so many stay; one spares a class with one block the trip to the heap
  Totals totals_{};
};

}  // namespace llmos::memory
