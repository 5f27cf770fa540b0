// SPDX-License-Identifier: Apache-2.0
// Scheduler: the records and the lists that they are on.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "sched/scheduler_impl.h"

namespace llmos::sched {

Scheduler::Impl::Impl(const SchedulerConfig& given, SchedulingPolicy& ranking)
    : config(given),
      policy(ranking),
      costs(given.costs),
      records(given.sequences_max),
      tenants(given.tenants_max),
      capacity(given.costs.kv_tokens),
      slots(given.costs.slots),
      budget_tokens(given.costs.tokens_per_step),
      step_seconds(given.costs.step),
      output_mean(128) {  // a guess until the first have ended
  free_records.reserve(records.size());
  for (size_t i = records.size(); i-- > 0;) free_records.push_back(SequenceIndex(i));
  for (size_t i = 0; i < std::min(tenants.size(), config.tenant_weights.size()); ++i) {
    tenants[i].weight = config.tenant_weights[i];
  }
  for (auto* list :
       {&promoted_outside, &claims, &ran_last, &ran_before, &victims, &decodes, &chosen_prompts}) {
    list->reserve(records.size());
  }
  system.reserve(records.size());
  moved_places.reserve(records.size());
  // One that leaves memory and comes back may be noted twice between two plans.
  moved.reserve(2 * records.size());
  standing.resize(records.size(), Standing::kAway);
  placed.resize(records.size());
  for (auto* list : {&scan_tenants, &active_list, &waiting_list}) list->reserve(tenants.size());
  prompts.reserve(records.size());
  moves.reserve(2 * records.size());
}

uint32_t Scheduler::Impl::need(const Sequence& s) const {
  return s.view.held_tokens + s.view.prompt_left - s.shared_tokens;
}

void Scheduler::Impl::reserve(SequenceIndex index) {
  Sequence& s = records[index];
  if (s.stage != Stage::kResident && s.stage != Stage::kEntering) return;
  const uint32_t wanted = need(s) + s.planned_output;
  recharge(s, s.reserved_tokens, wanted);
  const uint64_t change = uint64_t{wanted} - s.reserved_tokens;  // modulo 2^64: a decrease too
  used += change;
  if (s.promoted) promoted_tokens += change;
  s.reserved_tokens = wanted;
  context_max = std::max(context_max, wanted);
}

void Scheduler::Impl::release_memory(SequenceIndex index) {
  Sequence& s = records[index];
  recharge(s, s.reserved_tokens, 0);
  used -= s.reserved_tokens;
  if (s.promoted) promoted_tokens -= s.reserved_tokens;
  if (s.stage == Stage::kLeaving) leaving_tokens -= s.reserved_tokens;
  s.reserved_tokens = 0;
}

void Scheduler::Impl::drop_context(SequenceIndex index) {
  Sequence& s = records[index];
  const uint32_t whole = s.view.prompt_tokens + s.view.output_tokens;
  totals.tokens_recomputed += s.view.held_tokens - s.shared_tokens;
  s.recomputed_tokens += s.view.held_tokens - s.shared_tokens;
  // The shared prefix belongs to the cache and stays.
  s.view.held_tokens = s.shared_tokens;
  prompt_work += uint64_t(whole - s.shared_tokens) - s.view.prompt_left;
  s.view.prompt_left = whole - s.shared_tokens;
  s.clean_tokens = 0;
}

void Scheduler::Impl::join_line(SequenceIndex index) {
  Sequence& s = records[index];
  TenantState& tenant = tenants[line_of(s)];
  ++tenant.waiting;
  if (!s.promoted) {
    if (tenant.line.empty()) list_tenant(line_of(s));
    return tenant.line.insert(records, index, config.composition.keyed);
  }
  const auto later = [&](SequenceIndex other) {
    return records[other].waited_since > s.waited_since;
  };
  promoted_outside_tokens += need(s);
  promoted_outside.insert(std::find_if(promoted_outside.begin(), promoted_outside.end(), later),
                          index);
}

void Scheduler::Impl::leave_line(SequenceIndex index) {
  Sequence& s = records[index];
  if (!is_outside(s)) return;
  TenantState& tenant = tenants[line_of(s)];
  --tenant.waiting;
  if (s.promoted) {
    promoted_outside_tokens -= need(s);
    std::erase(promoted_outside, index);
  } else {
    tenant.line.remove(records, index);
    if (tenant.line.empty()) unlist_tenant(line_of(s));
  }
}

void Scheduler::Impl::list_tenant(uint32_t tenant) {
  tenants[tenant].waiting_at = uint32_t(waiting_list.size());
  waiting_list.push_back(tenant);
}

void Scheduler::Impl::unlist_tenant(uint32_t tenant) {
  const uint32_t at = tenants[tenant].waiting_at;
  waiting_list[at] = waiting_list.back();
  tenants[waiting_list.back()].waiting_at = at;
  waiting_list.pop_back();
}

void Scheduler::Impl::touch(SequenceIndex index) {
  if (standing[index] != Standing::kPlaced) return;
  standing[index] = Standing::kMoved;
  moved.push_back(index);
}

void Scheduler::Impl::count_decode(Sequence& s) {
  const bool here = s.stage == Stage::kResident && !s.parked;
  const bool counts = here && s.view.prompt_left == s.planned_prompt;
  if (counts == s.decodes) return;
  s.decodes = counts;
  decodes_now += counts ? s.tokens_per_step : 0u - s.tokens_per_step;
}

void Scheduler::Impl::join_system(SequenceIndex index) {
  const Place place = placed[index] = place_of(records[index], index);
  standing[index] = Standing::kPlaced;
  system.insert(std::lower_bound(system.begin(), system.end(), place), place);
}

void Scheduler::Impl::leave_system(SequenceIndex index) {
  standing[index] = Standing::kAway;
  system.erase(system.begin() + ptrdiff_t(where(index)));
}

size_t Scheduler::Impl::where(SequenceIndex index) const {
  const auto found = std::lower_bound(system.begin(), system.end(), placed[index]);
  LLMOS_DCHECK(found != system.end() && found->index == index);
  return size_t(found - system.begin());
}

void Scheduler::Impl::start_wait(SequenceIndex index, double now) {
  Sequence& s = records[index];
  s.ran = false;
  // A step that overlaps the next may report late: the list stays ordered.
  const SequenceIndex last = waits.back();
  s.waited_since = last == kNoSequence ? now : std::max(now, records[last].waited_since);
  if (!s.parked) waits.append(records, index);
  touch(index);
}

void Scheduler::Impl::stop_wait(SequenceIndex index, double now) {
  Sequence& s = records[index];
  if (!s.parked) waits.remove(records, index);
  s.wait_max = std::max(s.wait_max, now - s.waited_since);
}

void Scheduler::Impl::unclaim(SequenceIndex index) {
  Sequence& s = records[index];
  if (!s.claims) return;
  claimed_tokens -= need(s);
  leave_system(index);
  s.claims = false;
  std::erase(claims, index);
}

void Scheduler::Impl::set_promoted(SequenceIndex index, bool promoted) {
  Sequence& s = records[index];
  if (s.promoted == promoted) return;
  const bool outside = is_outside(s);
  if (outside) leave_line(index);
  s.promoted = promoted;
  if (promoted) {
    s.turn_left = uint32_t(turn_steps(s));
    ++promoted_count;
    ++totals.promotions;
    promoted_tokens += s.reserved_tokens;
  } else {
    --promoted_count;
    promoted_tokens -= s.reserved_tokens;
  }
  if (outside) join_line(index);
  touch(index);
}

void Scheduler::Impl::ask_rank(SequenceIndex index, double now) {
  Sequence& s = records[index];
  s.view.now = now;
  s.view.last_service = s.waited_since;
  s.view.resident = s.stage == Stage::kResident;
  SchedulingRank rank = policy.rank(s.view, costs);
  rank.level = std::min(rank.level, SchedulingRank::kLevels - 1);
  if (std::isnan(rank.key)) rank.key = std::numeric_limits<double>::infinity();
  set_rank(index, rank);
}

void Scheduler::Impl::set_rank(SequenceIndex index, SchedulingRank rank) {
  Sequence& s = records[index];
  rank.level = std::min(rank.level, s.inherited_level);
  if (rank.level == s.view.rank.level && rank.key == s.view.rank.key) {
    s.view.rank = rank;
    return;
  }
  const bool fresh = s.view.rank.level == SchedulingRank::kLevels;
  if (!fresh) leave_line(index);
  s.view.rank = rank;
  if (!fresh && is_outside(s)) join_line(index);
  touch(index);
}

double Scheduler::Impl::least_served() const {
  double least = std::numeric_limits<double>::infinity();
  for (const uint32_t tenant : active_list) least = std::min(least, tenants[tenant].counter);
  return least;
}

bool Scheduler::Impl::refresh_lags() {
  if (!config.composition.fair || active_list.empty()) return false;
  counter_min = least_served();
  // Two full steps: a tenant may be ahead by so much before levels stop mattering between tenants.
  const double unit = 2.0 * costs.tokens_per_step;
  bool changed = false;
  for (const uint32_t index : active_list) {
    TenantState& tenant = tenants[index];
    const auto lag = uint64_t(std::clamp((tenant.counter - counter_min) / unit, 0.0, 1e6));
    changed |= lag != tenant.lag;
    tenant.lag = lag;
  }
  return changed;
}

Place Scheduler::Impl::place_of(const Sequence& s, SequenceIndex index) const {
  constexpr uint64_t kParkedBand = ~uint64_t{0};
  Place place{0, s.view.rank.key, s.view.id, index, s.view.rank.level + 1};
  if (config.composition.sticky && s.ran) --place.level;
  if (s.parked) {
    place.band = kParkedBand;
    place.level = SchedulingRank::kLevels + 1;
  } else if (s.promoted) {
    place.key = s.waited_since;
  } else {
    place.band = 1 + (tenants[s.view.tenant].lag << 8) + place.level;
  }
  return place;
}

SchedulerStats Scheduler::Impl::stats() const {
  SchedulerStats stats = totals;
  stats.kv_tokens_reserved = uint32_t(used);
  for (const TenantState& tenant : tenants) {
    if (tenant.waiting == 0) continue;
    for (uint32_t level = 0; level < SchedulingRank::kLevels; ++level) {
      stats.depth[level] += tenant.line.depth(level);
    }
  }
  return stats;
}

Load Scheduler::Impl::load() const {
  const double here = double(totals.waiting + totals.swapped + totals.moving + totals.resident);
  Load load;
  load.waiting = totals.waiting + totals.swapped;
  load.running = totals.resident + totals.moving;
  load.prompt_tokens_ahead = double(prompt_work);
  load.output_tokens_mean = output_mean;
  load.output_tokens_ahead = std::max(here, here * output_mean - double(output_done));
  load.context_tokens_mean = system.empty() ? 0 : double(used) / double(system.size());
  load.waiting_bound = waiting_bound();
  load.kv_tokens = uint32_t(capacity);
  return load;
}

double Scheduler::Impl::waiting_bound() const {
  const Composition& rules = config.composition;
  if (rules.promote_after <= 0) return std::numeric_limits<double>::infinity();
  const double here = double(totals.waiting + totals.swapped + totals.moving + totals.resident);
  const double context = std::max(1.0, double(context_max));
  const double memory = std::floor(rules.promote_share * double(capacity) / context);
  const double places = std::max(1.0, std::min(memory, rules.promote_share * slots));
  const double full_step = costs.step + costs.prompt_token * budget_tokens + costs.decode * slots +
                           costs.context_token * double(capacity);
  const double link = 2 * context * costs.swap_token / rules.link_share;
  const double chunks = std::ceil(context / double(budget_tokens - slots));
  const double turns = std::max(
      double(rules.turn_steps),
      std::ceil(2 * rules.turn_swaps * context * costs.swap_token / std::max(costs.step, 1e-9)));
  const double turn = (chunks + turns) * full_step;
  return std::max(rules.promote_after, rules.promote_hard_after) * scale() +
         std::ceil((here + 1) / places) * (turn + link);
}

void Scheduler::Impl::check_integrity() const {
  uint64_t reserved = 0, leaving = 0, claimed = 0, here = 0, on_lines = 0;
  for (SequenceIndex i = 0; i < records.size(); ++i) {
    const Sequence& s = records[i];
    if (s.stage == Stage::kFree) continue;
    ++here;
    reserved += s.reserved_tokens;
    const bool in_memory = s.stage == Stage::kResident || s.stage == Stage::kEntering;
    const bool listed = std::any_of(system.begin(), system.end(),
                                    [i](const Place& place) { return place.index == i; });
    LLMOS_CHECK(listed == (in_memory || s.claims)) << "sequence " << s.view.id;
    if (in_memory) LLMOS_CHECK(s.reserved_tokens == need(s) + s.planned_output);
    if (s.stage == Stage::kLeaving) leaving += s.reserved_tokens;
    if (s.claims) claimed += need(s);
    on_lines += is_outside(s);
  }
  LLMOS_CHECK(reserved == used && leaving == leaving_tokens && claimed == claimed_tokens)
      << reserved << " reserved, " << used << " counted; leaving " << leaving << ", "
      << leaving_tokens << "; claimed " << claimed << ", " << claimed_tokens;
  LLMOS_CHECK(here + free_records.size() == records.size());
  uint32_t decoding = 0;
  for (const Sequence& s : records) {
    LLMOS_CHECK(s.decodes == (s.stage == Stage::kResident && !s.parked &&
                              s.view.prompt_left == s.planned_prompt))
        << "sequence " << s.view.id;
    decoding += s.decodes ? s.tokens_per_step : 0;
  }
  LLMOS_CHECK(decoding == decodes_now);
  LLMOS_CHECK(std::is_sorted(system.begin(), system.end()));
  for (const Place& place : system) {
    LLMOS_CHECK(standing[place.index] != Standing::kAway);
    if (standing[place.index] == Standing::kMoved) continue;
    const Place now = place_of(records[place.index], place.index);
    LLMOS_CHECK(now.key == place.key && now.level == place.level) << "sequence " << place.id;
  }
  uint64_t lined = promoted_outside.size(), waiting = 0;
  if (quotas()) check_charges();
  for (const TenantState& tenant : tenants) {
    waiting += tenant.waiting;
    const bool has_line = !tenant.line.empty();
    LLMOS_CHECK(has_line == (std::count(waiting_list.begin(), waiting_list.end(),
                                        uint32_t(&tenant - tenants.data())) == 1));
    SequenceIndex index = tenant.line.front();
    for (; index != kNoSequence; index = tenant.line.after(records, index)) {
      LLMOS_CHECK(is_outside(records[index]) && !records[index].promoted);
      ++lined;
    }
  }
  LLMOS_CHECK(lined == on_lines && waiting == on_lines) << lined << ", not " << on_lines;
  double since = -std::numeric_limits<double>::infinity();
  for (SequenceIndex index = waits.front(); index != kNoSequence;
       index = records[index].wait_next) {
    LLMOS_CHECK(records[index].waited_since >= since && !records[index].ran);
    since = records[index].waited_since;
  }
}

}  // namespace llmos::sched
