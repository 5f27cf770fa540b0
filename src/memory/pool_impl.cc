// SPDX-License-Identifier: Apache-2.0
#include "memory/pool_impl.h"

#include <algorithm>
#include <bit>
#include <new>

#include "base/check.h"
#include "base/log.h"

namespace llmos {

using memory::kPageBytes;
using memory::kSizeClasses;
using memory::Span;
using memory::ThreadCache;

namespace {

std::chrono::nanoseconds steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

bool wants_checks(Checks checks) {
  return checks == Checks::kOn || (checks == Checks::kAuto && kAssertions >= 1);
}

// Bitmaps are 1/128 of the smallest blocks, two of them when checked; caches and magazines add a
// little per thread. This bounds addresses only: what is committed counts against the pool's cap.
uint64_t records_bytes_max(uint64_t bytes_max) { return bytes_max / 16 + (uint64_t{64} << 20); }

}  // namespace

Pool::Impl::Impl(PoolOptions given, std::unique_ptr<Backing> owned, Backing& from,
                 uint64_t bytes_max)
    : options(std::move(given)),
      owned_backing(std::move(owned)),
      backing(from),
      checked(wants_checks(options.checks)),
      touchable(&from == &from.metadata() || owned_backing != nullptr),
      started(options.now ? options.now() : steady_now()),
      budget(bytes_max),
      records(from.metadata(), budget, records_bytes_max(bytes_max)),
      heap(from, budget, bytes_max, clock()),
      slot(checked || !records.valid() || !heap.valid() ? detail::kCachedPools
                                                        : memory::registry::claim_slot(this)),
      demand(options.slack_bytes) {
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) {
    centrals[c].init(c, heap, records, bytes_max, checked);
  }
}

Pool::Impl::~Impl() {
  stop_background();
  memory::registry::release_slot(slot);
  take_back_caches(UINT32_MAX);
  uint64_t live = heap.totals().large_blocks;
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) {
    const auto totals = centrals[c].totals();
    live += totals.out - totals.in_depot;
  }
  if (live > 0) LLMOS_LOG(kWarn) << options.name << ": destroyed with " << live << " live blocks";
}

uint32_t Pool::Impl::now_ms() const {
  const auto now = options.now ? options.now() : steady_now();
  return uint32_t(std::chrono::duration_cast<std::chrono::milliseconds>(now - started).count()) + 1;
}

memory::Clock Pool::Impl::clock() const {
  return {[](const void* impl) { return static_cast<const Impl*>(impl)->now_ms(); }, this};
}

// ---- Caches of threads ----

ThreadCache* Pool::Impl::this_threads_cache() {
  const auto make = [](void* context) -> ThreadCache* {
    Impl& impl = *static_cast<Impl*>(context);
    void* const place = impl.records.allocate(sizeof(ThreadCache));
    if (!place) return nullptr;
    auto* const cache = new (place) ThreadCache({impl.centrals.data(), impl.clock()});
    std::lock_guard lock(impl.caches_mutex);
    cache->next = impl.caches;
    impl.caches = cache;
    return cache;
  };
  return memory::registry::adopt(slot, make, this);
}

void Pool::Impl::retire(ThreadCache* cache) {
  std::lock_guard lock(caches_mutex);
  {
    std::lock_guard cache_lock(cache->mutex());
    if (cache->close(UINT32_MAX))
      cache->take_back();  // the owner is this thread: no barrier needed
    for (uint32_t c = 0; c < detail::kClassEnd; ++c) retired_pops[c] += cache->pops_of(c);
    cache->dismantle();
  }
  ThreadCache** link = &caches;
  while (*link != cache) link = &(*link)->next;
  *link = cache->next;
  cache->~ThreadCache();
  records.free(cache, sizeof(ThreadCache));
}

// ---- Allocation ----

void* Pool::Impl::allocate(size_t bytes) {
  const uint32_t c = detail::class_of(bytes);
  for (int attempt = 0; attempt < 2; ++attempt) {
    void* block = nullptr;
    if (attempt == 0) centrals[c].sample(bytes);
    if (centrals[c].take(&block, 1, true) == 1) return block;
    if (attempt == 0) reclaim();
  }
  return nullptr;
}

void* Pool::Impl::allocate_again(ThreadCache* cache, uint32_t size_class) {
  reclaim();
  return cache->pop_again(size_class);
}

void* Pool::Impl::allocate_large(size_t bytes, size_t alignment) {
  if (bytes > budget.max()) return nullptr;
  const auto pages = uint32_t((bytes + kPageBytes - 1) / kPageBytes);
  const auto align_pages = uint32_t(std::max<size_t>(alignment / kPageBytes, 1));
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (Span* const span = heap.allocate(pages, align_pages, detail::kClassLarge, false)) {
      return heap.address_of(*span);
    }
    if (attempt == 0) reclaim();
  }
  return nullptr;
}

void Pool::Impl::deallocate(void* block) {
  Span* const span = heap.span_of(block);
  if (!span) fault("deallocate", block, "is no live block of this pool (foreign, or freed before)");
  if (span->size_class != detail::kClassLarge) {
    return centrals[span->size_class].put(&block, 1);
  }
  if (block != heap.address_of(*span)) fault("deallocate", block, "points inside a large block");
  heap.free(span);
}

void Pool::Impl::fault(const char* call, const void* block, const char* what) const {
  detail::fatal(
      (Text() << options.name << ": " << call << '(' << block << "): " << what).str().c_str());
}

// ---- The polymorphic resource ----

void* Pool::Impl::Resource::do_allocate(size_t bytes, size_t alignment) {
  void* const block =
      alignment > kAlignment ? pool->allocate(bytes, alignment) : pool->allocate(bytes);
  if (!block) throw std::bad_alloc();
  return block;
}

void Pool::Impl::Resource::do_deallocate(void* block, size_t, size_t) { pool->deallocate(block); }

}  // namespace llmos
