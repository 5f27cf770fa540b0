// SPDX-License-Identifier: Apache-2.0
// A trace of requests played on a real Pool, a virtual second at a time: every request holds one
// block per 16 tokens, and Pool::maintain() runs once a second, as its background thread would.
// Shared by tests/memory and bench/demand_bench.
#pragma once

#include <cstdint>
#include <vector>

#include "support/demand_trace.h"

namespace llmos::test {

inline constexpr double kTokensPerBlock = 16;
inline constexpr size_t kBlockBytes = 64 * 1024;  // 4 KiB of keys and values a token: a small model
inline constexpr int kDemandWarmupSeconds = 60;   // not counted: the pool starts empty

// Who decides what the pool holds between two seconds.
struct Sizing {
  enum Kind {
    kLearned,    // maintain(), as it comes
    kSlack,      // maintain() with a fixed slack: committed ahead, however much is free now
    kThreshold,  // no maintain(): free memory beyond a fixed threshold is returned (malloc's way)
  };
  Kind kind = kLearned;
  uint64_t bytes = 0;
};

struct PoolDemand {
  double live_bytes_mean = 0;
  double resident_bytes_mean = 0;  // after each second's allocations
  double resident_bytes_peak = 0;
  uint64_t slow_commits = 0;  // allocations that had to wait for the backing
};

PoolDemand play_on_pool(const std::vector<TraceRequest>& requests, Sizing sizing);

// What a sweep of fixed sizes `step_bytes` apart offers against what was learned.
struct PoolDemandVerdict {
  PoolDemand learned;
  uint64_t bytes_at_equal_slow = 0;  // the smallest with as few slow allocations
  PoolDemand fixed_at_equal_slow;    // its run: compare resident_bytes_mean
  uint64_t bytes_at_equal_peak = 0;  // the largest with no higher peak
  PoolDemand fixed_at_equal_peak;    // its run: compare slow_commits
};

PoolDemandVerdict compare_with_fixed(const std::vector<TraceRequest>& requests, Sizing::Kind kind,
                                     uint64_t step_bytes);

}  // namespace llmos::test
