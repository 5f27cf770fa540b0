// SPDX-License-Identifier: Apache-2.0
// Scheduler: who runs in the next step, who is in memory, who waits.
//
//   auto scheduler = Scheduler::create(options, policy);
//   loop: for each event { scheduler.arrive(...) / end(...) / transferred(...) ... }
//         const StepPlan& plan = scheduler.plan(now, resources);
//         start plan.moves; run plan.prompts and plan.decodes on the model
//         for each sequence that ran: scheduler.commit(sequence, tokens...);  then step_done()
//
// Contract with the engine
//   - A plan changes memory (entries, moves) but no token counts: commit() does. A step that failed
//     is abandoned with abandon(): its sequences are where they were, and may be planned again.
//   - Plans may run ahead by one: plan n+1 may be asked for before n is committed. Counts in flight
//     are `planned_*`; a sequence that ends in n may be in n+1: its token is dropped, and end() is
//     legal at any time. The caller keeps the blocks until the step has retired.
//   - Time never runs backwards; `now` is seconds since any origin.
//   - A tenant at its quota waits, in its own order, and nobody waits for it: its sequences enter
//     when its own ones have left. Late ones of it are not promoted. When all of its sequences need
//     another block and none is left, the worst of them makes room, to be computed again.
//   - Memory is counted in tokens. A sequence takes max(prompt, held + planned) less its shared
//     prefix; the sum over resident, entering and leaving ones never exceeds kv_tokens, except that
//     a capacity that shrinks is honoured by evictions in the next plans.
//
// Threads   One (the engine's). Cost: O(running) per plan, independent of how many wait.
// Memory    All records are allocated by create(); nothing allocates after it (with tenants known).
// Replay    Equal options, policy and calls give equal plans and digests; EventLog records calls.
//
// Invariants, all checked by check_integrity():
//   (1) reserved memory == sum over resident, entering and leaving sequences
//   (2) a waiting or swapped sequence that is not parked is on its tenant's line exactly once
//   (3) every sequence that did not run is on the wait list, ordered by `waited_since`
//   (4) a tenant's blocks == sum of its sequences' memory, each in whole blocks, within its quota
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "llmos/extend.h"
#include "llmos/status.h"
#include "sched/admission.h"
#include "sched/composition.h"
#include "sched/sequence.h"
#include "sched/step_plan.h"

namespace llmos::sched {

class EventLog;

struct SchedulerConfig {
  uint32_t sequences_max{16384};  // records: running, waiting and parked together
  uint32_t tenants_max{1024};     // tenants beyond share the last index
  SchedulingCosts costs{};
  Composition composition{};             // of the policy: see policy.h
  std::vector<double> tenant_weights{};  // share of tenant i; 1 where missing
  // Tenants have quotas (Arrival::tenant_blocks_max), counted in whole blocks of so many tokens. 0:
  // they have none.
  uint32_t quota_block_tokens{};
};

// kInvalid for costs that no plan can be made with: see Scheduler::create().
Status check_costs(const SchedulingCosts& costs);

struct SchedulerStats {
  uint32_t waiting{};  // never in memory yet, or to be recomputed
  uint32_t swapped{};
  uint32_t resident{};
  uint32_t moving{};
  uint32_t parked{};
  uint32_t kv_tokens_reserved{};
  uint64_t preemptions{};
  uint64_t tokens_swapped{};  // both ways
  uint64_t tokens_recomputed{};
  uint64_t promotions{};
  uint32_t depth[SchedulingRank::kLevels]{};  // waiting and swapped, by level
};

class Scheduler {
 public:
  // `policy` outlives the scheduler. kInvalid for a config without slots or memory, or whose budget
  // of tokens does not exceed its slots.
  static Result<std::unique_ptr<Scheduler>> create(const SchedulerConfig& config,
                                                   SchedulingPolicy& policy);
  ~Scheduler();

  // Events. `sequence` must be in use. kExhausted when all records are; kInvalid for a sequence
  // that could never fit (prompt + one token above kv_tokens, or the whole above its quota).
  Result<SequenceIndex> arrive(const Arrival& arrival, double now);
  // The sequence is over, whatever it was doing; its record is free afterwards. `censored`: not by
  // its own end (cancel, fault, deadline): a policy must not learn its length.
  void end(SequenceIndex sequence, bool censored, double now);
  // What the step computed of a planned sequence. `output_tokens` may be 0 (prompt not finished) or
  // more than one (drafts).
  void commit(SequenceIndex sequence, uint32_t prompt_tokens, uint32_t output_tokens, double now);
  // The step of this sequence was not computed: nothing of it counts.
  void abandon(SequenceIndex sequence);
  // The step is over: `seconds` it took. After the commits.
  void step_done(double seconds, double now);
  // A move is complete. Failed: the copy is lost; the sequence is recomputed.
  void transferred(SequenceIndex sequence, bool ok, double now);
  void park(SequenceIndex sequence, double now);
  void unpark(SequenceIndex sequence, double now);
  void pin(SequenceIndex sequence, bool pinned);
  // Somebody urgent waits for a block that `sequence` is producing: it counts as `priority` and as
  // `level` at least, until its prompt is computed. Nothing happens when it is already.
  void inherit(SequenceIndex sequence, int32_t priority, uint32_t level);
  void set_costs(const SchedulingCosts& costs);  // that check_costs() accepts

  const StepPlan& plan(double now, const Resources& resources);

  const Sequence& at(SequenceIndex sequence) const;
  uint32_t capacity() const;  // records
  const SchedulingCosts& costs() const;
  // The waiting bound of composition.h, for a request that arrives now.
  double waiting_bound() const;
  SchedulerStats stats() const;  // O(levels)
  Load load() const;             // for admission; O(1)
  // Blocks that the tenant's sequences take; 0 where quotas are not counted.
  uint32_t tenant_blocks(uint32_t tenant) const;
  uint64_t digest() const;
  // Records every call from now on; nullptr stops. The log outlives its installation.
  void record(EventLog* log);
  void check_integrity() const;  // O(records)

 private:
  explicit Scheduler(const SchedulerConfig& config, SchedulingPolicy& policy);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llmos::sched
