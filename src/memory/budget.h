// SPDX-License-Identifier: Apache-2.0
// Budget counts bytes against a hard maximum.
#pragma once

#include <atomic>
#include <cstdint>

namespace llmos::memory {

// Threads  any. Relaxed throughout: the count guards nothing but itself.
// Invariant  used() <= max(), at every moment: bytes are taken before the memory is, and given back
// after.
class Budget {
 public:
  explicit Budget(uint64_t bytes_max) : max_(bytes_max) {}

  bool take(uint64_t bytes) {
    uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > max_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    raise_peak(used + bytes);
    return true;
  }
  void give(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }
  uint64_t max() const { return max_; }
  uint64_t left() const { return max_ - used(); }

 private:
  void raise_peak(uint64_t used) {
    uint64_t peak = peak_.load(std::memory_order_relaxed);
    while (used > peak && !peak_.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
    }
  }

  const uint64_t max_;
  std::atomic<uint64_t> used_{0};
  std::atomic<uint64_t> peak_{0};
};

}  // namespace llmos::memory
