// SPDX-License-Identifier: Apache-2.0
// What LLMOS measured, as plain values: copies, taken at one moment, free to keep and to send.
#pragma once

#include <chrono>
#include <cstdint>

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

}  // namespace llmos
