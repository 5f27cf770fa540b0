// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <algorithm>
#include <thread>

#include "base/check.h"

namespace llmos {

namespace {

using Steady = std::chrono::steady_clock;

Steady::time_point to_steady(Instant instant) {
  return Steady::time_point(
      std::chrono::duration_cast<Steady::duration>(instant.time_since_epoch()));
}

// a + b for b >= 0, stopping at the end of time.
Instant add_saturating(Instant a, Nanos b) {
  return b > Instant::max() - std::max(a, Instant()) ? Instant::max() : a + b;
}

// Counts a thread as waiting. Relaxed inside: the count is only watched.
class WaitingScope {
 public:
  explicit WaitingScope(std::atomic<int>& count) : count_(count) {
    count_.fetch_add(1, std::memory_order_relaxed);
  }
  ~WaitingScope() { count_.fetch_sub(1, std::memory_order_relaxed); }
  WaitingScope(const WaitingScope&) = delete;
  WaitingScope& operator=(const WaitingScope&) = delete;

 private:
  std::atomic<int>& count_;
};

}  // namespace

Instant Clock::after(Nanos duration) const noexcept {
  return duration < Nanos(0) ? now() + duration : add_saturating(now(), duration);
}

Instant RealClock::now() const noexcept {
  return Instant(std::chrono::duration_cast<Nanos>(Steady::now().time_since_epoch()));
}

void RealClock::sleep_until(Instant deadline) {
  std::this_thread::sleep_until(to_steady(deadline));
}

bool RealClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
                           Instant deadline) {
  return wakeup.wait_until(lock, to_steady(deadline)) == std::cv_status::no_timeout;
}

Clock& real_clock() noexcept {
  static RealClock clock;
  return clock;
}

Instant VirtualClock::now() const noexcept { return now_.load(std::memory_order_acquire); }

void VirtualClock::sleep_until(Instant deadline) {
  std::unique_lock lock(mutex_);
  const WaitingScope waiting(waiting_count_);
  advanced_.wait(lock, [&] { return now() >= deadline; });
}

bool VirtualClock::wait_until(std::unique_lock<std::mutex>& lock, std::condition_variable& wakeup,
                              Instant deadline) {
  const WaitingScope waiting(waiting_count_);
  if (now() >= deadline) return false;
  // Back to the caller after each poll: a notification between two of them finds nobody waiting,
  // and only the caller knows the condition that it announced.
  return wakeup.wait_for(lock, kPoll) == std::cv_status::no_timeout || now() < deadline;
}

void VirtualClock::advance(Nanos duration) {
  LLMOS_CHECK(duration >= Nanos(0)) << "advance by " << duration.count() << " ns";
  {
    std::lock_guard lock(mutex_);
    now_.store(add_saturating(now(), duration), std::memory_order_release);
  }
  advanced_.notify_all();
}

void VirtualClock::advance_to(Instant instant) {
  {
    std::lock_guard lock(mutex_);
    now_.store(std::max(now(), instant), std::memory_order_release);
  }
  advanced_.notify_all();
}

int VirtualClock::waiting_count() const noexcept {
  return waiting_count_.load(std::memory_order_relaxed);
}

}  // namespace llmos
