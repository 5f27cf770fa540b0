// SPDX-License-Identifier: Apache-2.0
#include "engine/core.h"

#include <algorithm>

#include "base/check.h"

namespace llmos::engine {
namespace {

uint32_t kv_tokens(const BlockPool& pool) {
  const uint64_t tokens = uint64_t{pool.capacity()} * uint64_t(pool.layout().shape().block_tokens);
  return uint32_t(std::min<uint64_t>(tokens, std::numeric_limits<uint32_t>::max()));
}

// What a step costs before any was measured: a small model on two cores. The meter corrects it
// within its first steps.
SchedulingCosts first_costs(const CoreOptions& options, const BlockPool& pool) {
  return {.step = 1e-3,
          .prompt_token = 1e-4,
          .decode = 1e-4,
          .context_token = 1e-8,
          .swap_token = 1e-5,
          .slots = options.sequences_max,
          .tokens_per_step = options.step_tokens,
          .kv_tokens = kv_tokens(pool)};
}

// A step cannot hold more than the executor's arrays do.
CoreOptions within(CoreOptions options, const BatchLimits& limits) {
  options.step_tokens = std::min(options.step_tokens, limits.tokens);
  options.sequences_max = std::min(options.sequences_max, limits.logit_rows);
  return options;
}

}  // namespace

Core::Core(const CoreOptions& options, Executor& executor, BlockPool& pool, Mailbox& mailbox,
           Meters& meters, Clock& clock, std::unique_ptr<Tier> tier)
    : options_(within(options, executor.limits())),
      executor_(executor),
      pool_(pool),
      mailbox_(mailbox),
      meters_(meters),
      clock_(clock),
      start_(clock.now()),
      block_tokens_(pool.layout().shape().block_tokens),
      runner_(executor, pool, options.overlap),
      room_(uint32_t(executor.config().vocabulary), kv_tokens(pool)),
      costs_(first_costs(options_, pool)),
      prefixes_(pool, options.prefix),
      tier_(pool, prefixes_, std::move(tier), options.swap_always, clock,
            [&mailbox] { mailbox.wake(); }),
      capacity_(Capacity::create({.device_blocks = pool.capacity()}).value()),
      mask_((size_t(executor.config().vocabulary) + 63) / 64),
      steps_{Step(executor.limits(), kTopScoresMax), Step(executor.limits(), kTopScoresMax)} {
  meters_.kv_blocks.set(pool.capacity());
  meters_.kv_blocks_free.set(pool.free_count());
}

Core::~Core() {
  if (running_) static_cast<void>(runner_.finish());  // it reads what goes below
  tick();
  mailbox_.errands().close();
  end_all(Status(Code::kCancelled, "the engine was closed"));
  retire();
  save_cache();
}

Result<std::unique_ptr<Core>> Core::create(const CoreOptions& options, Executor& executor,
                                           BlockPool& pool, Mailbox& mailbox, Meters& meters,
                                           Clock& clock, std::unique_ptr<Tier> tier) {
  std::unique_ptr<Core> core(
      new Core(options, executor, pool, mailbox, meters, clock, std::move(tier)));
  if (Status status = core->make_scheduler(); !status.ok()) return status;
  core->load_cache();
  return core;
}

// Records for all that may wait or run, and as many again for readers that stall.
Status Core::make_scheduler() {
  sched::SchedulerConfig& config = scheduler_config_;
  config.sequences_max = 2 * (options_.queue_max + options_.sequences_max);
  config.tenants_max = Meters::kTenantsMax;
  config.costs = costs_.costs();
  if (options_.tenants.any_blocks()) config.quota_block_tokens = uint32_t(block_tokens_);
  SchedulingPolicy* policy = options_.custom_policy;
  if (!policy) {
    Result<sched::NamedPolicy> named = sched::make_policy(options_.policy);
    if (!named.ok()) return named.status();
    own_policy_ = std::move(named->policy);
    config.composition = named->composition;
    policy = own_policy_.get();
  }
  // Moves go beside the steps, and a slot of the tier is free again when its block was read: to
  // keep a copy that the next token makes old would only fill the disk.
  config.composition.swap_synchronous = false;
  config.composition.keeps_copies = false;
  config.composition.recomputes &= !options_.swap_always;
  auto made = sched::Scheduler::create(config, *policy);
  if (!made.ok()) return made.status();
  scheduler_ = *std::move(made);
  scheduler_->record(options_.event_log);
  by_index_.resize(config.sequences_max, nullptr);
  return {};
}

double Core::clock_now() const {
  return std::chrono::duration<double>(clock_.now() - start_).count();
}

// At depth 0 a step is planned, computed and committed in one turn. At depth 1 the next one is
// planned while the last one runs, and committed results are delivered while the next one runs.
bool Core::turn() {
  tick();
  hear();
  const double planning = tick();
  Step* planned = plan();
  Step* const running = std::exchange(running_, nullptr);
  const double planned_at = tick();
  if (running) {
    collect(*running, planned);
    if (!running->failure.ok() && planned) {
      roll_back(*std::exchange(planned, nullptr));
    }
  }
  start_moves();
  if (planned) launch(*planned);
  if (running) commit(*running);
  if (!planned) {
    if (!running) show_state();
    return running != nullptr;
  }
  if (options_.overlap) {
    running_ = planned;
  } else {
    collect(*planned, nullptr);
    const double committing = tick();
    commit(*planned);
    meters_.planning.record_exclusive(
        uint64_t((planned_at - planning + tick() - committing) * 1e9));
  }
  return true;
}

std::chrono::nanoseconds Core::idle_time() const {
  // Often enough to notice stalled readers and deadlines that no event announces.
  constexpr double kLongest = 0.1;
  double seconds = std::min(kLongest, std::max(idle_seconds_, 0.0));
  if (!deadlines_.empty()) {
    seconds = std::min(seconds, deadlines_.top().first - clock_now());
  }
  constexpr double kShortest = 1e-4;
  return std::chrono::nanoseconds(int64_t(std::max(seconds, kShortest) * 1e9));
}

void Core::check_integrity() const {
  scheduler_->check_integrity();
  pool_.check_integrity();
  uint64_t blocks = 0;
  const auto check = [&](const LiveRequest& request) {
    uint32_t open = 0;
    for (const auto& sequence : request.sequences) {
      sequence->table.check_integrity();
      blocks += sequence->table.blocks().size();
      open += !sequence->over;
      if (sequence->over) continue;
      LLMOS_CHECK(sequence->index != sched::kNoSequence);
      LLMOS_CHECK(by_index_[sequence->index] == sequence.get());
      LLMOS_CHECK(sequence->table.tokens() <=
                  int64_t(sequence->tokens.size()) +
                      int64_t(sequence->in_flight) * (1 + drafts_max(*request.work)));
    }
    LLMOS_CHECK(open == request.open) << open << " open, " << request.open << " counted";
  };
  for (const auto& [id, request] : requests_) check(*request);
  for (const auto& request : retiring_) check(*request);
  uint64_t held = 0;
  for (uint32_t block = 0; block < pool_.capacity(); ++block) {
    held += pool_.reference_count(BlockId(block));
  }
  const PrefixTree* const tree = prefixes_.tree();
  if (tree) tree->check_integrity();
  const uint32_t cached = tree ? tree->node_count() : 0;
  const uint64_t moving = tier_.swapper() ? tier_.swapper()->blocks_held() : 0;
  LLMOS_CHECK(blocks + cached + moving == held)
      << blocks << " blocks in tables, " << cached << " in the cache, " << moving
      << " on their way, held " << held << " times";
  tier_.check_integrity();
}

}  // namespace llmos::engine
