// SPDX-License-Identifier: Apache-2.0
// Buffer: memory of a device, counted against the device's cap.
//
// Owner    whoever holds it; move-only. The device outlives its buffers.
// Threads  one at a time; the bytes are for whoever the owner says.
// Content  zero when made.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "llmos/status.h"

namespace llmos {

// The bytes that buffers may take.
// Threads    any. Relaxed throughout: the count guards nothing but itself.
// Invariant  used() <= max() at every moment.
class ByteBudget {
 public:
  explicit ByteBudget(uint64_t bytes_max) noexcept : max_(bytes_max) {}

  bool take(uint64_t bytes) noexcept {
    uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > max_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void give(uint64_t bytes) noexcept { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  uint64_t max() const noexcept { return max_; }

 private:
  const uint64_t max_;
  std::atomic<uint64_t> used_{0};
};

class Buffer {
 public:
  // Of every buffer: a cache line, and the widest vector.
  static constexpr size_t kAlignment = 64;

  Buffer() = default;
  // Takes whole pages, huge ones where they fit and the system has them. A buffer of 0 bytes has no
  // memory. kExhausted: the budget or the system refuses; then nothing was taken.
  static Result<Buffer> create(ByteBudget& budget, size_t bytes);
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer(std::move(other)).swap(*this);
    return *this;
  }

  std::byte* data() const noexcept { return data_; }
  size_t bytes() const noexcept { return bytes_; }        // as asked for
  size_t bytes_taken() const noexcept { return taken_; }  // with the rest of the last page
  static size_t bytes_taken(size_t bytes) noexcept;       // by a buffer of `bytes`
  template <class T>
  T* as() const noexcept {
    return reinterpret_cast<T*>(data_);
  }

  // Gives the memory back now.
  void reset() noexcept;

 private:
  void swap(Buffer& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(taken_, other.taken_);
  }

  ByteBudget* budget_ = nullptr;
  std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  size_t taken_ = 0;
};

}  // namespace llmos
