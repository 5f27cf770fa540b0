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

enum class Standing : uint8_t { kAway, kPlaced, kMoved };  // in Scheduler::Impl::system

struct TenantState {
  WaitingLine line;
  double counter{};  // tokens served, by weight
  double weight{1};
  uint32_t active{};   // sequences that have not ended
  uint32_t waiting{};  // of those, on the line or promoted outside memory
  uint64_t lag{};      // how far ahead of the least served, as places count it
  // Where the scheduler counts quotas: blocks that its sequences take, how many of them take some,
  // and the most blocks that they may take.
  static constexpr uint64_t kNoQuota = ~uint64_t{0};
  uint64_t blocks{};
  uint64_t quota{kNoQuota};
  uint32_t holders{};
  bool starved{};                     // one of them could not grow in the last plan
  SequenceIndex cursor{kNoSequence};  // on its line, in a scan of all lines together
  uint32_t active_at{};               // where it is in the list of the tenants with somebody
  uint32_t waiting_at{};              // and of those with somebody on the line
};

// Order of a heap whose top is the tenant served least.
struct ServedMore {
  const TenantState* tenants;
  bool operator()(uint32_t a, uint32_t b) const {
    const double left = tenants[a].counter, right = tenants[b].counter;
    return left != right ? left > right : a > b;
  }
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
  // Without shares and quotas all wait on one line.
  uint32_t line_of(const Sequence& s) const {
    return config.composition.fair || quotas() ? s.view.tenant : 0;
  }
  double scale() const;                  // of the seconds in Composition, to the measured step
  void join_line(SequenceIndex index);   // of its tenant, or the promoted ones
  void leave_line(SequenceIndex index);  // if it is on one
  void join_system(SequenceIndex index);
  size_t where(SequenceIndex index) const;  // in `system`
  void leave_system(SequenceIndex index);
  void start_wait(SequenceIndex index, double now);
  void stop_wait(SequenceIndex index, double now);
  void reserve(SequenceIndex index);  // recounts what it takes
  void release_memory(SequenceIndex index);
  void drop_context(SequenceIndex index);  // all is to be computed again
  void ask_rank(SequenceIndex index, double now);
  void set_rank(SequenceIndex index, SchedulingRank rank);
  void touch(SequenceIndex index);    // its place in memory's order has changed
  void count_decode(Sequence& s);     // keeps decodes_now
  void list_tenant(uint32_t tenant);  // among those with somebody on the line
  void unlist_tenant(uint32_t tenant);
  void set_promoted(SequenceIndex index, bool promoted);
  void unclaim(SequenceIndex index);
  uint32_t need(const Sequence& sequence) const;  // memory on entry, its own
  void digest_word(uint64_t word) {
    digest = (digest ^ word) * 0x9E3779B97F4A7C15u;
    digest ^= digest >> 32;
  }

  // Quotas (quota.cc).
  bool quotas() const { return config.quota_block_tokens > 0; }
  uint64_t blocks_of(uint64_t tokens) const;
  Status check_quota(const Arrival& arrival) const;
  void set_quota(const Arrival& arrival);
  void recharge(const Sequence& sequence, uint32_t before, uint32_t after);  // reserved tokens
  bool quota_lets_enter(const Sequence& sequence) const;
  bool quota_lets_grow(const Sequence& sequence);
  void relieve_tenants(double now);
  void check_charges() const;
  void wait_anew(SequenceIndex index, double now);
  SequenceIndex next_merged();
  struct FrontLater {  // order of a heap whose top has the best front
    const Impl* impl;
    bool operator()(uint32_t a, uint32_t b) const;
  };

  // Plans (composer.cc, entry.cc).
  const StepPlan& make_plan(double now, const Resources& resources);
  void refresh_ranks(double now);
  void promote(double now);
  void order();
  void order_moved();
  void order_all();
  void grow(double now);
  void leave_ahead(double now);
  uint64_t growth_ahead() const;  // tokens that should stay free
  void settle_claims();
  void enter(double now);
  bool try_enter(SequenceIndex index, double now);  // false: no more are to be tried
  bool make_room(const Sequence& sequence, int64_t wanted, double now);
  SequenceIndex next_outsider();
  void gather_victims(const Sequence& newcomer, int64_t wanted, double now);
  bool may_displace(const Sequence& newcomer, const Place& place, const Place& victim,
                    double now) const;
  void admit_now(SequenceIndex index);
  void evict(SequenceIndex index, double now);
  // Engine seconds that it costs to put the victim out: the cheaper way of those below.
  double eviction_seconds(const Sequence& victim) const;
  bool recomputes(const Sequence& victim) const;       // cheaper than to copy, or all that is left
  double swap_idleness(const Sequence& victim) const;  // memory that its moves keep from work
  double recompute_seconds(const Sequence& victim) const;
  void compose(double now);
  void compose_decodes(double now);
  void compose_prompts(double now);
  void run_now(SequenceIndex index, Sequence& s, double now);
  void retire_stopped();
  double least_served() const;  // of the tenants that have somebody
  bool refresh_lags();          // true when one of them has changed
  void start_scan();
  void seal();
  Place place_of(const Sequence& sequence, SequenceIndex index) const;
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
  // Resident, entering and claiming, sorted. What changes a place calls touch(); order() moves
  // those.
  std::vector<Place> system, moved_places;
  std::vector<Place> placed;  // [records] where each was put
  std::vector<SequenceIndex> moved;
  std::vector<Standing> standing;     // [records]
  std::vector<SequenceIndex> claims;  // first come, first served
  std::vector<SequenceIndex> ran_last, ran_before, victims;
  std::vector<uint32_t> active_list, waiting_list;  // tenants
  std::vector<uint32_t> scan_tenants;               // a heap: the least served is next
  uint32_t scan_tenant = 0;
  SequenceIndex scan_cursor = kNoSequence;
  std::vector<SequenceIndex> chosen_prompts;
  uint32_t room_tries = 0;
  int64_t room_most = 0;  // that the victims of those tried so far could have given
  uint8_t plan_number = 0;
  size_t kept_running = 0;              // of ran_before, in the plan that is made
  SequenceIndex blocked = kNoSequence;  // could not grow in this plan
  uint32_t records_used = 0;            // records from 0 that have ever been in use

  uint64_t arrivals = 0;
  uint64_t capacity = 0, used = 0, leaving_tokens = 0, claimed_tokens = 0;
  uint64_t link_queue = 0;  // tokens whose move is not complete
  uint64_t swap_free = 0;
  uint32_t slots = 0, budget_tokens = 0;
  uint64_t headroom = 0;       // tokens that entries beside others leave free
  uint64_t entry_waste = 0;    // of each that enters
  uint64_t entered = 0;        // in the plan that is made
  uint32_t decodes_now = 0;    // tokens that all residents that decode grow by in a step
  uint32_t decode_tokens = 0;  // in the plan that is made
  uint64_t prompt_ahead = 0;   // prompt tokens of residents not computed yet
  uint32_t promoted_count = 0;
  uint64_t promoted_tokens = 0;          // reserved by promoted ones
  uint64_t promoted_outside_tokens = 0;  // needed by those that are not in memory
  double displacement_savings = 0;
  double step_seconds = 0;  // of the last step
  uint64_t rank_epoch = 0;
  uint32_t sweep = 0, sweep_left = 0;
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
