// SPDX-License-Identifier: Apache-2.0
// TokenBucket: a rate with room for a burst of one minute's worth.
//
//   level(t) = min(per_minute, level(t0) + per_minute * (t - t0) / 60) - taken
//
// Threads  One at a time; time is given, so that tests need not wait.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace server {

using Clock = std::chrono::steady_clock;

class TokenBucket {
 public:
  // 0: no bound.
  explicit TokenBucket(double per_minute = 0) : per_minute_(per_minute), level_(per_minute) {}

  // Seconds until `least` are there, rounded up and at least 1; 0: they are there.
  uint32_t wait_s(double least, Clock::time_point now) {
    refill(now);
    if (per_minute_ <= 0 || level_ >= least) return 0;
    return uint32_t(std::max(1.0, std::ceil((least - level_) * 60 / per_minute_)));
  }
  // May fall below 0: what a request used is known at its end only, and is paid off by waiting.
  void take(double count, Clock::time_point now) {
    refill(now);
    level_ -= count;
  }
  double level() const { return level_; }

 private:
  void refill(Clock::time_point now) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    if (started_ && seconds > 0) {
      level_ = std::min(per_minute_, level_ + per_minute_ * seconds / 60);
    }
    if (!started_ || seconds > 0) last_ = now;
    started_ = true;
  }

  double per_minute_;
  double level_;
  Clock::time_point last_{};
  bool started_ = false;
};

}  // namespace server
