// SPDX-License-Identifier: Apache-2.0
#include "memory/records.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "memory/size_class.h"

namespace llmos::memory {

namespace {

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

GrowingRange::GrowingRange(Backing& backing, Budget& budget, size_t bytes_max)
    : backing_(backing), budget_(budget), bytes_max_(round_up(bytes_max, kPageBytes)) {
  base_ = backing_.reserve(bytes_max_, kPageBytes);
}

GrowingRange::~GrowingRange() {
  if (!base_) return;
  backing_.release(base_, bytes_max_);
  budget_.give(committed_);
}

bool GrowingRange::reach(size_t bytes) {
  if (bytes <= committed_) return true;
  if (bytes > bytes_max_) return false;
  // A whole step where the budget allows it, else just enough.
  const size_t wide = std::min(round_up(bytes, kStepBytes), bytes_max_) - committed_;
  const size_t tight = round_up(bytes, kPageBytes) - committed_;
  for (const size_t more : {wide, tight}) {
    if (!budget_.take(more)) continue;
    if (backing_.commit(base_ + committed_, more)) {
      committed_ += more;
      return true;
    }
    budget_.give(more);
  }
  return false;
}

int Records::shift_of(size_t bytes) {
  const int shift = std::max(kShiftMin, int(std::bit_width(bytes - 1)));
  LLMOS_CHECK(shift <= kShiftMax) << "a record of " << bytes << " bytes";
  return shift;
}

void* Records::allocate(size_t bytes) {
  const int shift = shift_of(bytes);
  const size_t rounded = size_t{1} << shift;
  std::lock_guard lock(mutex_);
  if (Free* record = free_[size_t(shift)]) {
    free_[size_t(shift)] = record->next;
    std::memset(static_cast<void*>(record), 0, bytes);
    return record;
  }
  if (!range_.reach(used_ + rounded)) return nullptr;
  void* const record = range_.base() + used_;
  used_ += rounded;
  return record;
}

void Records::free(void* record, size_t bytes) {
  const size_t shift = size_t(shift_of(bytes));
  std::lock_guard lock(mutex_);
  auto* const entry = static_cast<Free*>(record);
  entry->next = free_[shift];
  free_[shift] = entry;
}

size_t Records::committed_bytes() const {
  std::lock_guard lock(mutex_);
  return range_.committed_bytes();
}

}  // namespace llmos::memory
