// SPDX-License-Identifier: Apache-2.0
// MessageMetrics measures the traffic of one queue (queue.h): latency from push to pop, loss, and
// bandwidth.
//
//   MessageMetrics metrics(MessageMetrics::Consumers::kOne);
//   MpscQueue<Job, MessageProbe> queue(1024, metrics.probe());
//   ...
//   MessageSummary traffic = metrics.summary(queue.stats());   // traffic.lost == 0 once drained
//   auto watches = watch_queue(registry, "llmos_submit", {}, queue, metrics);
//
// Owner    Whoever owns the queue; it must outlive the queue.
// Threads  Probes run on the threads of the queue; everything else from any thread.
// Cost     One read of the time-stamp counter per push; at the pop one more, and one value in a
//          histogram and one in a counter. A queue without a probe pays nothing.
#pragma once

#include <array>

#include "base/clock.h"
#include "base/cycles.h"
#include "llmos/queue.h"
#include "observe/registry.h"

namespace llmos::observe {

class MessageMetrics;

// Fits the QueueProbe concept. A handle: copies measure into the same metrics.
class MessageProbe {
 public:
  using Stamp = uint64_t;  // cycles() before the push
  explicit MessageProbe(MessageMetrics& metrics) : metrics_(&metrics) {}

  Stamp pushed(const auto& /*message*/) noexcept { return cycles(); }
  inline void popped(const auto& message, Stamp stamp) noexcept;

 private:
  MessageMetrics* metrics_;
};

class MessageMetrics {
 public:
  enum class Consumers : uint8_t {
    kOne,  // a single consumer thread, as in MpscQueue: cheaper
    kMany,
  };

  // Rates count from now by `clock`.
  explicit MessageMetrics(Consumers consumers, const Clock& clock = real_clock())
      : consumers_(consumers), clock_(clock), start_(clock.now()), ns_per_tick_(ns_per_cycle()) {}

  MessageProbe probe() { return MessageProbe(*this); }

  // Of a queue that had this probe from its first message on; `stats` are its own counts. What it
  // counts as pushed and no probe saw popped is lost or still under way.
  MessageSummary summary(const QueueStats& stats) const;
  HistogramSnapshot latency() const { return latency_.snapshot(); }  // in nanoseconds
  uint64_t bytes_received() const { return bytes_.value(); }

 private:
  friend class MessageProbe;
  void received(uint64_t bytes, uint64_t pushed_at) noexcept {
    const uint64_t now = cycles();
    // Counters of different cores may differ by some ticks: no latency is negative.
    const auto ns = now > pushed_at ? uint64_t(double(now - pushed_at) * ns_per_tick_) : 0;
    bytes_.add(bytes);
    consumers_ == Consumers::kOne ? latency_.record_exclusive(ns) : latency_.record(ns);
  }

  const Consumers consumers_;
  const Clock& clock_;
  const Instant start_;
  const double ns_per_tick_;
  Counter bytes_;
  Histogram latency_;
};

// A message's bytes are what its bytes() says, else its own size.
void MessageProbe::popped(const auto& message, Stamp stamp) noexcept {
  if constexpr (requires { uint64_t(message.bytes()); }) {
    metrics_->received(uint64_t(message.bytes()), stamp);
  } else {
    metrics_->received(sizeof message, stamp);
  }
}

using QueueWatches = std::array<Watch, 6>;

namespace detail {
Result<QueueWatches> watch_queue(Registry& registry, const std::string& stem, const Labels& labels,
                                 const MessageMetrics& metrics,
                                 const std::function<QueueStats()>& stats);
}

// Puts the queue's numbers into the registry under names that begin with `stem`: _pushed_total,
// _popped_total, _full_rejections_total, _received_bytes_total, _depth and _latency_seconds. The
// watches must be destroyed before the queue and the metrics.
template <class Queue>
Result<QueueWatches> watch_queue(Registry& registry, const std::string& stem, const Labels& labels,
                                 const Queue& queue, const MessageMetrics& metrics) {
  return detail::watch_queue(registry, stem, labels, metrics, [&queue] { return queue.stats(); });
}

}  // namespace llmos::observe
