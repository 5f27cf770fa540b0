// SPDX-License-Identifier: Apache-2.0
// Numbers that many threads write and few read.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/check.h"

#if !__has_builtin(__builtin_thread_pointer)
  #include <pthread.h>
#endif

namespace llmos::observe {

// Writers of different shards do not share a cache line. 64 bytes: the line of x86-64 and of the
// server ARM cores.
inline constexpr size_t kLineBytes = 64;
// Sixteen shards make a counter 1 KiB; two of eight busy threads meet in one with p = 0.88, which
// costs them speed and nothing else.
inline constexpr int kShardBits = 4;

// A number that is this thread's own while it lives. Another thread may have it later.
inline uintptr_t thread_number() noexcept {
#if __has_builtin(__builtin_thread_pointer)
  return reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
#else
  return uintptr_t(pthread_self());
#endif
}

// `bits` well-mixed bits of thread_number(): Fibonacci hashing, 2^64 divided by the golden ratio.
// Needs no registration and no state of the process.
inline size_t thread_hash(int bits) noexcept {
  return size_t((uint64_t(thread_number()) * 0x9e3779b97f4a7c15u) >> (64 - bits));
}

// Counts events: only ever grows, modulo 2^64.
//
// Threads  add() from any, without waiting; value() from any, exact over all calls of add() that
//          happened before it.
class Counter {
 public:
  Counter() = default;
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void add(uint64_t count = 1) noexcept {
    // Relaxed: a count orders nothing; its atomicity alone makes the sum exact.
    shards_[thread_hash(kShardBits)].count.fetch_add(count, std::memory_order_relaxed);
  }
  uint64_t value() const noexcept {
    uint64_t sum = 0;
    for (const Shard& shard : shards_) sum += shard.count.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  struct alignas(kLineBytes) Shard {
    std::atomic<uint64_t> count{0};
  };
  static_assert(sizeof(Shard) == kLineBytes);
  std::array<Shard, size_t{1} << kShardBits> shards_;
};

// A level: what is true now. One line, because the last writer wins and writes are rare.
// Threads  All methods from any thread.
class Gauge {
 public:
  Gauge() = default;
  Gauge(const Gauge&) = delete;
  Gauge& operator=(const Gauge&) = delete;

  // Relaxed, as in Counter.
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double change) noexcept { value_.fetch_add(change, std::memory_order_relaxed); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(kLineBytes) std::atomic<double> value_{0};
};

}  // namespace llmos::observe
