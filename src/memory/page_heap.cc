// SPDX-License-Identifier: Apache-2.0
#include "memory/page_heap.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace llmos::memory {

namespace {

// A search looks at this many spans of a list before it turns to a list where every span fits.
constexpr uint32_t kScanMax = 32;

uint64_t pages_for(uint64_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes; }

// The range in pages: the cap, rounded to huge pages, doubled where addresses are free. Page
// numbers are 32 bits, and Span::page_count of a joined span must hold them all: at most 2^31 pages
// (32 TiB).
uint32_t range_pages(uint64_t bytes_max, bool sparse) {
  const uint64_t cap = std::min<uint64_t>(pages_for(bytes_max), uint64_t{1} << 30);
  const uint64_t wanted = sparse ? 2 * cap + kHugePages : cap;
  return uint32_t(
      std::max<uint64_t>((wanted + kHugePages - 1) / kHugePages * kHugePages, kHugePages));
}

uint32_t align_up(uint32_t page, uint32_t align) { return (page + align - 1) & ~(align - 1); }

bool fits(const Span& span, uint32_t page_count, uint32_t align_pages) {
  const uint32_t skipped = align_up(span.first_page, align_pages) - span.first_page;
  return span.page_count >= skipped && span.page_count - skipped >= page_count;
}

}  // namespace

PageHeap::PageHeap(Backing& backing, Budget& budget, uint64_t bytes_max, Clock clock)
    : clock_(clock),
      backing_(backing),
      budget_(budget),
      page_count_(range_pages(bytes_max, backing.sparse())),
      classes_(backing.metadata(), budget, page_count_),
      page_spans_(backing.metadata(), budget, size_t{page_count_} * sizeof(uint32_t)),
      span_records_(backing.metadata(), budget, (size_t{page_count_} + 3) * sizeof(Span)) {
  if (!classes_.valid() || !page_spans_.valid() || !span_records_.valid()) return;
  base_ = backing_.reserve(size_t{page_count_} * kPageBytes, kHugeBytes);
}

PageHeap::~PageHeap() {
  if (!base_) return;
  backing_.release(base_, size_t{page_count_} * kPageBytes);
  budget_.give((totals_.used_pages + totals_.free_pages) * kPageBytes);
}

uint32_t PageHeap::list_of(uint32_t page_count) {
  const uint32_t t = page_count - 1;
  const uint32_t e = 31u ^ uint32_t(std::countl_zero(t | 8));
  return (t >> (e - 3)) + (e - 3) * 8;
}

// ---- Records of spans ----

uint32_t PageHeap::new_span(uint32_t first_page, uint32_t page_count, Span::State state,
                            uint32_t idle_since_ms) {
  uint32_t index = unused_spans_;
  if (index != 0) {
    unused_spans_ = span_at(index).next;
  } else {
    LLMOS_CHECK(span_records_.committed_bytes() >= (size_t{span_count_} + 1) * sizeof(Span));
    index = span_count_++;
  }
  span_at(index) = Span{.first_page = first_page,
                        .page_count = page_count,
                        .state = state,
                        .size_class = detail::kClassNone,
                        .colour = 0,
                        .free_blocks = 0,
                        .scan_from = 0,
                        .prev = 0,
                        .next = 0,
                        .idle_since_ms = idle_since_ms,
                        .free_bits = nullptr,
                        .live_bits = nullptr};
  map_ends(index);
  return index;
}

void PageHeap::recycle_span(uint32_t index) {
  span_at(index).state = Span::State::kUnused;
  span_at(index).next = unused_spans_;
  unused_spans_ = index;
}

void PageHeap::map_ends(uint32_t index) {
  const Span& span = span_at(index);
  page_spans()[span.first_page] = index;
  page_spans()[span.first_page + span.page_count - 1] = index;
}

void PageHeap::list_push(uint32_t index) {
  Span& span = span_at(index);
  Lists& target = lists(span.state);
  const uint32_t list = list_of(span.page_count);
  span.prev = 0;
  span.next = target.head[list];
  if (span.next != 0) span_at(span.next).prev = index;
  target.head[list] = index;
  target.filled[list / 64] |= uint64_t{1} << (list % 64);
  (span.state == Span::State::kFree ? totals_.free_pages : totals_.returned_pages) +=
      span.page_count;
}

void PageHeap::list_remove(uint32_t index) {
  Span& span = span_at(index);
  Lists& source = lists(span.state);
  const uint32_t list = list_of(span.page_count);
  if (span.next != 0) span_at(span.next).prev = span.prev;
  if (span.prev != 0) {
    span_at(span.prev).next = span.next;
  } else {
    source.head[list] = span.next;
    if (span.next == 0) source.filled[list / 64] &= ~(uint64_t{1} << (list % 64));
  }
  (span.state == Span::State::kFree ? totals_.free_pages : totals_.returned_pages) -=
      span.page_count;
}

