// SPDX-License-Identifier: Apache-2.0
// PageHeap hands out runs of whole pages, called spans, from one reserved range of addresses, and
// decides when to take memory from the backing and when to return it.
//
// Words    A span is *used* (by a class or one large block), *free* (has memory, no user) or
//          *returned* (addresses only). Every page of the range belongs to exactly one span, or
//          lies at or behind frontier(), where no span has ever been.
// Owner    The pool. Span records live until the heap ends and are recycled; a Span* is valid while
// used. Threads  any; one lock, held for a search of bounded length and, when memory must be taken,
// one commit. Failure  allocate answers nullptr when the budget or the backing refuses, after
// giving back every free page.
//
// Invariants, all checked by check_integrity():
//   (1) neighbouring spans are never both free or both returned (they were joined)
//   (2) a free or returned span is on exactly the list for its length; a used one is on none
//   (3) page_span[first] == page_span[last] == the span, and for used spans of a class every page
//   between as well (4) committed_bytes() == pages of used and free spans * kPageBytes, all of it
//   taken from the budget
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <mutex>

#include "memory/budget.h"
#include "memory/records.h"
#include "memory/size_class.h"

namespace llmos::memory {

// Milliseconds since the pool was made, from 1 on; 0 is before everything. Wraps after 49 days,
// when idle memory looks young once.
struct Clock {
  uint32_t (*now_ms)(const void* context);
  const void* context;
  uint32_t operator()() const { return now_ms(context); }
};

struct Span {
  enum class State : uint8_t { kUnused, kUsed, kFree, kReturned };

  uint32_t first_page;
  uint32_t page_count;
  State state;
  uint8_t size_class;      // while used
  uint16_t colour;         // cache lines before the first block
  uint32_t free_blocks;    // set bits in free_bits
  uint32_t scan_from;      // no word before it in free_bits has a set bit
  uint32_t prev, next;     // indices on a list of the heap or of a class; 0 ends it
  uint32_t idle_since_ms;  // when it became free, or its last block came back
  uint64_t* free_bits;     // classes: one bit per block, set while it is in the span
  uint64_t* live_bits;     // checked pools: set while the block is the user's
};
static_assert(sizeof(Span) <= 64);

class PageHeap {
 public:
  // `spans` address enough pages for the cap; more where addresses are free, so that a fragmented
  // range still has a long enough run somewhere.
  PageHeap(Backing& backing, Budget& budget, uint64_t bytes_max, Clock clock);
  ~PageHeap();
  PageHeap(const PageHeap&) = delete;
  PageHeap& operator=(const PageHeap&) = delete;

  bool valid() const { return base_ != nullptr; }

  // A used span of `page_count` pages, its first page at a multiple of `align_pages` (a power of
  // two up to kHugePages). Every page's class is set. `ahead`: nobody waits for it (statistics
  // only).
  Span* allocate(uint32_t page_count, uint32_t align_pages, uint32_t size_class, bool ahead);
  uint32_t now_ms() const { return clock_(); }
  void free(Span* span);

  // Commits up to `bytes` ahead of need, so that later allocations find free pages. Returns the
  // bytes committed.
  size_t commit_ahead(size_t bytes);
  // Returns up to `bytes` of free pages that have been free since `idle_since_ms` or longer. One
  // step handles one span and holds the lock for one decommit. Returns the bytes given back in this
  // step; 0: nothing left to do.
  size_t return_step(size_t bytes, uint32_t idle_since_ms);
  // Returns every free page.
  size_t return_all();

  // nullptr when `address` is in no used span of this heap.
  Span* span_of(const void* address) const;
  std::byte* address_of(const Span& span) const {
    return base_ + size_t{span.first_page} * kPageBytes;
  }
  Span& span_at(uint32_t index) const { return spans()[index]; }
  uint32_t index_of(const Span* span) const { return uint32_t(span - spans()); }

  std::byte* base() const { return base_; }
  // Pages that a span has ever covered; the page table reaches so far.
  uint32_t frontier() const { return __atomic_load_n(&frontier_, __ATOMIC_RELAXED); }
  // Keeps `word` equal to frontier() from now on.
  void publish_frontier(size_t* word);
  const uint8_t* page_classes() const { return reinterpret_cast<const uint8_t*>(classes_.base()); }

  struct Totals {
    uint64_t used_pages, free_pages, returned_pages, large_blocks, large_pages;
    uint64_t commits, slow_commits, decommits, commit_bytes;
    uint64_t record_bytes;
    bool operator==(const Totals&) const = default;
  };
  Totals totals() const;
  uint64_t free_bytes() const;
  void check_integrity() const;

 private:
  // Free lists by length: exact up to 8 pages, then eight per doubling, as class_of does for bytes.
  static constexpr uint32_t kListCount = 8 * 30;
  struct Lists {
    std::array<uint32_t, kListCount> head{};
    std::array<uint64_t, (kListCount + 63) / 64> filled{};
  };
  static uint32_t list_of(uint32_t page_count);

  Span* spans() const { return reinterpret_cast<Span*>(span_records_.base()); }
  uint32_t* page_spans() const { return reinterpret_cast<uint32_t*>(page_spans_.base()); }
  uint8_t* classes() const { return reinterpret_cast<uint8_t*>(classes_.base()); }
  Lists& lists(Span::State state) { return state == Span::State::kFree ? free_ : returned_; }

  uint32_t new_span(uint32_t first_page, uint32_t page_count, Span::State state,
                    uint32_t idle_since_ms);
  void recycle_span(uint32_t index);
  void map_ends(uint32_t index);
  void list_push(uint32_t index);
  void list_remove(uint32_t index);
  uint32_t list_search(const Lists& source, uint32_t page_count, uint32_t align_pages,
                       uint32_t scan_max) const;
  uint32_t neighbour_before(const Span& span) const;
  uint32_t neighbour_after(const Span& span) const;
  uint32_t join_neighbours(uint32_t index, bool only_after = false);
  bool split_tail(uint32_t index, uint32_t keep_pages);
  uint32_t take(uint32_t index, uint32_t page_count, uint32_t align_pages);
  bool extend_frontier(uint32_t page_count);
  uint32_t commit_span(uint32_t index, uint32_t page_count, bool ahead);
  size_t return_span(uint32_t index);
  uint32_t find(uint32_t page_count, uint32_t align_pages, bool ahead);
  bool return_deficit(size_t bytes);
  size_t return_all_locked();

  const Clock clock_;
  Backing& backing_;
  Budget& budget_;
  std::byte* base_ = nullptr;
  uint32_t page_count_ = 0;
  uint32_t frontier_ = 0;  // first page that no span has covered; written under the lock
  size_t* frontier_word_ = nullptr;
  uint32_t span_count_ = 1;    // records made; index 0 is "none"
  uint32_t unused_spans_ = 0;  // recycled records, linked by next

  mutable std::mutex mutex_;
  // Grow with the frontier.
  GrowingRange classes_;     // uint8_t per page
  GrowingRange page_spans_;  // uint32_t per page
  GrowingRange span_records_;
  Lists free_, returned_;
  Totals totals_{};
};

}  // namespace llmos::memory
