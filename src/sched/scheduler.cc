// SPDX-License-Identifier: Apache-2.0
#include "sched/scheduler.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "base/text.h"
#include "sched/event_log.h"
#include "sched/scheduler_impl.h"

namespace llmos::sched {
namespace {

Status check(const SchedulerConfig& config) {
  if (config.sequences_max == 0 || config.tenants_max == 0) {
    return Status(Code::kInvalid, "scheduler: expected room for a sequence and a tenant, found 0");
  }
  return check_costs(config.costs);
}

}  // namespace

Status check_costs(const SchedulingCosts& costs) {
  if (costs.slots == 0 || costs.kv_tokens < 2 || costs.tokens_per_step <= costs.slots) {
    return Status(Code::kInvalid,
                  "scheduler: expected slots > 0, kv_tokens > 1 and tokens_per_step > slots; raise "
                  "batch_tokens_max or lower sequences_max");
  }
  for (const double cost :
       {costs.step, costs.prompt_token, costs.decode, costs.context_token, costs.swap_token}) {
    if (!(cost >= 0) || !std::isfinite(cost)) {
      return Status(Code::kInvalid, "scheduler: expected costs that are finite and not negative");
    }
  }
  return Status();
}

SequenceIndex Scheduler::Impl::add(const Arrival& arrival, double now) {
  const SequenceIndex index = free_records.back();
  free_records.pop_back();
  records_used = std::max(records_used, index + 1);
  Sequence& s = records[index];
  s = Sequence{};
  s.stage = Stage::kWaiting;
  s.tokens_per_step = uint16_t(std::clamp(arrival.tokens_per_step, 1u, kTokensPerStepMax));
  s.needs_results = arrival.needs_results;
  s.prefix_group = arrival.prefix_group;
  // At least one prompt token is computed: its logits give the first output.
  s.shared_tokens = std::min(arrival.cached_tokens, arrival.prompt_tokens - 1);
  SequenceView& view = s.view;
  view.id = arrivals++;
  view.tenant = std::min(arrival.tenant, uint32_t(tenants.size()) - 1);
  view.priority = s.own_priority = arrival.priority;
  view.prompt_tokens = arrival.prompt_tokens;
  view.held_tokens = s.shared_tokens +
                     std::min(arrival.brought_tokens, arrival.prompt_tokens - 1 - s.shared_tokens);
  view.prompt_left = arrival.prompt_tokens - view.held_tokens;
  view.output_tokens_max = std::max(1u, arrival.output_tokens_max);
  view.output_tokens_hint = arrival.output_tokens_hint;
  view.deadline = arrival.deadline;
  view.arrival = now;
  view.rank.level = SchedulingRank::kLevels;
  prompt_work += view.prompt_left;
  ++totals.waiting;
  TenantState& tenant = tenants[view.tenant];
  if (tenant.active++ == 0) {
    // Idle time earns nothing: it joins with those who were served least, or with who left last.
    if (!active_list.empty()) counter_min = least_served();
    tenant.counter = std::max(tenant.counter, counter_min);
    tenant.active_at = uint32_t(active_list.size());
    active_list.push_back(view.tenant);
  }
  start_wait(index, now);
  ask_rank(index, now);
  join_line(index);
  return index;
}

void Scheduler::Impl::end(SequenceIndex index, bool censored, double now) {
  Sequence& s = records[index];
  if (!s.ran) stop_wait(index, now);
  s.view.now = now;
  policy.ended(s.view, censored);
  set_promoted(index, false);
  leave_line(index);
  unclaim(index);
  if (s.stage == Stage::kResident || s.stage == Stage::kEntering) leave_system(index);
  if (s.stage == Stage::kLeaving || s.stage == Stage::kEntering) {
    link_queue -= std::min<uint64_t>(link_queue, s.moving_tokens);
  }
  release_memory(index);
  prompt_work -= s.view.prompt_left;
  output_done -= s.view.output_tokens;
  // A running mean over some 64 endings: what a new request will probably ask for.
  if (!censored) output_mean += (s.view.output_tokens - output_mean) / 64;
  --*count_of(s.stage);
  totals.parked -= s.parked;
  TenantState& tenant = tenants[s.view.tenant];
  if (--tenant.active == 0) {
    counter_min = std::max(counter_min, tenant.counter);
    active_list[tenant.active_at] = active_list.back();
    tenants[active_list.back()].active_at = tenant.active_at;
    active_list.pop_back();
  }
  s.stage = Stage::kFree;
  count_decode(s);
  free_records.push_back(index);
}

uint32_t* Scheduler::Impl::count_of(Stage stage) {
  switch (stage) {
    case Stage::kSwapped:
      return &totals.swapped;
    case Stage::kEntering:
    case Stage::kLeaving:
      return &totals.moving;
    case Stage::kResident:
      return &totals.resident;
    case Stage::kWaiting:
    case Stage::kFree:
      break;
  }
  return &totals.waiting;
}

void Scheduler::Impl::set_stage(Sequence& s, Stage stage) {
  --*count_of(s.stage);
  ++*count_of(stage);
  s.stage = stage;
  count_decode(s);
}

void Scheduler::Impl::commit(SequenceIndex index, uint32_t prompt, uint32_t output, double now) {
  Sequence& s = records[index];
  LLMOS_DCHECK(prompt <= s.view.prompt_left);
  s.view.held_tokens += prompt + (prompt == 0 ? output : output - std::min(output, 1u));
  s.view.prompt_left -= prompt;
  s.view.output_tokens += output;
  prompt_work -= prompt;
  output_done += output;
  s.planned_prompt -= std::min(prompt, s.planned_prompt);
  // A decode planned ahead of its prompt's commit stays planned.
  if (prompt == 0) s.planned_output -= std::min(s.planned_output, uint32_t{s.tokens_per_step});
  tenants[s.view.tenant].counter += kOutputWeight * output / tenants[s.view.tenant].weight;
  reserve(index);
  if (prompt == 0) return;
  count_decode(s);
  if (s.view.prompt_left == 0 && s.inherited_level < SchedulingRank::kLevels) {
    // The blocks that somebody waited for are there.
    s.inherited_level = SchedulingRank::kLevels;
    s.view.priority = s.own_priority;
    ask_rank(index, now);
  }
}

void Scheduler::Impl::abandon(SequenceIndex index) {
  Sequence& s = records[index];
  s.planned_prompt = 0;
  s.planned_output = 0;
  reserve(index);
  count_decode(s);
}

void Scheduler::Impl::step_done(double seconds, double now) {
  step_seconds = seconds;
  const Composition& rules = config.composition;
  displacement_savings = std::min(rules.displacement_savings * scale(),
                                  displacement_savings + rules.displacement_share * seconds);
  for (const SequenceIndex index : ran_last) {
    Sequence& s = records[index];
    if (s.stage == Stage::kFree || !s.ran) continue;
    s.view.served_seconds += seconds;
    s.waited_since = now;
    if (s.promoted) touch(index);
    if (s.promoted && s.view.prompt_left == 0 && (s.turn_left == 0 || --s.turn_left == 0)) {
      set_promoted(index, false);
    }
    const SchedulingRank& rank = s.view.rank;
    if (s.view.output_tokens >= rank.output_tokens_until ||
        s.view.served_seconds >= rank.served_seconds_until) {
      ask_rank(index, now);
    }
  }
}

void Scheduler::Impl::transferred(SequenceIndex index, bool ok, double now) {
  Sequence& s = records[index];
  if (s.stage != Stage::kLeaving && s.stage != Stage::kEntering) return;
  link_queue -= std::min<uint64_t>(link_queue, s.moving_tokens);
  s.moving_tokens = 0;
  if (s.stage == Stage::kEntering && ok) {
    s.clean_tokens = config.composition.keeps_copies ? s.view.held_tokens - s.shared_tokens : 0;
    set_stage(s, Stage::kResident);
    return;
  }
  const bool entering = s.stage == Stage::kEntering;
  release_memory(index);
  if (entering) leave_system(index);
  if (ok) s.clean_tokens = s.view.held_tokens - s.shared_tokens;
  if (!ok) drop_context(index);
  ask_rank(index, now);
  set_stage(s, ok ? Stage::kSwapped : Stage::kWaiting);
  if (!s.parked) join_line(index);
}

void Scheduler::Impl::park(SequenceIndex index, double now) {
  Sequence& s = records[index];
  if (s.parked) return;
  if (!s.ran) stop_wait(index, now);
  set_promoted(index, false);
  leave_line(index);
  unclaim(index);
  s.parked = true;
  s.ran = false;
  s.waited_since = now;
  count_decode(s);
  touch(index);
  ++totals.parked;
}

void Scheduler::Impl::unpark(SequenceIndex index, double now) {
  Sequence& s = records[index];
  if (!s.parked) return;
  s.parked = false;
  --totals.parked;
  count_decode(s);
  touch(index);
  start_wait(index, now);
  if (s.stage == Stage::kWaiting || s.stage == Stage::kSwapped) join_line(index);
}

void Scheduler::Impl::inherit(SequenceIndex index, int32_t priority, uint32_t level) {
  Sequence& s = records[index];
  if (s.view.prompt_left == 0) return;  // there is nothing to wait for
  s.view.priority = std::max(s.view.priority, priority);
  s.inherited_level = std::min(s.inherited_level, level);
  ask_rank(index, s.view.now);
}

double Scheduler::Impl::scale() const {
  // The seconds in Composition are for the reference engine, whose step takes 17 ms.
  constexpr double kReferenceStep = 0.017;
  return costs.step > 0 ? costs.step / kReferenceStep : 1;
}

Scheduler::Scheduler(const SchedulerConfig& config, SchedulingPolicy& policy)
    : impl_(std::make_unique<Impl>(config, policy)) {}
Scheduler::~Scheduler() = default;

Result<std::unique_ptr<Scheduler>> Scheduler::create(const SchedulerConfig& config,
                                                     SchedulingPolicy& policy) {
  if (Status status = check(config); !status.ok()) return status;
  return std::unique_ptr<Scheduler>(new Scheduler(config, policy));
}

Result<SequenceIndex> Scheduler::arrive(const Arrival& arrival, double now) {
  if (impl_->log) impl_->log->add({.kind = EventKind::kArrive, .now = now, .arrival = arrival});
  if (arrival.prompt_tokens == 0) {
    return Status(Code::kInvalid, "scheduler: expected a prompt of at least one token, found none");
  }
  if (uint64_t{arrival.prompt_tokens} + 1 > impl_->costs.kv_tokens) {
    Text text;
    text << "scheduler: a prompt of " << arrival.prompt_tokens << " tokens and one of output need "
         << "more than the memory for " << impl_->costs.kv_tokens
         << "; shorten the prompt or give more memory";
    return Status(Code::kInvalid, std::move(text).str());
  }
  if (Status status = impl_->check_quota(arrival); !status.ok()) return status;
  if (impl_->free_records.empty()) {
    return Status(Code::kExhausted, "scheduler: all sequence records are in use; try again later");
  }
  impl_->set_quota(arrival);
  return impl_->add(arrival, now);
}

void Scheduler::end(SequenceIndex sequence, bool censored, double now) {
  LLMOS_CHECK(at(sequence).stage != Stage::kFree) << "end of a sequence that is not in use";
  if (impl_->log) {
    impl_->log->add({.kind = EventKind::kEnd, .flag = censored, .sequence = sequence, .now = now});
  }
  impl_->end(sequence, censored, now);
}

void Scheduler::commit(SequenceIndex sequence, uint32_t prompt_tokens, uint32_t output_tokens,
                       double now) {
  LLMOS_CHECK(at(sequence).stage != Stage::kFree) << "commit to a sequence that is not in use";
  LLMOS_CHECK(prompt_tokens <= at(sequence).view.prompt_left);
  if (impl_->log) {
    impl_->log->add({.kind = EventKind::kCommit,
                     .sequence = sequence,
                     .first = prompt_tokens,
                     .second = output_tokens,
                     .now = now});
  }
  impl_->commit(sequence, prompt_tokens, output_tokens, now);
}

void Scheduler::abandon(SequenceIndex sequence) {
  if (impl_->log) impl_->log->add({.kind = EventKind::kAbandon, .sequence = sequence});
  impl_->abandon(sequence);
}

void Scheduler::step_done(double seconds, double now) {
  if (impl_->log) impl_->log->add({.kind = EventKind::kStepDone, .now = now, .seconds = seconds});
  impl_->step_done(seconds, now);
}

void Scheduler::transferred(SequenceIndex sequence, bool ok, double now) {
  if (impl_->log) {
    impl_->log->add(
        {.kind = EventKind::kTransferred, .flag = ok, .sequence = sequence, .now = now});
  }
  impl_->transferred(sequence, ok, now);
}

void Scheduler::park(SequenceIndex sequence, double now) {
  if (impl_->log) {
    impl_->log->add({.kind = EventKind::kPark, .sequence = sequence, .now = now});
  }
  impl_->park(sequence, now);
}

void Scheduler::unpark(SequenceIndex sequence, double now) {
  if (impl_->log) {
    impl_->log->add({.kind = EventKind::kUnpark, .sequence = sequence, .now = now});
  }
  impl_->unpark(sequence, now);
}

void Scheduler::pin(SequenceIndex sequence, bool pinned) {
  if (impl_->log) {
    impl_->log->add({.kind = EventKind::kPin, .flag = pinned, .sequence = sequence});
  }
  impl_->records[sequence].pinned = pinned;
}

void Scheduler::inherit(SequenceIndex sequence, int32_t priority, uint32_t level) {
  if (impl_->log) {
    impl_->log->add({.kind = EventKind::kInherit,
                     .sequence = sequence,
                     .first = uint32_t(priority),
                     .second = level});
  }
  impl_->inherit(sequence, priority, level);
}

void Scheduler::set_costs(const SchedulingCosts& costs) {
  if (impl_->log) impl_->log->add({.kind = EventKind::kCosts, .costs = costs});
  LLMOS_DCHECK(check_costs(costs).ok());
  impl_->costs = costs;
}

const StepPlan& Scheduler::plan(double now, const Resources& resources) {
  const StepPlan& plan = impl_->make_plan(now, resources);
  if (impl_->log) {
    impl_->log->add(
        {.kind = EventKind::kPlan, .now = now, .resources = resources, .digest = plan.digest});
  }
  return plan;
}

const Sequence& Scheduler::at(SequenceIndex sequence) const { return impl_->records[sequence]; }
uint32_t Scheduler::capacity() const { return uint32_t(impl_->records.size()); }
const SchedulingCosts& Scheduler::costs() const { return impl_->costs; }
double Scheduler::waiting_bound() const { return impl_->waiting_bound(); }
SchedulerStats Scheduler::stats() const { return impl_->stats(); }
Load Scheduler::load() const { return impl_->load(); }
uint32_t Scheduler::tenant_blocks(uint32_t tenant) const {
  return uint32_t(impl_->tenants[std::min<size_t>(tenant, impl_->tenants.size() - 1)].blocks);
}
uint64_t Scheduler::digest() const { return impl_->digest; }
void Scheduler::record(EventLog* log) { impl_->log = log; }
void Scheduler::check_integrity() const { impl_->check_integrity(); }

}  // namespace llmos::sched
