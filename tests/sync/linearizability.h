// SPDX-License-Identifier: Apache-2.0
// Is a recorded history that of a bounded first-in-first-out queue? The search of Wing and Gong
// ("Testing and verifying concurrent objects", 1993) with Lowe's memory of visited configurations
// (2017): take the operations one by one, each only when none of the remaining ones had answered
// before it was called.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

namespace llmos::test {

struct Operation {
  enum Kind : uint8_t { kPush, kPop };
  Kind kind = kPush;
  bool done = false;   // pushed, or popped something
  uint64_t value = 0;  // pushed or popped
  int64_t called = 0, answered = 0;

  bool overlaps(const Operation& other) const {
    return called <= other.answered && other.called <= answered;
  }
  std::string text() const {
    const std::string name = kind == kPush ? "push(" + std::to_string(value) + ")" : "pop()";
    const std::string answer = kind == kPush ? (done ? "done" : "full")
                               : done        ? std::to_string(value)
                                             : "empty";
    return name + " -> " + answer + " [" + std::to_string(called) + ", " +
           std::to_string(answered) + "]\n";
  }
};

using History = std::vector<Operation>;

// llmos/queue.h ("Weak"): a refusal proves nothing while an operation of the other kind (`full`: a
// pop; `empty`: a push) is in progress. Takes such refusals out; the others must be exact.
inline History without_weak_refusals(const History& history, bool exact_full, bool exact_empty) {
  History kept;
  for (const Operation& operation : history) {
    const bool exact = operation.kind == Operation::kPush ? exact_full : exact_empty;
    bool weak = false;
    for (const Operation& other : history)
      weak = weak || (!operation.done && !exact && other.kind != operation.kind &&
                      operation.overlaps(other));
    if (!weak) kept.push_back(operation);
  }
  return kept;
}

class QueueSearch {
 public:
  QueueSearch(const History& history, size_t capacity) : history_(history), capacity_(capacity) {}

  // For histories of 64 operations or fewer that start and need not end with an empty queue.
  bool linearizable() { return search(0, {}); }

 private:
  using Content = std::deque<uint64_t>;

  bool search(uint64_t taken, const Content& content) {
    if (taken == all()) return true;
    if (!visited_.emplace(taken, content).second) return false;
    int64_t first_answer = INT64_MAX;
    for (size_t i = 0; i < history_.size(); ++i)
      if (!(taken >> i & 1)) first_answer = std::min(first_answer, history_[i].answered);
    for (size_t i = 0; i < history_.size(); ++i) {
      if ((taken >> i & 1) || history_[i].called > first_answer) continue;
      Content next = content;
      if (apply(history_[i], next) && search(taken | uint64_t{1} << i, next)) return true;
    }
    return false;
  }

  bool apply(const Operation& operation, Content& content) const {
    if (operation.kind == Operation::kPush) {
      if (operation.done != (content.size() < capacity_)) return false;
      if (operation.done) content.push_back(operation.value);
      return true;
    }
    if (!operation.done) return content.empty();
    if (content.empty() || content.front() != operation.value) return false;
    content.pop_front();
    return true;
  }

  uint64_t all() const {
    return history_.size() == 64 ? ~uint64_t{0} : (uint64_t{1} << history_.size()) - 1;
  }

  const History& history_;
  const size_t capacity_;
  std::set<std::pair<uint64_t, Content>> visited_;
};

}  // namespace llmos::test
