// SPDX-License-Identifier: Apache-2.0
// Core: the engine's loop without its thread: plan, run, commit, as a transaction (README.md).
//
//   auto core = Core::create(options, executor, pool, mailbox, meters, clock, tier);
//   while (...) if (!core->turn()) mailbox.wait(core->idle_time());
//
// Threads  One, the engine's. It owns every sequence, the block pool and the scheduler.
// Memory   A turn in steady state (no arrival, no end) allocates nothing.
//
// Invariants, all checked by check_integrity():
//   (1) a sequence that is not over is in the scheduler exactly once
//   (2) the pool's blocks are held by the live sequences' tables, the prefix cache and the swapper,
//       and by nobody else
//   (3) blocks of a sequence stay until no step in flight refers to it
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <queue>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "engine/costs.h"
#include "engine/executor.h"
#include "engine/live.h"
#include "engine/mailbox.h"
#include "engine/meters.h"
#include "engine/prefix_reuse.h"
#include "engine/runner.h"
#include "engine/step.h"
#include "engine/tenant_limits.h"
#include "engine/tier_use.h"
#include "kv/block_pool.h"
#include "kv/capacity.h"
#include "kv/prefix_file.h"
#include "kv/tier.h"
#include "llmos/metrics.h"
#include "sched/event_log.h"
#include "sched/policy.h"
#include "sched/scheduler.h"

namespace llmos::engine {

struct CoreOptions {
  std::string policy = "mlfq";
  SchedulingPolicy* custom_policy = nullptr;  // outlives the core
  uint32_t sequences_max = 16;                // in one step
  uint32_t step_tokens = 512;
  uint32_t queue_max = 1024;
  TenantLimits tenants{};
  double waiting_seconds_max = 0;    // 0: no bound
  double reader_stall_seconds = 30;  // 0: never
  bool overlap = false;              // depth 1
  bool prefix = false;               // what was computed is kept for requests that begin alike
  std::string prefix_file{};         // where that is kept between two engines; empty: nowhere
  ModelDigest digest{};              // of what the file's blocks must have been computed by
  // Records every call of the scheduler, to be decided again offline; outlives the core.
  sched::EventLog* event_log = nullptr;
  // For tests: after so many steps all sequences in memory make room, by leaving for the tier where
  // there is one, else to be computed again; 0: never.
  uint32_t preempt_every = 0;
  bool swap_always = false;  // for tests: never computed again while the tier takes it
};

// Log-probabilities beside a token, at most.
inline constexpr uint32_t kTopScoresMax = 64;

class Core {
 public:
  // What is given outlives the core. `tier`: where sequences go that make room; null: nowhere.
  // kNotFound: no such policy; kInvalid: limits that do not fit.
  static Result<std::unique_ptr<Core>> create(const CoreOptions& options, Executor& executor,
                                              BlockPool& pool, Mailbox& mailbox, Meters& meters,
                                              Clock& clock, std::unique_ptr<Tier> tier = nullptr);
  ~Core();

  // One turn of the loop: hears the mailbox, plans, runs, commits. False when there was nothing to
  // compute.
  bool turn();
  // How long nothing can happen unless the mailbox wakes us.
  std::chrono::nanoseconds idle_time() const;
  // Nothing is live or on its way.
  bool idle() const { return requests_.empty() && retiring_.empty() && !running_ && !tier_.busy(); }
  // What each block is used for; O(blocks).
  KvMap kv_map() const;
  // The end of what Work::pin began. Nothing happens when there is no such pin.
  void unpin(uint64_t request);
  // Ends every request with this status.
  void end_all(const Status& status);

  const sched::Scheduler& scheduler() const { return *scheduler_; }
  PrefixReuse& prefixes() { return prefixes_; }
  TierUse& tier() { return tier_; }
  // With which an equal one is made, to replay an event log.
  const sched::SchedulerConfig& scheduler_config() const { return scheduler_config_; }
  void check_integrity() const;  // O(everything)

 private:
  using SequenceList = std::vector<LiveSequence*>;

  Core(const CoreOptions& options, Executor& executor, BlockPool& pool, Mailbox& mailbox,
       Meters& meters, Clock& clock, std::unique_ptr<Tier> tier);
  Status make_scheduler();
  // Seconds since the start, as tick() last read the clock: once for each phase of a turn.
  double now() const { return now_; }
  double tick() { return now_ = clock_now(); }
  double clock_now() const;

  // Arrivals and ends (core_requests.cc).
  void hear();
  void take_work(std::unique_ptr<Work> work);
  Status arrive(LiveSequence& sequence);
  uint32_t drafts_max(const Work& work) const;
  void leave_queue(LiveSequence& sequence);
  void take_note(const Mailbox::StreamNote& note);
  void sweep();
  void cancel(LiveRequest& request);
  void unpark(LiveRequest& request);
  void watch_time();

