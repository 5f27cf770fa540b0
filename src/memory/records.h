// SPDX-License-Identifier: Apache-2.0
// Where a pool keeps its own records: out of line, never inside the blocks it hands out, so that a
// pool can manage memory that the CPU cannot touch and a stray write into a freed block harms
// nobody but its writer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "llmos/memory.h"
#include "memory/budget.h"

namespace llmos::memory {

// One growing range of records memory: addresses reserved at once, memory committed as far as
// reach() asks, counted in the budget, and kept until the end. Threads  the holder's lock.
class GrowingRange {
 public:
  GrowingRange(Backing& backing, Budget& budget, size_t bytes_max);
  ~GrowingRange();
  GrowingRange(const GrowingRange&) = delete;
  GrowingRange& operator=(const GrowingRange&) = delete;

  bool valid() const { return base_ != nullptr; }
  bool reach(size_t bytes);  // makes [0, bytes) usable, zeroed; false when refused
  std::byte* base() const { return base_; }
  size_t committed_bytes() const { return committed_; }

 private:
  // Large enough to make commits rare (one per 4 MiB of small blocks), small enough for a tiny
  // pool.
  static constexpr size_t kStepBytes = 4 * Backing::kUnitBytes;

  Backing& backing_;
  Budget& budget_;
  const size_t bytes_max_;
  std::byte* base_ = nullptr;
  size_t committed_ = 0;
};

// Records of odd sizes (bitmaps, magazines, thread caches): bump allocation with a free list per
// power of two. Freed records are reused, never returned before the pool ends: their number is
// bounded by the pool's peak. Threads  any; one short lock.
class Records {
 public:
  Records(Backing& backing, Budget& budget, size_t bytes_max)
      : range_(backing, budget, bytes_max) {}

  bool valid() const { return range_.valid(); }
  void* allocate(size_t bytes);           // zeroed, 64-byte aligned; nullptr when refused
  void free(void* record, size_t bytes);  // `bytes` as given to allocate
  size_t committed_bytes() const;

 private:
  static constexpr int kShiftMin = 6, kShiftMax = 16;  // 64 B to 64 KiB
  struct Free {
    Free* next;
  };
  static int shift_of(size_t bytes);

  mutable std::mutex mutex_;
  GrowingRange range_;
  size_t used_ = 0;
  std::array<Free*, kShiftMax + 1> free_{};
};

}  // namespace llmos::memory