uint32_t PageHeap::list_search(const Lists& source, uint32_t page_count, uint32_t align_pages,
                               uint32_t scan_max) const {
  for (uint32_t list = list_of(page_count); list < kListCount; ++list) {
    const uint64_t filled = source.filled[list / 64] >> (list % 64);
    if (filled == 0) {
      list |= 63;  // nothing more in this word
      continue;
    }
    list += uint32_t(std::countr_zero(filled));
    uint32_t scanned = 0;
    for (uint32_t i = source.head[list]; i != 0 && scanned < scan_max;
         i = span_at(i).next, ++scanned) {
      if (fits(span_at(i), page_count, align_pages)) return i;
    }
  }
  return 0;
}

uint32_t PageHeap::neighbour_before(const Span& span) const {
  return span.first_page == 0 ? 0 : page_spans()[span.first_page - 1];
}

uint32_t PageHeap::neighbour_after(const Span& span) const {
  const uint32_t after = span.first_page + span.page_count;
  return after >= frontier_ ? 0 : page_spans()[after];
}

// Joins an unlisted span with its neighbours of the same state, and lists the result.
uint32_t PageHeap::join_neighbours(uint32_t index, bool only_after) {
  Span& span = span_at(index);
  for (const uint32_t other : {only_after ? 0 : neighbour_before(span), neighbour_after(span)}) {
    if (other == 0 || span_at(other).state != span.state) continue;
    const Span& absorbed = span_at(other);
    list_remove(other);
    span.first_page = std::min(span.first_page, absorbed.first_page);
    span.page_count += absorbed.page_count;
    // The older of two stamps would return fresh pages with stale ones; the younger keeps both a
    // little longer.
    span.idle_since_ms = std::max(span.idle_since_ms, absorbed.idle_since_ms);
    recycle_span(other);
  }
  map_ends(index);
  list_push(index);
  return index;
}

// Cuts an unlisted span to its first `keep_pages` and lists the rest in the same state.
bool PageHeap::split_tail(uint32_t index, uint32_t keep_pages) {
  Span& span = span_at(index);
  if (span.page_count == keep_pages) return false;
  const uint32_t rest_pages = span.page_count - keep_pages;
  span.page_count = keep_pages;
  map_ends(index);
  const uint32_t rest =
      new_span(span.first_page + keep_pages, rest_pages, span.state, span.idle_since_ms);
  join_neighbours(rest, true);  // the piece before it is in the same state, but taken
  return true;
}

// Unlists `index` and cuts it down to an aligned piece of at least `page_count` pages; the head
// goes back to its list.
uint32_t PageHeap::take(uint32_t index, uint32_t page_count, uint32_t align_pages) {
  list_remove(index);
  const Span span = span_at(index);
  const uint32_t head_pages = align_up(span.first_page, align_pages) - span.first_page;
  LLMOS_DCHECK(span.page_count >= head_pages + page_count);
  if (head_pages == 0) return index;
  span_at(index).page_count = head_pages;
  map_ends(index);
  const uint32_t rest = new_span(span.first_page + head_pages, span.page_count - head_pages,
                                 span.state, span.idle_since_ms);
  list_push(index);
  return rest;
}

// ---- Taking and returning memory ----

// Lists at least `page_count` more returned pages, in whole huge pages.
bool PageHeap::extend_frontier(uint32_t page_count) {
  const uint64_t wanted = (uint64_t{page_count} + kHugePages - 1) / kHugePages * kHugePages;
  if (wanted > page_count_ - frontier_) return false;
  const uint32_t pages = uint32_t(wanted);
  const size_t reached = size_t{frontier_} + pages;
  if (!classes_.reach(reached) || !page_spans_.reach(reached * sizeof(uint32_t))) return false;
  const uint32_t first = frontier_;
  __atomic_store_n(&frontier_, first + pages, __ATOMIC_RELAXED);
  if (frontier_word_) __atomic_store_n(frontier_word_, reached, __ATOMIC_RELAXED);
  join_neighbours(new_span(first, pages, Span::State::kReturned, 0));
  return true;
}

// Gives memory to the first `page_count` pages of an unlisted returned span, and where the budget
// allows up to the next huge page border, so that the kernel can back them by huge pages and later
// spans need no commit. The rest goes back to the returned list. Answers the span, now free but
// unlisted, or 0 (then it is listed again).
uint32_t PageHeap::commit_span(uint32_t index, uint32_t page_count, bool ahead) {
  const Span span = span_at(index);
  const uint32_t border = align_up(span.first_page + page_count, kHugePages);
  const uint32_t wide = std::min(border - span.first_page, span.page_count);
  for (const uint32_t pages : {wide, page_count}) {
    const size_t bytes = size_t{pages} * kPageBytes;
    if (!budget_.take(bytes)) continue;
    if (!backing_.commit(address_of(span), bytes)) {
      budget_.give(bytes);
      continue;
    }
    split_tail(index, pages);
    span_at(index).state = Span::State::kFree;
    span_at(index).idle_since_ms = clock_();
    ++totals_.commits;
    if (!ahead) ++totals_.slow_commits;
    totals_.commit_bytes += bytes;
    return index;
  }
  join_neighbours(index);
  return 0;
}

