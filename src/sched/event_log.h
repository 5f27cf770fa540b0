// SPDX-License-Identifier: Apache-2.0
// EventLog: every call that a Scheduler received, so that a live run can be decided again offline.
//
//   EventLog log;  scheduler->record(&log);  ... run ...  log.serialise() -> bytes
//   replay(log, fresh_scheduler)  ->  the digest of the decisions, equal to the recorded one
//
// Growth doubles its memory: recording is for tests and studies.
// Failure  EventLog::parse: kCorrupt for bytes that are not a log (length, magic, event kinds,
//          indices out of order); replay: kCorrupt for an event that its scheduler cannot accept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "llmos/status.h"
#include "sched/sequence.h"
#include "sched/step_plan.h"

namespace llmos::sched {

class Scheduler;

enum class EventKind : uint8_t {
  kArrive,
  kEnd,
  kCommit,
  kAbandon,
  kStepDone,
  kTransferred,
  kPark,
  kUnpark,
  kPin,
  kInherit,
  kCosts,
  kPlan,
};

struct Event {
  EventKind kind{};
  bool flag{};  // censored, ok, pinned
  SequenceIndex sequence{};
  uint32_t first{}, second{};  // tokens; priority and level
  double now{}, seconds{};
  Arrival arrival{};        // kArrive
  SchedulingCosts costs{};  // kCosts
  Resources resources{};    // kPlan
  uint64_t digest{};        // kPlan: of the decisions so far
};

class EventLog {
 public:
  void add(const Event& event) { events_.push_back(event); }
  std::span<const Event> events() const { return events_; }
  std::vector<std::byte> serialise() const;
  static Result<EventLog> parse(std::span<const std::byte> bytes);

 private:
  std::vector<Event> events_;
};

// Applies every event; the digest after the last plan. kCorrupt, with the number of the first plan
// whose digest differs from the recorded one (not with `compare` off), or of the first event that
// is against the scheduler's contract. The scheduler must be fresh, and made like the recorded one.
Result<uint64_t> replay(const EventLog& log, Scheduler& scheduler, bool compare = true);

}  // namespace llmos::sched