  // Requests that go, to come again here or elsewhere (core_suspend.cc).
  void suspend(LiveRequest& request);
  void take_out_suspended();
  void take_out(LiveRequest& request);
  SavedBlocks save_blocks(const LiveSequence& sequence);
  bool restore_blocks(LiveSequence& sequence);
  void resume_choice(LiveSequence& sequence);
  void end_sequence(LiveSequence& sequence, Finish finish, bool censored);
  void fail_request(LiveRequest& request, const Status& status, Finish finish);
  void finish_request(LiveRequest& request);
  void leave_scheduler(LiveSequence& sequence, bool censored);
  void count_blocks(LiveSequence& sequence);
  void retire();

  // Memory (core_memory.cc).
  Status pin_prompt(const LiveSequence& sequence);
  void load_cache();
  void save_cache();

  // Neighbours that begin alike (core_share.cc).
  bool produces(const LiveSequence& sequence) const;
  void begin_producing(LiveSequence& sequence);
  bool await_neighbour(LiveSequence& sequence);
  void wake_waiters();
  void wake(LiveSequence& sequence);
  void leave_neighbours(LiveSequence& sequence);

  // Plan (core_plan.cc).
  Step* plan();
  bool preempt_all();
  void apply_move(const sched::Move& move);
  void release(LiveSequence& sequence);
  void start_moves();
  void moved(LiveSequence& sequence, bool ok);
  bool add_entry(Step& step, LiveSequence& sequence, uint32_t tokens, bool prompt, bool last);
  bool park_if_full(LiveSequence& sequence);
  bool begin_with_cached(LiveSequence& sequence, uint32_t& tokens);
  uint32_t drafts_for(const Step& step, LiveSequence& sequence);
  void put_out(LiveSequence& sequence);
  void make_progress();
  sched::Resources resources() const;

  // Run and commit (core_commit.cc).
  void launch(Step& step);
  void collect(Step& step, Step* planned);
  void draw(Step& step, size_t index, std::span<const float> logits);
  void draw_tokens(Step& step, size_t index, std::span<const float> rows);
  Status draw_token(Step& step, StepEntry& entry, int32_t row, std::span<const float> logits);
  void score_prompt(StepEntry& entry, std::span<const float> logits);
  void pool_states(StepEntry& entry);
  void finish_embedding(LiveRequest& request);
  static void fill_awaited(Step& planned);
  void roll_back(Step& step);
  void commit(Step& step);
  void commit_entry(Step& step, size_t index);
  void deliver(LiveSequence& sequence, const DrawnToken& drawn, std::span<const TokenScore> tops);
  void end_complete(LiveSequence& sequence);
  void blame(Step& step);
  void end_running(const Step& step);
  void reopen();
  void record(const Step& step);
  void watch_growth();
  void show_state();

  const CoreOptions options_;
  Executor& executor_;
  BlockPool& pool_;
  Mailbox& mailbox_;
  Meters& meters_;
  Clock& clock_;
  const Instant start_;
  const int64_t block_tokens_;
  Runner runner_;
  SamplerRoom room_;
  CostMeter costs_;
  std::unique_ptr<SchedulingPolicy> own_policy_;
  sched::SchedulerConfig scheduler_config_;
  std::unique_ptr<sched::Scheduler> scheduler_;
  PrefixReuse prefixes_;  // outlives the sequences' leases
  TierUse tier_;          // outlives the sequences
  Capacity capacity_;

  std::unordered_map<uint64_t, std::unique_ptr<LiveRequest>> requests_;
  std::vector<std::unique_ptr<LiveRequest>> retiring_;  // ended, but a step in flight knows them
  std::vector<LiveSequence*> by_index_;                 // [records] of the scheduler
  using Deadline = std::pair<double, uint64_t>;         // seconds, request
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> deadlines_;
  SequenceList parked_;
  struct Waiter {
    LiveSequence* waits;
    LiveSequence* produces;
    int64_t blocks;  // that the cache must have of the producer
  };
  SequenceList producing_;  // their prompts are being computed, and go to the cache
  std::vector<Waiter> waiters_;
  std::vector<uint64_t> suspending_;  // requests
  std::string stop_scratch_;
  std::vector<uint64_t> mask_;  // one bit a token
  std::array<TokenId, kDraftTokensMax> drafts_;

  std::array<Step, 2> steps_;
  Step* running_ = nullptr;  // depth 1: launched and not collected
  uint32_t next_step_ = 0;
  SequenceList suspects_;         // of a step that failed: they run alone until one is at fault
  uint32_t failures_ = 0;         // steps in a row
  bool no_block_ = false;         // somebody found none in this plan
  uint32_t short_of_memory_ = 0;  // plans in a row in which nobody found a block
  uint64_t blocks_grown_ = 0;     // by decodes, since the start
  uint64_t steps_done_ = 0;
  uint64_t preempt_at_ = 0;  // steps done
  bool squeezed_ = false;    // this plan has no memory, for a test
  bool found_all_ = false;   // in this plan: the cache had all that was planned of a sequence
  double now_ = 0;
  double idle_seconds_ = 0;
  uint32_t tenants_seen_ = 0;  // the largest index of one, and one
};

}  // namespace llmos::engine
