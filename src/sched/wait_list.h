// SPDX-License-Identifier: Apache-2.0
// WaitList: everybody who did not run in the last step, the longest unserved first.
//
// Time never runs backwards, so who starts to wait goes to the back, and the list stays ordered by
// `waited_since` without ever being sorted: O(1) each.
#pragma once

#include <span>

#include "sched/sequence.h"

namespace llmos::sched {

class WaitList {
 public:
  SequenceIndex front() const { return first_; }
  SequenceIndex back() const { return last_; }

  void append(std::span<Sequence> records, SequenceIndex index) {
    records[index].wait_previous = last_;
    records[index].wait_next = kNoSequence;
    (last_ == kNoSequence ? first_ : records[last_].wait_next) = index;
    last_ = index;
  }

  void remove(std::span<Sequence> records, SequenceIndex index) {
    Sequence& sequence = records[index];
    const SequenceIndex next = sequence.wait_next, previous = sequence.wait_previous;
    (next == kNoSequence ? last_ : records[next].wait_previous) = previous;
    (previous == kNoSequence ? first_ : records[previous].wait_next) = next;
    sequence.wait_next = sequence.wait_previous = kNoSequence;
  }

 private:
  SequenceIndex first_ = kNoSequence;
  SequenceIndex last_ = kNoSequence;
};

}  // namespace llmos::sched
