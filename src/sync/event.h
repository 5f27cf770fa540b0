// SPDX-License-Identifier: Apache-2.0
// Event: a flag that threads can sleep on. (EventCount, for waiting on a condition kept elsewhere,
// is in llmos/queue.h.)
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "llmos/queue.h"

namespace llmos {

// Threads   every call from any thread. What happened before set() is visible after the wait() that
//           it ends.
// Closing   ends every wait, now and later, with false; set() then has no effect.
//
// Invariants
//   (1) manual: once set, every wait answers true until reset(); automatic: one set() ends one
//       wait, sets before that wait count as one
//   (2) a closed event never becomes set
class Event {
 public:
  enum class Reset : uint8_t { kManual, kAutomatic };
  explicit Event(Reset reset = Reset::kManual) : reset_(reset) {}

  void set() noexcept;
  void reset() noexcept;
  void close() noexcept;
  bool closed() const noexcept { return state_.load(std::memory_order_acquire) == kClosed; }

  // True when set; false when closed.
  bool wait() noexcept { return wait_until(detail::kNever); }
  // True when set; false when closed or `timeout` has passed. Zero or less only looks.
  bool wait_for(std::chrono::nanoseconds timeout) noexcept;

 private:
  enum State : uint32_t { kUnset, kSet, kClosed };

  bool look() noexcept;  // true when it was set; takes the set of an automatic event
  bool wait_until(detail::Deadline deadline) noexcept;

  const Reset reset_;
  std::atomic<uint32_t> state_{kUnset};
  detail::EventCount waiters_;
};

}  // namespace llmos
