// SPDX-License-Identifier: Apache-2.0
#include "sync/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace llmos::detail {

static_assert(sizeof(std::atomic<uint32_t>) == 4 && std::atomic<uint32_t>::is_always_lock_free,
              "the kernel reads the word as a plain 32-bit integer");

bool futex_wait(const std::atomic<uint32_t>& word, uint32_t expected, Deadline deadline) noexcept {
  timespec until{};
  if (deadline != kNever) {
    // steady_clock is CLOCK_MONOTONIC, and FUTEX_WAIT_BITSET takes an absolute time of that clock.
    const auto since_boot = std::max(deadline.time_since_epoch(), Deadline::duration::zero());
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(since_boot).count();
    until = {.tv_sec = time_t(ns / 1'000'000'000), .tv_nsec = long(ns % 1'000'000'000)};
  }
  const long result =
      syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
              deadline == kNever ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
  return result == 0 || errno != ETIMEDOUT;
}

void futex_wake(std::atomic<uint32_t>& word, uint32_t count) noexcept {
  const int limit = int(std::min<uint32_t>(count, INT_MAX));
  syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, limit, nullptr, nullptr, 0);
}

}  // namespace llmos::detail
