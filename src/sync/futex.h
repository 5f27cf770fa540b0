// SPDX-License-Identifier: Apache-2.0
// Sleeping on a 32-bit word: the one place of this folder that calls the operating system.
#pragma once

#include <atomic>
#include <cstdint>

#include "llmos/queue.h"

namespace llmos::detail {

// Sleeps while `word` is `expected`. Returns when woken, when the word differs, or for no reason:
// the caller looks again. False when the deadline has passed.
bool futex_wait(const std::atomic<uint32_t>& word, uint32_t expected, Deadline deadline) noexcept;
void futex_wake(std::atomic<uint32_t>& word, uint32_t count) noexcept;

}  // namespace llmos::detail
