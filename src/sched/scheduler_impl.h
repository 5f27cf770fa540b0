// SPDX-License-Identifier: Apache-2.0
// What a Scheduler consists of; shared by scheduler.cc (events) and the composer (plans).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sched/scheduler.h"
#include "sched/wait_list.h"
#include "sched/waiting_line.h"

namespace llmos::sched {

// Where a sequence in memory stands in this plan's order.
struct Place {
  uint64_t band{};  // 0: promoted; else 1 + tenant's lag, then level
  double key{};
  uint64_t id{};
  SequenceIndex index{};
  uint32_t level{};  // as it counts in this plan

  friend bool operator<(const Place& a, const Place& b) {
    if (a.band != b.band) return a.band < b.band;
    if (a.key != b.key) return a.key < b.key;
    return a.id < b.id;
  }
};

struct TenantState {
  WaitingLine line;
  double counter{};  // tokens served, by weight
  double weight{1};
  uint32_t active{};   // sequences that have not ended
  uint32_t waiting{};  // of those, on the line or promoted outside memory
};

// Cost of an output token to a tenant, in prompt tokens (as VTC: twice).
inline constexpr double kOutputWeight = 2;

struct Scheduler::Impl {
  Impl(const SchedulerConfig& given, SchedulingPolicy& ranking);

  // Events (scheduler.cc).
  SequenceIndex add(const Arrival& arrival, double now);
  void end(SequenceIndex index, bool censored, double now);
  void commit(SequenceIndex index, uint32_t prompt, uint32_t output, double now);
  void abandon(SequenceIndex index);
  void step_done(double seconds, double now);
  void transferred(SequenceIndex index, bool ok, double now);
  void park(SequenceIndex index, double now);
  void unpark(SequenceIndex index, double now);
  void check_integrity() const;
  SchedulerStats stats() const;
  Load load() const;
  double waiting_bound() const;

  void inherit(SequenceIndex index, int32_t priority, uint32_t level);

  // Records and lists (scheduler_state.cc).
  uint32_t* count_of(Stage stage);
  void set_stage(Sequence& s, Stage stage);
  bool is_outside(const Sequence& s) const {  // on a line
    return (s.stage == Stage::kWaiting || s.stage == Stage::kSwapped) && !s.parked && !s.claims;
  }
  double scale() const;                  // of the seconds in Composition, to the measured step
  void join_line(SequenceIndex index);   // of its tenant, or the promoted ones
  void leave_line(SequenceIndex index);  // if it is on one
  void join_system(SequenceIndex index);
  void leave_system(SequenceIndex index);
  void start_wait(SequenceIndex index, double now);
  void stop_wait(SequenceIndex index, double now);
  void reserve(SequenceIndex index);  // recounts what it takes
  void release_memory(SequenceIndex index);
  void drop_context(SequenceIndex index);  // all is to be computed again
  void ask_rank(SequenceIndex index, double now);
  void set_promoted(SequenceIndex index, bool promoted);
  void unclaim(SequenceIndex index);
  uint32_t need(const Sequence& sequence) const;  // memory on entry, its own
  void digest_word(uint64_t word) {
    digest = (digest ^ word) * 0x9E3779B97F4A7C15u;
    digest ^= digest >> 32;
  }

  // Plans (composer.cc, entry.cc).
  const StepPlan& make_plan(double now, const Resources& resources);
  void refresh_ranks(double now);
  void promote(double now);
  void order(double now);
  void grow(double now);
  void settle_claims(double now);
  void enter(double now);
  bool try_enter(SequenceIndex index, double now);  // false: no more are to be tried
  bool make_room(const Sequence& sequence, int64_t wanted, double now);
  SequenceIndex next_outsider(double now);
  void gather_victims(const Sequence& newcomer, int64_t wanted, double now);
  bool may_displace(const Sequence& newcomer, const Place& place, const Place& victim,
                    double now) const;
  void admit_now(SequenceIndex index, double now);
  void evict(SequenceIndex index, double now);
  double idleness(const Sequence& victim) const;  // seconds of engine time that its moves cost
  void compose(double now);
  void mark_running(double now);
  void refresh_counters();
  void start_scan();
  void seal();
  Place place_of(const Sequence& sequence, SequenceIndex index) const;
  uint64_t lag_of(uint32_t tenant) const;
  uint32_t better_than(const Place& place) const;
  uint64_t free_tokens() const { return capacity > used ? capacity - used : 0; }
  // Free now or soon, and promised to nobody.
  int64_t uncommitted() const {
    return int64_t(capacity) - int64_t(used) + int64_t(leaving_tokens) - int64_t(claimed_tokens);
  }
  double turn_steps(const Sequence& sequence) const;

  SchedulerConfig config;
  SchedulingPolicy& policy;
  SchedulingCosts costs;
  std::vector<Sequence> records;
  std::vector<SequenceIndex> free_records;
  std::vector<TenantState> tenants;
  WaitList waits;
  std::vector<SequenceIndex> promoted_outside;  // by waited_since
  std::vector<Place> system;                    // resident, entering and claiming: sorted by plan()
  std::vector<SequenceIndex> claims;            // first come, first served
  std::vector<SequenceIndex> ran_last, ran_before, victims;
  std::vector<uint32_t> scan_tenants;
  size_t scan_position = 0;
  SequenceIndex scan_cursor = kNoSequence;
  std::vector<SequenceIndex> chosen_prompts;
  uint32_t room_tries = 0;
  SequenceIndex blocked = kNoSequence;  // could not grow in this plan
  uint32_t records_used = 0;            // records from 0 that have ever been in use

  uint64_t arrivals = 0;
  uint64_t capacity = 0, used = 0, leaving_tokens = 0, claimed_tokens = 0;
  uint64_t link_queue = 0;  // tokens whose move is not complete
  uint64_t swap_free = 0;
  uint32_t slots = 0, budget_tokens = 0;
  uint32_t decodes_now = 0;   // residents that decode
  uint64_t prompt_ahead = 0;  // prompt tokens of residents not computed yet
  uint32_t promoted_count = 0;
  uint64_t promoted_tokens = 0;          // reserved by promoted ones
  uint64_t promoted_outside_tokens = 0;  // needed by those that are not in memory
  double displacement_savings = 0;
  double step_seconds = 0;  // of the last step
  uint64_t rank_epoch = 0;
  uint32_t sweep = 0, sweep_left = 0;
  uint32_t active_tenants = 0;
  double counter_min = 0;
  uint64_t prompt_work = 0, output_done = 0;  // of all in the system
  double output_mean = 0;                     // of those that ended
  uint32_t context_max = 0;                   // largest reservation seen
  SchedulerStats totals;
  uint64_t digest = 0;
  EventLog* log = nullptr;

  StepPlan current;
  std::vector<PlannedPrompt> prompts;
  std::vector<SequenceIndex> decodes;
  std::vector<Move> moves;
};

}  // namespace llmos::sched
