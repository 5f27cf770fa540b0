// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"
#include "memory/pool_impl.h"

namespace llmos {

using memory::kPageBytes;
using memory::kSizeClasses;
using memory::ThreadCache;

// Each part is read under its own lock. Parts agree when nothing moved between two readings; while
// other threads keep allocating that may never happen, and after kTries the last reading has to do.
bool Pool::Impl::read_parts(Parts& parts) const {
  constexpr int kTries = 8;
  const auto read = [this](Parts& into) {
    into.pages = heap.totals();
    into.record_bytes = into.pages.record_bytes + records.committed_bytes();
    into.resident_bytes = budget.used();
    for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c)
      into.classes[c] = centrals[c].totals();
  };
  read(parts);
  for (int i = 0; i < kTries; ++i) {
    const Parts before = parts;
    read(parts);
    if (parts == before) return true;
  }
  return false;
}

PoolStats Pool::Impl::stats() const {
  Parts parts;
  read_parts(parts);
  return stats_of(parts);
}

PoolStats Pool::Impl::stats_of(const Parts& parts) const {
  const auto at_hand_now = blocks_at_hand();
  std::lock_guard lock(caches_mutex);
  PoolStats stats;
  const auto& pages = parts.pages;
  uint64_t sampled_bytes = 0, sampled_block_bytes = 0, span_bytes = 0;
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) {
    const auto& totals = parts.classes[c];
    PoolStats::Class entry{.block_bytes = kSizeClasses[c].block_bytes,
                           .slow = totals.slow_allocations};
    const uint64_t at_hand = std::min(at_hand_now[c], totals.out - totals.in_depot);
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
  stats.resident_bytes = parts.resident_bytes;
  stats.resident_bytes_peak = budget.peak();
  stats.free_bytes = pages.free_pages * kPageBytes;
  stats.metadata_bytes = parts.record_bytes;
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
// What other threads do meanwhile stays right in every part, but the sum over the parts is only
// checked when they hold still.
void Pool::Impl::check_integrity() {
  std::lock_guard upkeep(upkeep_mutex);
  take_back_caches(UINT32_MAX);
  heap.check_integrity();
  for (uint32_t c = detail::kClassFirst; c < detail::kClassEnd; ++c) centrals[c].check_integrity();
  Parts parts;
  const bool still = read_parts(parts);
  const PoolStats now = stats_of(parts);
  LLMOS_CHECK(now.resident_bytes <= now.bytes_max) << "resident " << now.resident_bytes;
  const uint64_t sum = now.live_bytes + now.cached_bytes + now.free_bytes + now.span_waste_bytes +
                       now.metadata_bytes;
  LLMOS_CHECK(!still || now.resident_bytes == sum)
      << "conservation: resident " << now.resident_bytes << ", live " << now.live_bytes
      << " + cached " << now.cached_bytes << " + free " << now.free_bytes << " + span waste "
      << now.span_waste_bytes << " + metadata " << now.metadata_bytes;
}

}  // namespace llmos
