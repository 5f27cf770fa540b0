// SPDX-License-Identifier: Apache-2.0
// What /stats and /metrics tell of the server, beside what the engine counts.
//
// Threads  Any.
#pragma once

#include <llmos/metrics.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>

#include "routes.h"
#include "token_bucket.h"

namespace server {

// Numbers that many threads count up and any reads; relaxed, for they order nothing.
class ServerMeters {
 public:
  void count(Call call, int status) {
    counts_[size_t(call)][class_of(status)].fetch_add(1, std::memory_order_relaxed);
  }
  std::atomic<uint64_t> connections{0};  // open now
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> refused{0};  // for there were too many
  std::atomic<uint64_t> evicted{0};  // idle ones that made room
  std::atomic<uint64_t> timed_out{0};
  std::atomic<uint64_t> disconnected{0};  // clients that left before their answer was whole

  // For Prometheus, format 0.0.4.
  std::string prometheus_text() const;

 private:
  static size_t class_of(int status) {
    return status >= 200 && status < 600 ? size_t(status / 100 - 2) : 3;
  }
  std::array<std::array<std::atomic<uint64_t>, 4>, kCalls> counts_{};
};

// The tokens of the last minutes, a sample a second.
class Throughput {
 public:
  static constexpr size_t kSamples = 120;

  // At most one sample a second is kept.
  void sample(const llmos::Metrics& metrics, Clock::time_point now);
  bool due(Clock::time_point now) const;

  struct View {
    double output_per_second = 0;  // over the last two seconds
    double prompt_per_second = 0;
    std::vector<double> history{};  // output tokens a second, oldest first
  };
  View view() const;

 private:
  struct Sample {
    Clock::time_point at;
    uint64_t output;
    uint64_t prompt;
  };
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  // guarded
};

// What the picture on the page and `llmos top` show. README.md describes the members.
struct StatsView {
  std::string model{};
  bool ready = true;
  double uptime_s = 0;
  uint64_t connections = 0;
  Throughput::View throughput{};
  llmos::Metrics metrics{};
  llmos::KvMap kv_map{};  // of this moment, or a little earlier; empty: not known
};
std::string stats_json(const StatsView& view);

}  // namespace server
