// SPDX-License-Identifier: Apache-2.0
// Arrival: how often one rank has come, for others to wait for with a deadline.
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/turnstile.h"

namespace llmos::detail {

// Threads  one arrives, any number wait, any thread ends.
//
// Invariants
//   (1) the word is kStep times the arrivals, plus kEndedBit once end() was called, plus kParkedBit
//       while somebody may be parked on it
//   (2) whoever parks has set kParkedBit in the value it sleeps on; arrive() and end() change the
//       word before they wake, so no change is slept through
class alignas(kCacheLineBytes) Arrival {
 public:
  enum class Wait : uint8_t { kCame, kEnded, kTimedOut };

  // What the caller did before is visible to whom it lets through.
  void arrive() noexcept {
    // acq_rel: a rank that arrives has also seen what it waited for.
    if (word_.fetch_add(kStep, std::memory_order_acq_rel) & kParkedBit) wake();
  }
  // Ends every wait for a later arrival, now and from now on.
  void end() noexcept {
    word_.fetch_or(kEndedBit, std::memory_order_acq_rel);
    wake();
  }

  // Until the rank has come `count` times; it may have come once more. `patience`: nanoseconds from
  // the moment of parking on, for spinning takes no time worth counting; 0: for ever.
  Wait wait(uint32_t count, SpinBudget& budget, std::chrono::nanoseconds patience) noexcept {
    for (int i = 0; i < budget.now; ++i) {
      if (came(word_.load(std::memory_order_acquire), count)) {
        budget.hit();
        return Wait::kCame;
      }
      cpu_relax();
    }
    return park(count, budget, patience);
  }

 private:
  static constexpr uint32_t kParkedBit = 1, kEndedBit = 2, kStep = 4;

  // Nobody is two calls ahead, so a difference in 30 bits is unmistakable.
  static bool came(uint32_t word, uint32_t count) noexcept {
    return int32_t((word & ~(kParkedBit | kEndedBit)) - count * kStep) >= 0;
  }
  Wait park(uint32_t count, SpinBudget& budget, std::chrono::nanoseconds patience) noexcept;
  void wake() noexcept;

  std::atomic<uint32_t> word_{0};
};
static_assert(sizeof(Arrival) == kCacheLineBytes, "spun on: must not share its line");

}  // namespace llmos::detail
