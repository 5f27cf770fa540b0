// SPDX-License-Identifier: Apache-2.0
// WaitingLine: sequences that are not in device memory, in the order of their ranks. One per
// tenant.
//
// 64 lists, one per level, under a bitmap: the best one is found by counting zeros, and every
// operation is O(1). Inside a level the order is that of arrival, as far as kSearchMax steps from
// either end find the place (those swapped out are older than all that wait, those new younger, so
// that is nearly always exact). One that shares its prefix with another stands right behind it, so
// that the prefix is read while it is there; it overtakes only those of the kSearchMax arrivals
// before it. Keyed lines are sorted by key exactly, O(length) in the worst case.
//
// Owner   The links are in the records; a sequence is on one line at most.
// Threads As Scheduler.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "sched/sequence.h"

namespace llmos::sched {

class WaitingLine {
 public:
  WaitingLine() {
    first_.fill(kNoSequence);
    last_.fill(kNoSequence);
  }

  void insert(std::span<Sequence> records, SequenceIndex index, bool keyed);
  void remove(std::span<Sequence> records, SequenceIndex index);

  bool empty() const { return used_ == 0; }
  SequenceIndex front() const;
  // The one after `index` in the whole order; kNoSequence at the end.
  SequenceIndex after(std::span<const Sequence> records, SequenceIndex index) const;
  uint32_t depth(uint32_t level) const { return count_[level]; }

 private:
  // Where to look for a sequence's place by arrival: swapped ones are within a batch's worth of the
  // front. Longer walks would show in the p99 of a decision. Also how many arrivals a shared prefix
  // may overtake.
  static constexpr uint32_t kSearchMax = 16;

  SequenceIndex place_before(std::span<const Sequence> records, const Sequence& sequence,
                             bool keyed) const;
  SequenceIndex first_from(uint32_t level) const;

  uint64_t used_ = 0;  // bit i: level i has somebody
  std::array<SequenceIndex, SchedulingRank::kLevels> first_;
  std::array<SequenceIndex, SchedulingRank::kLevels> last_;
  std::array<uint32_t, SchedulingRank::kLevels> count_{};
};

}  // namespace llmos::sched