// Takes the memory of a listed free span; the span joins the returned ones.
size_t PageHeap::return_span(uint32_t index) {
  list_remove(index);
  Span& span = span_at(index);
  const size_t bytes = size_t{span.page_count} * kPageBytes;
  backing_.decommit(address_of(span), bytes);
  budget_.give(bytes);
  ++totals_.decommits;
  span.state = Span::State::kReturned;
  join_neighbours(index);
  return bytes;
}

// Returns free pages, longest runs first, until the budget has `bytes` left. False when nothing was
// returned.
bool PageHeap::return_deficit(size_t bytes) {
  bool any = false;
  for (uint32_t list = kListCount; list-- > 0;) {
    while (free_.head[list] != 0 && budget_.left() < bytes) {
      return_span(free_.head[list]);
      any = true;
    }
  }
  return any;
}

// An unlisted free span of at least `page_count` aligned pages, or 0.
uint32_t PageHeap::find(uint32_t page_count, uint32_t align_pages, bool ahead) {
  if (const uint32_t index = list_search(free_, page_count, align_pages, kScanMax)) {
    return take(index, page_count, align_pages);
  }
  // The budget may be short while free pages lie about in pieces: return as many as are missing,
  // then all of them, which also joins what is fragmented.
  for (int pass = 0; pass < 3; ++pass) {
    if (pass == 1 && !return_deficit(size_t{page_count} * kPageBytes)) continue;
    if (pass == 2) return_all_locked();
    const uint32_t scan_max = pass == 2 ? UINT32_MAX : kScanMax;
    uint32_t index = list_search(returned_, page_count, align_pages, scan_max);
    if (index == 0 && extend_frontier(page_count + align_pages - 1)) {
      index = list_search(returned_, page_count, align_pages, scan_max);
    }
    if (index == 0) continue;
    index = commit_span(take(index, page_count, align_pages), page_count, ahead);
    if (index != 0) return index;
  }
  return 0;
}

Span* PageHeap::allocate(uint32_t page_count, uint32_t align_pages, uint32_t size_class,
                         bool ahead) {
  std::lock_guard lock(mutex_);
  if (page_count == 0 || page_count > page_count_) return nullptr;
  // The most records one allocation can need: frontier, head, committed tail, returned tail.
  if (!span_records_.reach((size_t{span_count_} + 4) * sizeof(Span))) return nullptr;
  const uint32_t index = find(page_count, align_pages, ahead);
  if (index == 0) return nullptr;
  split_tail(index, page_count);
  Span& span = span_at(index);
  span.state = Span::State::kUsed;
  span.size_class = uint8_t(size_class);
  std::fill_n(page_spans() + span.first_page, page_count, index);
  std::memset(classes() + span.first_page, int(size_class), page_count);
  totals_.used_pages += page_count;
  if (size_class == detail::kClassLarge) {
    ++totals_.large_blocks;
    totals_.large_pages += page_count;
  }
  return &span;
}

void PageHeap::free(Span* span) {
  std::lock_guard lock(mutex_);
  LLMOS_CHECK(span->state == Span::State::kUsed);
  std::memset(classes() + span->first_page, detail::kClassNone, span->page_count);
  totals_.used_pages -= span->page_count;
  if (span->size_class == detail::kClassLarge) {
    --totals_.large_blocks;
    totals_.large_pages -= span->page_count;
  }
  span->state = Span::State::kFree;
  span->size_class = detail::kClassNone;
  span->idle_since_ms = clock_();
  join_neighbours(index_of(span));
}

size_t PageHeap::commit_ahead(size_t bytes) {
  std::lock_guard lock(mutex_);
  size_t done = 0;
  while (done < bytes) {
    if (!span_records_.reach((size_t{span_count_} + 4) * sizeof(Span))) break;
    const uint32_t pages = uint32_t(std::min<uint64_t>(pages_for(bytes - done), kHugePages));
    uint32_t index = list_search(returned_, pages, 1, kScanMax);
    if (index == 0 && extend_frontier(pages)) index = list_search(returned_, pages, 1, kScanMax);
    if (index == 0) break;
    index = commit_span(take(index, pages, 1), pages, true);
    if (index == 0) break;
    done += size_t{span_at(index).page_count} * kPageBytes;
    join_neighbours(index);
  }
  return done;
}

