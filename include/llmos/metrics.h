// SPDX-License-Identifier: Apache-2.0
// What LLMOS measured, as plain values: copies, taken at one moment, free to keep and to send.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace llmos {

// Percentiles lie within 1/64 of the exact ones; the other numbers are exact. All zero when nothing
// was measured.
struct LatencySummary {
  uint64_t count{};
  std::chrono::nanoseconds mean{};
  std::chrono::nanoseconds min{};
  std::chrono::nanoseconds p50{};
  std::chrono::nanoseconds p90{};
  std::chrono::nanoseconds p99{};
  std::chrono::nanoseconds p999{};
  std::chrono::nanoseconds max{};
};

// A queue's traffic. sent == received + lost, and lost is 0 in a correct queue once it is drained;
// before that the messages under way count as lost.
struct MessageSummary {
  uint64_t sent{};
  uint64_t received{};
  uint64_t lost{};
  uint64_t bytes_received{};
  double messages_per_second{};  // since the metrics were made or reset
  double bytes_per_second{};
  LatencySummary latency{};  // from the push to the pop
};

// What one tenant used.
struct TenantUse {
  std::string tenant{};
  uint64_t requests{};
  uint64_t prompt_tokens{};
  uint64_t output_tokens{};
  double kv_block_seconds{};
  // Where tenants have limits: blocks that its sequences take now, and may take (0: no limit).
  uint32_t kv_blocks{};
  uint32_t kv_blocks_max{};
};

// What a block of the memory for keys and values is used for.
enum class KvBlockUse : uint8_t {
  kFree,
  kSequence,  // one sequence has it
  kShared,    // several sequences have it
  kCached,    // the prefix cache alone, until somebody needs the room
  kPinned,    // the prefix cache, for as long as the pin lives; sequences may have it too
  kMoving,    // on its way to the disk or back; whose it is is not told
};

struct KvBlock {
  KvBlockUse use{};
  uint32_t tenant{};  // whose it is, where that is told: index into Metrics::tenants
};

// The memory for keys and values at one moment, between two steps.
struct KvMap {
  std::vector<KvBlock> blocks{};
  uint32_t block_tokens{};
  uint64_t block_bytes{};
};

// An engine at one moment. Counts of requests and tokens are since it was opened.
struct Metrics {
  uint64_t submitted{};
  uint64_t refused{};    // at submit: queue full, deadline hopeless
  uint64_t completed{};  // stopped by themselves or at their length
  uint64_t cancelled{};
  uint64_t failed{};
  uint64_t prompt_tokens{};  // computed, again after an eviction included
  uint64_t cached_tokens{};  // of prompts, taken from the prefix cache
  uint64_t output_tokens{};
  uint64_t steps{};
  uint64_t steps_failed{};
  uint64_t preemptions{};
  uint64_t recomputed_tokens{};
  uint64_t swapped_tokens{};  // both ways, as the bytes
  uint64_t swapped_bytes{};
  uint64_t swap_failures{};  // blocks not written, or not read back right: computed again
  uint64_t reopened{};       // times that the device was given up and opened again
  uint32_t waiting{};        // sequences, by where they are
  uint32_t running{};
  uint32_t swapped{};  // on a lower tier, or on the way there or back
  uint32_t parked{};
  uint64_t swap_bytes{};  // on a lower tier
  std::vector<uint32_t> waiting_by_level{};
  uint32_t kv_blocks{};
  uint32_t kv_blocks_free{};
  uint32_t kv_blocks_cached{};  // held by the prefix cache alone
  uint32_t
      kv_blocks_pinned{};  // held by pins (Engine::pin); what several pins share counts for each
  double kv_waste{};       // share of the sequences' blocks that holds no token
  double utilisation{};    // share of the time that a step was running
  LatencySummary step{};
  LatencySummary planning{};          // a step's share that is not computing
  LatencySummary scheduling_delay{};  // from the submission to the first step
  LatencySummary first_token{};
  LatencySummary token_gap{};  // between tokens of one answer
  LatencySummary total{};
  std::vector<TenantUse> tenants{};
};

}  // namespace llmos
