// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"
#include "memory/pool_impl.h"

namespace llmos {

using memory::kPageBytes;
using memory::kSizeClasses;
using memory::ThreadCache;

uint64_t Pool::Impl::blocks_at_hand(uint32_t size_class) const {
  uint64_t blocks = 0;
  for (ThreadCache* cache = caches; cache; cache = cache->next) {
    std::lock_guard lock(cache->mutex());
    blocks += cache->blocks(size_class);
  }
  return blocks;
}

PoolStats Pool::Impl::stats() const {
  std::lock_guard lock(caches_mutex);
  PoolStats stats;
  const auto pages = heap.totals();
  uint64_t sampled_bytes = 0, sampled_block_bytes = 0, span_bytes = 0;
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) {
    const auto totals = centrals[c].totals();
    PoolStats::Class entry{.block_bytes = kSizeClasses[c].block_bytes,
                           .slow = totals.slow_allocations};
    const uint64_t at_hand = std::min(blocks_at_hand(c), totals.out - totals.in_depot);
    entry.cached = totals.free_in_spans + totals.in_depot + at_hand;
    entry.live = totals.out - totals.in_depot - at_hand;
    entry.allocations = retired_pops[c] + entry.slow;
    for (const ThreadCache* cache = caches; cache; cache = cache->next)
      entry.allocations += cache->pops_of(c);
    stats.live_bytes += entry.live * entry.block_bytes;
    stats.cached_bytes += entry.cached * entry.block_bytes;
    span_bytes += totals.spans * kSizeClasses[c].span_pages * kPageBytes;
    stats.span_waste_bytes -= (entry.live + entry.cached) * entry.block_bytes;
    sampled_bytes += totals.request_bytes;
    sampled_block_bytes += totals.block_bytes_sampled;
    if (entry.allocations > 0 || totals.spans > 0) stats.classes.push_back(entry);
  }
  stats.span_waste_bytes += span_bytes;
  stats.large_blocks = pages.large_blocks;
  stats.large_bytes = pages.large_pages * kPageBytes;
  stats.live_bytes += stats.large_bytes;
  stats.bytes_max = budget.max();
  stats.resident_bytes = budget.used();
  stats.resident_bytes_peak = budget.peak();
  stats.free_bytes = pages.free_pages * kPageBytes;
  stats.metadata_bytes = pages.record_bytes + records.committed_bytes();
  stats.commits = pages.commits;
  stats.decommits = pages.decommits;
  stats.commit_bytes = pages.commit_bytes;
  stats.slow_commits = pages.slow_commits;
  stats.reclaims = reclaims.load(std::memory_order_relaxed);
  if (sampled_block_bytes > 0) {
    stats.internal_fragmentation = 1 - double(sampled_bytes) / double(sampled_block_bytes);
  }
  return stats;
}

// The caches are emptied first: then what is out of the spans and not in a depot is live, exactly.
void Pool::Impl::check_integrity() {
  std::lock_guard upkeep(upkeep_mutex);
  take_back_caches(UINT32_MAX);
  heap.check_integrity();
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) centrals[c].check_integrity();
  const PoolStats now = stats();
  LLMOS_CHECK(now.resident_bytes <= now.bytes_max) << "resident " << now.resident_bytes;
  const uint64_t sum = now.live_bytes + now.cached_bytes + now.free_bytes + now.span_waste_bytes +
                       now.metadata_bytes;
  LLMOS_CHECK(now.resident_bytes == sum)
      << "conservation: resident " << now.resident_bytes << ", live " << now.live_bytes
      << " + cached " << now.cached_bytes << " + free " << now.free_bytes << " + span waste "
      << now.span_waste_bytes << " + metadata " << now.metadata_bytes;
}

}  // namespace llmos
