// SPDX-License-Identifier: Apache-2.0
// Time as a dependency: what waits or measures takes a Clock, so that schedulers, time-outs and
// forecasts run in tests on a VirtualClock, in any order and without waiting.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace llmos {

class Clock;
using Nanos = std::chrono::nanoseconds;
// A moment on some Clock, in nanoseconds since that clock's own origin. Instant::max() is never.
using Instant = std::chrono::time_point<Clock, Nanos>;

// Never runs backwards. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const noexcept = 0;
  // Returns at `deadline` or later; at once when it has passed.
  virtual void sleep_until(Instant deadline) = 0;
  // One wait on `wakeup`, which the caller repeats while its condition is false, as with
  // std::condition_variable: false when `deadline` has passed, true after a notification or for no
  // reason. `lock` is held before and after.
  virtual bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
                          Instant deadline) = 0;

  void sleep_for(Nanos duration) { sleep_until(after(duration)); }
  // now() + duration, or Instant::max() where that would overflow.
  Instant after(Nanos duration) const noexcept;
};

// The machine's monotonic clock.
class RealClock final : public Clock {
 public:
  Instant now() const noexcept override;
  void sleep_until(Instant deadline) override;
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
                  Instant deadline) override;
};

// The RealClock that everyone may share. It has no state.
Clock& real_clock() noexcept;

// Stands still until somebody moves it on.
//
// Invariants
//   (1) now() never decreases, whichever threads advance.
//   (2) a sleeper wakes exactly by an advance that reaches its deadline.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(Instant start = Instant()) : now_(start) {}

  Instant now() const noexcept override;
  void sleep_until(Instant deadline) override;
  // Notifications arrive at once; an advance is noticed within kPoll of real time, because a
  // foreign condition variable cannot be notified safely from here (its mutex may already be gone).
  bool wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
                  Instant deadline) override;

  // `duration` must not be negative. Stops at Instant::max().
  void advance(Nanos duration);
  // No effect when `instant` has passed.
  void advance_to(Instant instant);

  // Threads inside sleep_until() or wait_until() now: a test waits for them before it advances.
  int waiting_count() const noexcept;

 private:
  static constexpr Nanos kPoll = std::chrono::milliseconds(1);  // short to a test, long to a CPU

  // Written under mutex_, so that a sleeper cannot miss an advance. Read without it: release and
  // acquire make what the advancing thread did before visible to whoever sees the new time.
  std::atomic<Instant> now_;
  std::atomic<int> waiting_count_{0};
  std::mutex mutex_;
  std::condition_variable advanced_;
};

}  // namespace llmos
