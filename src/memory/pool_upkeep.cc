// SPDX-License-Identifier: Apache-2.0
// Giving memory back, and having it ready before it is asked for.
#include <algorithm>

#include "base/os_memory.h"
#include "base/text.h"
#include "memory/pool_impl.h"

namespace llmos {

using memory::Central;
using memory::kPageBytes;
using memory::kSizeClasses;
using memory::ThreadCache;

namespace {

constexpr uint32_t kAnyAge = UINT32_MAX;

// Takes the page faults now instead of on the first use.
void touch(std::byte* address, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 4096)
    static_cast<volatile std::byte*>(address)[at] = std::byte{0};
}

}  // namespace

void Pool::Impl::take_back_caches(uint32_t idle_since_ms) {
  std::lock_guard lock(caches_mutex);
  for (ThreadCache* first = caches; first;) {
    ThreadCache* end = first;
    bool any = false;
    for (uint32_t i = 0; end && i < kCloseBatch; ++i, end = end->next) {
      end->mutex().lock();
      any |= end->close(idle_since_ms);
    }
    if (any) os::process_barrier();
    for (; first != end; first = first->next) {
      first->take_back();
      first->mutex().unlock();
    }
  }
}

void Pool::Impl::reclaim() {
  reclaims.fetch_add(1, std::memory_order_relaxed);
  take_back_caches(kAnyAge);
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) {
    while (centrals[c].drain_step(kAnyAge)) {
    }
    centrals[c].release_empty(kAnyAge);
  }
}

size_t Pool::Impl::collect(size_t bytes, std::chrono::milliseconds age) {
  if (age.count() < 0) age = options.idle_age;
  const uint32_t now = now_ms();
  const uint32_t idle_since = age.count() == 0    ? kAnyAge
                              : age.count() < now ? now - uint32_t(age.count())
                                                  : 0;
  take_back_caches(idle_since);
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) {
    while (centrals[c].drain_step(idle_since)) {
    }
    centrals[c].release_empty(idle_since);
  }
  size_t returned = 0;
  while (const size_t step = heap.return_step(bytes - returned, idle_since)) returned += step;
  return returned;
}

size_t Pool::Impl::prepare_blocks(size_t bytes, size_t count) {
  Central& central = centrals[detail::class_of(bytes)];
  central.prepare(count, touchable ? touch : nullptr);
  const auto totals = central.totals();
  return totals.free_in_spans + totals.in_depot;
}

// Takes the spans and puts them back, so that the pages lie together as the blocks will need them.
size_t Pool::Impl::prepare_large(size_t bytes, size_t count) {
  const auto pages = uint32_t((bytes + kPageBytes - 1) / kPageBytes);
  std::vector<memory::Span*> spans;
  while (spans.size() < count) {
    memory::Span* const span = heap.allocate(pages, 1, detail::kClassLarge, true);
    if (!span) break;
    if (touchable) touch(heap.address_of(*span), size_t{pages} * kPageBytes);
    spans.push_back(span);
  }
  for (memory::Span* span : spans) heap.free(span);
  return spans.size();
}

Status Pool::Impl::prewarm(size_t bytes, size_t count) {
  if (bytes == 0) bytes = 1;
  if (bytes > budget.max() / std::max<size_t>(count, 1)) {
    return Status(Code::kExhausted,
                  (Text() << options.name << ": " << count << " blocks of " << bytes_text(bytes)
                          << " exceed the cap of " << bytes_text(budget.max()))
                      .str());
  }
  const size_t ready =
      bytes > detail::kClassBytesMax ? prepare_large(bytes, count) : prepare_blocks(bytes, count);
  if (ready >= count) return {};
  return Status(Code::kExhausted,
                (Text() << options.name << ": prewarm of " << count << " blocks of "
                        << bytes_text(bytes) << " stopped at " << ready << ": the cap is reached")
                    .str());
}

std::array<uint64_t, detail::kClassEnd> Pool::Impl::blocks_at_hand() const {
  std::array<uint64_t, detail::kClassEnd> blocks{};
  std::lock_guard lock(caches_mutex);
  for (ThreadCache* cache = caches; cache; cache = cache->next) {
    std::lock_guard cache_lock(cache->mutex());
    for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c)
      blocks[c] += cache->blocks(c);
  }
  return blocks;
}

// What was sampled a moment ago may have changed since: the model aims at the next second, not at
// the next access.
void Pool::Impl::maintain() {
  std::lock_guard upkeep(upkeep_mutex);
  const uint32_t now = now_ms();
  const auto idle_age = uint32_t(std::clamp<int64_t>(options.idle_age.count(), 0, UINT32_MAX / 2));
  const uint32_t idle_since = now > idle_age ? now - idle_age : 0;
  take_back_caches(idle_since);

  const auto at_hand_now = blocks_at_hand();
  uint64_t live_bytes = heap.totals().large_pages * kPageBytes;
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) {
    while (centrals[c].drain_step(idle_since)) {
    }
    const auto totals = centrals[c].totals();
    if (totals.spans == 0 && !demand.knows(c)) continue;
    const uint64_t at_hand = at_hand_now[c];
    const uint64_t cached = totals.in_depot + at_hand;
    const uint64_t live = totals.out > cached ? totals.out - cached : 0;
    const double block = kSizeClasses[c].stride;
    live_bytes += live * kSizeClasses[c].stride;
    const auto wanted =
        uint64_t(std::max(demand.observe_class(c, double(live) * block) / block, 0.0));
    // Blocks at hand are ready already; the rest has to lie in spans or depot.
    const uint64_t ready_wanted = wanted > live + at_hand ? wanted - live - at_hand : 0;
    centrals[c].prepare(ready_wanted, touchable ? touch : nullptr);
    centrals[c].trim_empty();
  }

  const auto reserve = uint64_t(std::max(demand.observe_pool(double(live_bytes)), 0.0));
  const uint64_t target = std::max(reserve, live_bytes);
  const auto pages = heap.totals();
  const uint64_t held = (pages.used_pages + pages.free_pages) * kPageBytes;
  if (held < target) {
    heap.commit_ahead(target - held);
  } else {
    uint64_t surplus = std::min<uint64_t>(held - target, pages.free_pages * kPageBytes);
    while (const size_t step = heap.return_step(surplus, kAnyAge)) surplus -= step;
  }
}

void Pool::Impl::start_background() {
  background = std::thread([this] {
    std::unique_lock lock(background_mutex);
    while (!background_wake.wait_for(lock, std::chrono::seconds(1),
                                     [this] { return background_stop; })) {
      lock.unlock();
      maintain();
      lock.lock();
    }
  });
}

void Pool::Impl::stop_background() {
  if (!background.joinable()) return;
  {
    std::lock_guard lock(background_mutex);
    background_stop = true;
  }
  background_wake.notify_one();
  background.join();
}

}  // namespace llmos
