// SPDX-License-Identifier: Apache-2.0
#include "observe/message_metrics.h"

#include <algorithm>

namespace llmos::observe {

MessageSummary MessageMetrics::summary(const QueueStats& stats) const {
  const LatencySummary latency = this->latency().latency();
  const uint64_t bytes = bytes_.value();
  const double seconds = std::chrono::duration<double>(clock_.now() - start_).count();
  const auto rate = [seconds](uint64_t count) { return seconds > 0 ? double(count) / seconds : 0; };
  return {.sent = stats.pushed,
          .received = latency.count,
          // The counts are read one after the other: a message may arrive in between.
          .lost = stats.pushed - std::min(stats.pushed, latency.count),
          .bytes_received = bytes,
          .messages_per_second = rate(latency.count),
          .bytes_per_second = rate(bytes),
          .latency = latency};
}

Result<QueueWatches> detail::watch_queue(Registry& registry, const std::string& stem,
                                         const Labels& labels, const MessageMetrics& metrics,
                                         const std::function<QueueStats()>& stats) {
  Result<Watch> made[] = {
      registry.watch_counter(stem + "_pushed_total", "Messages pushed.", labels,
                             [stats] { return stats().pushed; }),
      registry.watch_counter(stem + "_popped_total", "Messages popped.", labels,
                             [stats] { return stats().popped; }),
      registry.watch_counter(stem + "_full_rejections_total", "Pushes that found it full.", labels,
                             [stats] { return stats().full_rejections; }),
      registry.watch_counter(stem + "_received_bytes_total", "Bytes of the messages popped.",
                             labels, [&metrics] { return metrics.bytes_received(); }),
      registry.watch_gauge(stem + "_depth", "Messages in the queue.", labels,
                           [stats] {
                             const QueueStats now = stats();
                             return double(now.pushed - std::min(now.pushed, now.popped));
                           }),
      registry.watch_histogram(stem + "_latency_seconds", "Time from the push to the pop.", labels,
                               [&metrics] { return metrics.latency(); }),
  };
  QueueWatches watches;
  for (size_t i = 0; i < watches.size(); ++i) {
    if (!made[i].ok()) return made[i].status();
    watches[i] = *std::move(made[i]);
  }
  return watches;
}

}  // namespace llmos::observe
