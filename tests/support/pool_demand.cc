// SPDX-License-Identifier: Apache-2.0
#include "support/pool_demand.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "llmos/memory.h"

namespace llmos::test {

namespace {

std::chrono::nanoseconds virtual_time{0};  // Pool takes a plain function as its clock

struct InFlight {
  const TraceRequest* request;
  std::vector<void*> blocks;
};

// Sizes every request's blocks to what it holds at `second`; ended ones free theirs and leave.
void advance(Pool& pool, std::vector<InFlight>& running, double second) {
  std::erase_if(running, [&](InFlight& entry) {
    if (end_s(*entry.request) > second) return false;
    for (void* block : entry.blocks) pool.deallocate(block);
    return true;
  });
  for (InFlight& entry : running) {
    const auto wanted = size_t(std::ceil(tokens_held(*entry.request, second) / kTokensPerBlock));
    while (entry.blocks.size() < wanted) entry.blocks.push_back(pool.allocate(kBlockBytes));
  }
}

void upkeep(Pool& pool, const Sizing& sizing, const PoolStats& stats) {
  if (sizing.kind != Sizing::kThreshold) return pool.maintain();
  const uint64_t idle = stats.free_bytes + stats.cached_bytes;
  if (idle > sizing.bytes) pool.collect(idle - sizing.bytes, std::chrono::milliseconds(0));
}

}  // namespace

PoolDemand play_on_pool(const std::vector<TraceRequest>& requests, Sizing sizing) {
  virtual_time = std::chrono::seconds(1);
  std::optional<uint64_t> slack;
  if (sizing.kind == Sizing::kSlack) slack = sizing.bytes;
  const auto pool = Pool::create({.bytes_max = uint64_t{4} << 30,
                                  .huge_pages = HugePages::kNone,
                                  .checks = Checks::kOff,
                                  .slack_bytes = slack,
                                  .now = [] { return virtual_time; }})
                        .value();
  PoolDemand result;
  std::vector<InFlight> running;
  uint64_t slow_before = 0;
  int counted = 0;
  const int seconds = int(requests.back().start_s);
  for (int second = 0, next = 0; second <= seconds; ++second) {
    while (size_t(next) < requests.size() && requests[size_t(next)].start_s <= second) {
      running.push_back({&requests[size_t(next++)], {}});
    }
    advance(*pool, running, second);
    const PoolStats stats = pool->stats();
    if (second < kDemandWarmupSeconds) {
      slow_before = stats.slow_commits;
    } else {
      ++counted;
      result.live_bytes_mean += double(stats.live_bytes);
      result.resident_bytes_mean += double(stats.resident_bytes);
      result.resident_bytes_peak =
          std::max(result.resident_bytes_peak, double(stats.resident_bytes));
      result.slow_commits = stats.slow_commits - slow_before;
    }
    upkeep(*pool, sizing, stats);
    virtual_time += std::chrono::seconds(1);
  }
  for (InFlight& entry : running) {
    for (void* block : entry.blocks) pool->deallocate(block);
  }
  result.live_bytes_mean /= counted;
  result.resident_bytes_mean /= counted;
  return result;
}

PoolDemandVerdict compare_with_fixed(const std::vector<TraceRequest>& requests, Sizing::Kind kind,
                                     uint64_t step_bytes) {
  PoolDemandVerdict verdict;
  verdict.learned = play_on_pool(requests, {});
  constexpr uint64_t kBytesMax = uint64_t{1} << 30;  // then it is worse than any resident figure
  for (uint64_t bytes = 0; bytes <= kBytesMax; bytes += step_bytes) {
    const PoolDemand fixed = play_on_pool(requests, {kind, bytes});
    if (bytes == 0 || fixed.resident_bytes_peak <= verdict.learned.resident_bytes_peak) {
      verdict.bytes_at_equal_peak = bytes;
      verdict.fixed_at_equal_peak = fixed;
    }
    verdict.bytes_at_equal_slow = bytes;
    verdict.fixed_at_equal_slow = fixed;
    if (fixed.slow_commits <= verdict.learned.slow_commits) break;
  }
  return verdict;
}

}  // namespace llmos::test
