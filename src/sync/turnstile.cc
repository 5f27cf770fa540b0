// SPDX-License-Identifier: Apache-2.0
#include "sync/turnstile.h"

namespace llmos::detail {

void Turnstile::park(uint32_t generation) noexcept {
  uint32_t word = word_.load(std::memory_order_acquire);
  while ((word & ~kParkedBit) == generation) {
    // Relaxed on failure is not enough: the loop may end on what it read.
    if ((word & kParkedBit) == 0 &&
        !word_.compare_exchange_weak(word, word | kParkedBit, std::memory_order_acq_rel,
                                     std::memory_order_acquire))
      continue;
    futex_wait(word_, generation | kParkedBit, kNever);
    word = word_.load(std::memory_order_acquire);
  }
}

}  // namespace llmos::detail
