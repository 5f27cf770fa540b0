// SPDX-License-Identifier: Apache-2.0
#include "comm/arrival.h"

#include <chrono>
#include <thread>

namespace llmos::detail {

Arrival::Wait Arrival::park(uint32_t count, SpinBudget& budget,
                            std::chrono::nanoseconds patience) noexcept {
  for (int i = 0; i < budget.yields; ++i) {
    if (came(word_.load(std::memory_order_acquire), count)) {
      budget.miss();
      return Wait::kCame;
    }
    std::this_thread::yield();
  }
  budget.miss();
  const Deadline deadline =
      patience.count() == 0 ? kNever : std::chrono::steady_clock::now() + patience;
  bool in_time = true;
  uint32_t word = word_.load(std::memory_order_acquire);
  while (!came(word, count)) {
    if (word & kEndedBit) return Wait::kEnded;
    if (!in_time) return Wait::kTimedOut;
    // Relaxed on failure is not enough: the loop may end on what it read.
    if ((word & kParkedBit) == 0 &&
        !word_.compare_exchange_weak(word, word | kParkedBit, std::memory_order_acq_rel,
                                     std::memory_order_acquire))
      continue;
    in_time = futex_wait(word_, word | kParkedBit, deadline);
    word = word_.load(std::memory_order_acquire);
  }
  return Wait::kCame;
}

void Arrival::wake() noexcept {
  word_.fetch_and(~kParkedBit, std::memory_order_acq_rel);
  futex_wake(word_, UINT32_MAX);
}

}  // namespace llmos::detail