size_t PageHeap::return_step(size_t bytes, uint32_t idle_since_ms) {
  std::lock_guard lock(mutex_);
  if (bytes < kPageBytes || !span_records_.reach((size_t{span_count_} + 4) * sizeof(Span)))
    return 0;
  for (uint32_t list = kListCount; list-- > 0;) {  // long runs first: fewest calls, most huge pages
    for (uint32_t i = free_.head[list]; i != 0; i = span_at(i).next) {
      if (span_at(i).idle_since_ms > idle_since_ms) continue;
      const uint32_t pages =
          uint32_t(std::min<uint64_t>(bytes / kPageBytes, span_at(i).page_count));
      if (pages < span_at(i).page_count) {  // return the tail: low addresses stay in use
        list_remove(i);
        const uint32_t keep = span_at(i).page_count - pages;
        const uint32_t rest = new_span(span_at(i).first_page + keep, pages, Span::State::kFree,
                                       span_at(i).idle_since_ms);
        span_at(i).page_count = keep;
        map_ends(i);
        list_push(i);
        list_push(rest);
        return return_span(rest);
      }
      return return_span(i);
    }
  }
  return 0;
}

size_t PageHeap::return_all_locked() {
  size_t bytes = 0;
  for (uint32_t list = 0; list < kListCount; ++list) {
    while (free_.head[list] != 0) bytes += return_span(free_.head[list]);
  }
  return bytes;
}

size_t PageHeap::return_all() {
  std::lock_guard lock(mutex_);
  return return_all_locked();
}

void PageHeap::publish_frontier(size_t* word) {
  std::lock_guard lock(mutex_);
  frontier_word_ = word;
  __atomic_store_n(word, size_t{frontier_}, __ATOMIC_RELAXED);
}

// ---- Reading ----

Span* PageHeap::span_of(const void* address) const {
  const size_t page = size_t(static_cast<const std::byte*>(address) - base_) / kPageBytes;
  if (page >= frontier() || page_classes()[page] == detail::kClassNone) return nullptr;
  return &span_at(page_spans()[page]);
}

PageHeap::Totals PageHeap::totals() const {
  std::lock_guard lock(mutex_);
  Totals totals = totals_;
  totals.record_bytes =
      classes_.committed_bytes() + page_spans_.committed_bytes() + span_records_.committed_bytes();
  return totals;
}

uint64_t PageHeap::free_bytes() const {
  std::lock_guard lock(mutex_);
  return totals_.free_pages * kPageBytes;
}

void PageHeap::check_integrity() const {
  std::lock_guard lock(mutex_);
  uint64_t used = 0, free = 0, returned = 0;
  Span::State before = Span::State::kUnused;
  for (uint32_t page = 0; page < frontier_;) {
    const uint32_t index = page_spans()[page];
    const Span& span = span_at(index);
    LLMOS_CHECK(span.first_page == page && span.page_count > 0)
        << "page " << page << ", span " << index;
    LLMOS_CHECK(page_spans()[page + span.page_count - 1] == index)
        << "(3) last page of span " << index;
    const bool joined = span.state == Span::State::kUsed || span.state != before;
    LLMOS_CHECK(joined) << "(1) span " << index << " and the one before it are in one state";
    for (uint32_t i = 0; i < span.page_count; ++i) {
      const uint8_t expected =
          span.state == Span::State::kUsed ? span.size_class : detail::kClassNone;
      LLMOS_CHECK(page_classes()[page + i] == expected) << "(3) class of page " << page + i;
    }
    used += span.state == Span::State::kUsed ? span.page_count : 0;
    free += span.state == Span::State::kFree ? span.page_count : 0;
    returned += span.state == Span::State::kReturned ? span.page_count : 0;
    before = span.state;
    page += span.page_count;
  }
  uint64_t listed_free = 0, listed_returned = 0;
  for (uint32_t list = 0; list < kListCount; ++list) {
    for (const Lists* source : {&free_, &returned_}) {
      uint32_t prev = 0;
      for (uint32_t i = source->head[list]; i != 0; prev = i, i = span_at(i).next) {
        const Span& span = span_at(i);
        LLMOS_CHECK(span.prev == prev && list_of(span.page_count) == list) << "(2) span " << i;
        LLMOS_CHECK(span.state == (source == &free_ ? Span::State::kFree : Span::State::kReturned));
        (source == &free_ ? listed_free : listed_returned) += span.page_count;
      }
    }
  }
  LLMOS_CHECK(used == totals_.used_pages && free == totals_.free_pages && listed_free == free)
      << "(4) pages used " << used << ", free " << free << ", listed " << listed_free;
  LLMOS_CHECK(returned == totals_.returned_pages && listed_returned == returned) << "(2) returned";
}

}  // namespace llmos::memory
