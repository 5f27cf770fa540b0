// SPDX-License-Identifier: Apache-2.0
#include "sync/event.h"

#include "base/check.h"
#include "base/os_memory.h"
#include "sync/futex.h"

namespace llmos {

namespace detail {

Deadline deadline_after(std::chrono::nanoseconds timeout) noexcept {
  const Deadline now = std::chrono::steady_clock::now();
  return timeout < kNever - now ? now + timeout : kNever;
}

size_t queue_capacity(size_t requested) {
  LLMOS_CHECK(requested >= 1 && requested <= kQueueCapacityMax)
      << "queue capacity: expected 1 to " << kQueueCapacityMax << ", found " << requested;
  return std::bit_ceil(requested);
}

EventCount::EventCount() noexcept : asymmetric_(os::process_barrier_available()) {}

void EventCount::prepare() noexcept {
  // acq_rel: the ordering with the notifiers of a build without the process barrier.
  waiters_.fetch_add(1, std::memory_order_acq_rel);
  if (asymmetric_) os::process_barrier();
}

void EventCount::cancel() noexcept {
  uint32_t waiters = waiters_.load(std::memory_order_relaxed);
  while (waiters > 0) {
    if (waiters_.compare_exchange_weak(waiters, waiters - 1, std::memory_order_acq_rel,
                                       std::memory_order_relaxed))
      return;
  }
  // Everybody registered has been called, this thread too: its token is there or on its way.
  take_token(kNever);
}

bool EventCount::wait(Deadline deadline) noexcept {
  if (take_token(deadline)) return true;
  cancel();
  return false;
}

bool EventCount::take_token(Deadline deadline) noexcept {
  uint32_t tokens = tokens_.load(std::memory_order_relaxed);
  for (bool in_time = true;;) {
    while (tokens > 0) {
      // Acquire: with the caller's release, its store of the condition is visible.
      if (tokens_.compare_exchange_weak(tokens, tokens - 1, std::memory_order_acquire,
                                        std::memory_order_relaxed))
        return true;
    }
    if (!in_time) return false;
    in_time = futex_wait(tokens_, 0, deadline);
    tokens = tokens_.load(std::memory_order_relaxed);
  }
}

void EventCount::wake(size_t count) noexcept {
  uint32_t waiters = waiters_.load(std::memory_order_relaxed);
  uint32_t called = 0;
  do {
    called = uint32_t(std::min<size_t>(count, waiters));
    if (called == 0) return;
    // acq_rel: a waiter that registers later reads this and so sees the condition.
  } while (!waiters_.compare_exchange_weak(waiters, waiters - called, std::memory_order_acq_rel,
                                           std::memory_order_relaxed));
  tokens_.fetch_add(called, std::memory_order_release);
  futex_wake(tokens_, called);
}

}  // namespace detail

void Event::set() noexcept {
  uint32_t expected = kUnset;
  // Release: what the setter did before. A closed event stays closed.
  if (state_.compare_exchange_strong(expected, kSet, std::memory_order_acq_rel,
                                     std::memory_order_relaxed))
    waiters_.notify(reset_ == Reset::kManual ? SIZE_MAX : 1);
}

void Event::reset() noexcept {
  uint32_t expected = kSet;
  state_.compare_exchange_strong(expected, kUnset, std::memory_order_acq_rel,
                                 std::memory_order_relaxed);
}

void Event::close() noexcept {
  state_.store(kClosed, std::memory_order_release);
  waiters_.notify(SIZE_MAX);
}

bool Event::look() noexcept {
  if (reset_ == Reset::kManual) return state_.load(std::memory_order_acquire) == kSet;
  uint32_t expected = kSet;
  return state_.compare_exchange_strong(expected, kUnset, std::memory_order_acq_rel,
                                        std::memory_order_relaxed);
}

bool Event::wait_until(detail::Deadline deadline) noexcept {
  bool was_set = false;
  detail::await(waiters_, deadline, detail::kFirstPause,
                [&]() noexcept { return (was_set = look()) || closed(); });
  return was_set;
}

bool Event::wait_for(std::chrono::nanoseconds timeout) noexcept {
  return look() || (timeout > timeout.zero() && wait_until(detail::deadline_after(timeout)));
}

}  // namespace llmos
