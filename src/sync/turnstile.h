// SPDX-License-Identifier: Apache-2.0
// Turnstile: a generation that one thread advances and others wait for, spinning first.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>

#include "sync/futex.h"

namespace llmos::detail {

// How long one thread spins before it parks, in pauses. A wait that ends while spinning doubles the
// budget, one that has to park halves it: so a thread whose partners have no CPU parks early by
// itself. Threads: one.
struct SpinBudget {
  int least = 0;
  int most = 0;
  int now = 0;
  // Offers of the CPU between spinning and parking: for teams that are larger than their CPUs only,
  // see WorkerPool::kYieldsCrowded.
  int yields = 0;

  void hit() noexcept { now = std::min(now * 2, most); }
  void miss() noexcept { now = std::max(now / 2, least); }
};

// Invariants
//   (1) the word is twice the number of advances, plus 1 while somebody may be parked on it
//   (2) whoever parks has made it odd first, and an advance that replaces an odd word wakes all:
//       the two are read-modify-writes of one word, so no advance is slept through
class alignas(kCacheLineBytes) Turnstile {
 public:
  // To be read while the next advance cannot happen yet.
  uint32_t generation() const noexcept {
    return word_.load(std::memory_order_relaxed) & ~kParkedBit;
  }

  // What the caller did before is visible to whom it lets through. One caller at a time.
  void advance() noexcept {
    const uint32_t before = word_.exchange(generation() + kStep, std::memory_order_acq_rel);
    if (before & kParkedBit) futex_wake(word_, UINT32_MAX);
  }

  // Returns once the generation is past `generation`.
  void wait(uint32_t generation, SpinBudget& budget) noexcept {
    for (int i = 0; i < budget.now; ++i) {
      if (passed(generation)) return budget.hit();
      cpu_relax();
    }
    for (int i = 0; i < budget.yields; ++i) {
      if (passed(generation)) return budget.miss();
      std::this_thread::yield();
    }
    budget.miss();
    park(generation);
  }

 private:
  static constexpr uint32_t kParkedBit = 1;
  static constexpr uint32_t kStep = 2;

  // Acquire: with advance().
  bool passed(uint32_t generation) const noexcept {
    return (word_.load(std::memory_order_acquire) & ~kParkedBit) != generation;
  }

  void park(uint32_t generation) noexcept;

  std::atomic<uint32_t> word_{0};
};
static_assert(sizeof(Turnstile) == kCacheLineBytes, "spun on: must not share its line");

}  // namespace llmos::detail
