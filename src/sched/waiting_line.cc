// SPDX-License-Identifier: Apache-2.0
#include "sched/waiting_line.h"

#include <bit>

#include "base/check.h"

namespace llmos::sched {
namespace {

bool goes_before(const Sequence& a, const Sequence& b) {
  if (a.view.rank.key != b.view.rank.key) return a.view.rank.key < b.view.rank.key;
  return a.view.id < b.view.id;
}

}  // namespace

SequenceIndex WaitingLine::first_from(uint32_t level) const {
  if (level >= SchedulingRank::kLevels) return kNoSequence;
  const uint64_t used = used_ & (~uint64_t{0} << level);
  return used ? first_[size_t(std::countr_zero(used))] : kNoSequence;
}

SequenceIndex WaitingLine::front() const { return first_from(0); }

SequenceIndex WaitingLine::after(std::span<const Sequence> records, SequenceIndex index) const {
  const Sequence& sequence = records[index];
  if (sequence.line_next != kNoSequence) return sequence.line_next;
  return first_from(sequence.view.rank.level + 1);
}

// The member that `sequence` goes in front of; kNoSequence: to the back.
SequenceIndex WaitingLine::place_before(std::span<const Sequence> records, const Sequence& sequence,
                                        bool keyed) const {
  const uint32_t level = sequence.view.rank.level;
  SequenceIndex front = first_[level];
  SequenceIndex back = last_[level];
  if (sequence.prefix_group != 0 && !keyed) {
    SequenceIndex behind = kNoSequence, other = back;
    for (uint32_t step = 0; step < kSearchMax && other != kNoSequence; ++step) {
      if (records[other].prefix_group == sequence.prefix_group) return behind;
      // It came too long ago to be overtaken.
      if (records[other].view.id + kSearchMax < sequence.view.id) break;
      behind = other;
      other = records[other].line_previous;
    }
  }
  for (uint32_t step = 0; keyed || step < kSearchMax; ++step) {
    if (back == kNoSequence) return first_[level];
    if (goes_before(records[back], sequence)) return records[back].line_next;
    if (goes_before(sequence, records[front])) return front;
    front = records[front].line_next;
    back = records[back].line_previous;
  }
  return front;
}

void WaitingLine::insert(std::span<Sequence> records, SequenceIndex index, bool keyed) {
  Sequence& sequence = records[index];
  const uint32_t level = sequence.view.rank.level;
  const SequenceIndex next = place_before(records, sequence, keyed);
  const SequenceIndex previous = next == kNoSequence ? last_[level] : records[next].line_previous;
  sequence.line_next = next;
  sequence.line_previous = previous;
  (next == kNoSequence ? last_[level] : records[next].line_previous) = index;
  (previous == kNoSequence ? first_[level] : records[previous].line_next) = index;
  ++count_[level];
  used_ |= uint64_t{1} << level;
}

void WaitingLine::remove(std::span<Sequence> records, SequenceIndex index) {
  Sequence& sequence = records[index];
  const uint32_t level = sequence.view.rank.level;
  const auto [next, previous] = std::pair(sequence.line_next, sequence.line_previous);
  (next == kNoSequence ? last_[level] : records[next].line_previous) = previous;
  (previous == kNoSequence ? first_[level] : records[previous].line_next) = next;
  sequence.line_next = sequence.line_previous = kNoSequence;
  LLMOS_DCHECK(count_[level] > 0);
  if (--count_[level] == 0) used_ &= ~(uint64_t{1} << level);
}

}  // namespace llmos::sched
