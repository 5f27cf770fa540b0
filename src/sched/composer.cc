// SPDX-License-Identifier: Apache-2.0
// One plan: refresh ranks, promote, order, grow, settle claims, enter, compose.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "sched/scheduler_impl.h"

namespace llmos::sched {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

}  // namespace

const StepPlan& Scheduler::Impl::make_plan(double now, const Resources& resources) {
  capacity = resources.kv_tokens;
  swap_free = resources.swap_tokens_free;
  slots = resources.slots ? resources.slots : costs.slots;
  budget_tokens = resources.tokens_per_step ? resources.tokens_per_step : costs.tokens_per_step;
  current = StepPlan{};
  prompts.clear();
  decodes.clear();
  moves.clear();
  refresh_ranks(now);
  promote(now);
  order(now);
  grow(now);
  settle_claims(now);
  enter(now);
  compose(now);
  seal();
  return current;
}

void Scheduler::Impl::refresh_ranks(double now) {
  // So many a plan keep the cost of a rebuilt table within a plan's microseconds; a batch and what
  // waits at a load below 1 is asked again within a step or two.
  constexpr uint32_t kRanksPerPlan = 16;
  // Free records are skipped at no more than this many a plan.
  constexpr uint32_t kRecordsPerPlan = 256;
  if (const uint64_t epoch = policy.epoch(now); epoch != rank_epoch) {
    rank_epoch = epoch;
    sweep_left = uint32_t(records.size());
  }
  uint32_t asked = 0;
  for (uint32_t seen = 0; sweep_left > 0 && seen < kRecordsPerPlan && asked < kRanksPerPlan;
       ++seen, --sweep_left) {
    if (records[sweep].stage != Stage::kFree) {
      ask_rank(sweep, now);
      ++asked;
    }
    // Records are taken from the low end, so the rest of an idle table is free.
    if (++sweep == records.size() || sweep >= records_used) sweep = 0;
    sweep_left = std::min(sweep_left, records_used);
  }
}

double Scheduler::Impl::turn_steps(const Sequence& s) const {
  const double moved = 2.0 * (s.view.held_tokens + s.view.prompt_left) * costs.swap_token;
  const double steps = config.composition.turn_swaps * moved / std::max(step_seconds, 1e-9);
  return std::clamp(std::ceil(steps), double(config.composition.turn_steps), 1e9);
}

void Scheduler::Impl::promote(double now) {
  const Composition& rules = config.composition;
  if (rules.promote_after <= 0) return;
  const double after = rules.promote_after * scale();
  SequenceIndex index = waits.front();
  while (index != kNoSequence) {
    Sequence& s = records[index];
    if (now - s.waited_since <= after) return;
    const SequenceIndex next = s.wait_next;
    if (!s.promoted) {
      const uint64_t tokens = promoted_outside_tokens + promoted_tokens + need(s);
      const bool fits = promoted_count < rules.promote_share * slots &&
                        double(tokens) <= rules.promote_share * double(capacity);
      if (promoted_count > 0 && !fits) return;
      set_promoted(index, true);
    }
    index = next;
  }
}

void Scheduler::Impl::order(double now) {
  static_cast<void>(now);
  // The least served of those that are here sets the zero of the tenants' lags.
  if (config.composition.fair) refresh_counters();
  decodes_now = 0;
  prompt_ahead = 0;
  for (Place& place : system) {
    const Sequence& s = records[place.index];
    place = place_of(s, place.index);
    if (s.stage == Stage::kResident && !s.parked) {
      decodes_now += s.view.prompt_left == s.planned_prompt ? s.tokens_per_step : 0;
    }
  }
  // Nearly sorted since the last plan: insertion is linear.
  for (size_t i = 1; i < system.size(); ++i) {
    const Place place = system[i];
    size_t j = i;
    for (; j > 0 && place < system[j - 1]; --j) system[j] = system[j - 1];
    system[j] = place;
  }
  uint32_t counted = 0;
  for (const Place& place : system) {
    const Sequence& s = records[place.index];
    if (counted >= slots) break;
    ++counted;
    if (s.stage == Stage::kResident) prompt_ahead += s.view.prompt_left - s.planned_prompt;
  }
}

void Scheduler::Impl::refresh_counters() {
  if (active_tenants < 2) return;
  counter_min = kForever;
  for (const TenantState& tenant : tenants) {
    if (tenant.active > 0) counter_min = std::min(counter_min, tenant.counter);
  }
}

// Somebody has to leave so that the others can go on by a token.
void Scheduler::Impl::grow(double now) {
  while (uncommitted() < int64_t(decodes_now)) {
    SequenceIndex victim = kNoSequence;
    uint32_t residents = 0;
    double since = kForever;
    for (size_t i = system.size(); i-- > 0;) {
      const Sequence& s = records[system[i].index];
      if (s.stage != Stage::kResident) continue;
      ++residents;
      if (s.pinned || s.planned_output > 0 || s.planned_prompt > 0) continue;
      if (config.composition.displacement == Displacement::kDirect) {
        // The first in the order stays, whoever was served longest ago goes.
        const double served = s.ran ? kForever : s.waited_since;
        if (victim == kNoSequence || served < since) victim = system[i].index, since = served;
      } else if (victim == kNoSequence) {
        victim = system[i].index;
      }
    }
    if (residents < 2 || victim == kNoSequence) return;
    decodes_now -= records[victim].view.prompt_left == 0 && !records[victim].parked
                       ? std::min(decodes_now, records[victim].tokens_per_step)
                       : 0;
    evict(victim, now);
  }
}

void Scheduler::Impl::settle_claims(double now) {
  while (!claims.empty()) {
    const SequenceIndex index = claims.front();
    // Those whose memory it waits for may have stayed away for good: then it takes what there is.
    if (need(records[index]) > free_tokens()) {
      if (leaving_tokens > 0) return;
      unclaim(index);
      join_line(index);
      continue;
    }
    unclaim(index);
    admit_now(index, now);
  }
}

uint32_t Scheduler::Impl::better_than(const Place& place) const {
  const auto first_worse =
      config.composition.keyed
          ? std::lower_bound(system.begin(), system.end(), place)
          : std::partition_point(system.begin(), system.end(), [&](const Place& other) {
              return other.band < place.band || (other.band == place.band && place.band != 0) ||
                     other < place;
            });
  return uint32_t(first_worse - system.begin());
}

void Scheduler::Impl::enter(double now) {
  // Four tries for each slot find nearly all that fit; beyond 64 a plan would take too long.
  const uint32_t tries = std::min(4 * slots, 64u);
  uint32_t tried = 0;
  room_tries = 0;
  for (size_t i = 0; i < promoted_outside.size() && tried < tries;) {
    const SequenceIndex index = promoted_outside[i];
    ++tried;
    const bool go_on = try_enter(index, now);
    if (!go_on) return;
    if (i < promoted_outside.size() && promoted_outside[i] == index) return;  // it failed: wait
  }
  scan_tenants.clear();
  start_scan();
  while (tried++ < tries) {
    const SequenceIndex index = next_outsider(now);
    if (index == kNoSequence || !try_enter(index, now)) return;
  }
}

void Scheduler::Impl::start_scan() {
  scan_cursor = kNoSequence;
  if (config.composition.fair && active_tenants > 1) {
    for (uint32_t i = 0; i < tenants.size(); ++i) {
      if (!tenants[i].line.empty()) scan_tenants.push_back(i);
    }
    std::sort(scan_tenants.begin(), scan_tenants.end(), [&](uint32_t a, uint32_t b) {
      return std::pair(tenants[a].counter, a) < std::pair(tenants[b].counter, b);
    });
  } else {
    for (uint32_t i = 0; i < tenants.size() && scan_tenants.empty(); ++i) {
      if (!tenants[i].line.empty()) scan_tenants.push_back(i);
    }
  }
  scan_position = 0;
  if (!scan_tenants.empty()) scan_cursor = tenants[scan_tenants[0]].line.front();
}

SequenceIndex Scheduler::Impl::next_outsider(double now) {
  static_cast<void>(now);
  while (scan_cursor == kNoSequence) {
    if (++scan_position >= scan_tenants.size()) return kNoSequence;
    scan_cursor = tenants[scan_tenants[scan_position]].line.front();
  }
  const SequenceIndex index = scan_cursor;
  // The caller may take `index` off its line: look ahead now.
  scan_cursor = tenants[scan_tenants[scan_position]].line.after(records, index);
  return index;
}

bool Scheduler::Impl::try_enter(SequenceIndex index, double now) {
  const Composition& rules = config.composition;
  Sequence& s = records[index];
  const Place place = place_of(s, index);
  const bool preempts = rules.displacement != Displacement::kNone;
  if ((preempts ? better_than(place) : uint32_t(system.size())) >= slots) return false;
  const bool go_on = rules.backfill && !s.promoted;
  if (rules.prompt_gate && s.view.prompt_left > 0 && prompt_ahead + decodes_now >= budget_tokens) {
    return go_on;
  }
  const bool alone = system.empty();
  // When nobody is here, whatever fits enters: nothing else will ever make room for it.
  const uint64_t own = need(s) + s.tokens_per_step;
  const uint64_t headroom =
      rules.headroom_tokens + rules.headroom_per_resident * (system.size() + 1);
  const int64_t wanted = int64_t(alone ? own : need(s) + decodes_now + headroom);
  const int64_t withheld = alone ? 0 : int64_t((1 - rules.fill_max) * double(capacity));
  if (wanted + withheld <= std::min(uncommitted(), int64_t(free_tokens()))) {
    leave_line(index);
    admit_now(index, now);
    return true;
  }
  if (!preempts) return go_on;
  if (uncommitted() < wanted && !make_room(s, wanted, now)) return go_on;
  leave_line(index);
  if (wanted <= int64_t(free_tokens()) && wanted <= uncommitted()) {
    admit_now(index, now);
    return true;
  }
  s.claims = true;
  claims.push_back(index);
  claimed_tokens += need(s);
  join_system(index);
  return true;
}

bool Scheduler::Impl::may_displace(const Sequence& newcomer, const Place& place,
                                   const Place& victim, double now) const {
  const Sequence& s = records[victim.index];
  const Composition& rules = config.composition;
  if (s.stage != Stage::kResident || s.pinned || s.planned_output || s.planned_prompt) return false;
  if (s.parked) return true;
  if (s.promoted) return false;
  if (newcomer.promoted) {
    return !s.ran || now - newcomer.waited_since > rules.promote_hard_after * scale();
  }
  const uint64_t lag = (place.band - 1) >> 8, victim_lag = (victim.band - 1) >> 8;
  if (lag != victim_lag) return victim_lag > lag;
  if (rules.displacement_levels == 0) return place < victim;
  return victim.level >= place.level + rules.displacement_levels;
}

double Scheduler::Impl::idleness(const Sequence& s) const {
  const double held = s.view.held_tokens - s.shared_tokens;
  const double dirty = held - std::min<double>(held, s.clean_tokens);
  return (held * held + dirty * dirty / 2) / double(capacity) * costs.swap_token /
         config.composition.link_share;
}

bool Scheduler::Impl::make_room(const Sequence& newcomer, int64_t wanted, double now) {
  const Composition& rules = config.composition;
  const bool hard =
      newcomer.promoted && now - newcomer.waited_since > rules.promote_hard_after * scale();
  const bool budgeted = rules.displacement == Displacement::kBudgeted;
  if (budgeted && displacement_savings < 0 && !hard) return false;
  // Looking for victims is linear in who runs: not for each of many that fail.
  constexpr uint32_t kRoomTries = 8;
  if (room_tries++ >= kRoomTries && !newcomer.promoted) return false;
  gather_victims(newcomer, wanted, now);
  int64_t room = uncommitted();
  uint64_t traffic = newcomer.stage == Stage::kSwapped ? newcomer.view.held_tokens : 0;
  size_t count = 0;
  while (count < victims.size() && room < wanted) {
    const Sequence& s = records[victims[count++]];
    room += s.reserved_tokens;
    const uint32_t own = s.view.held_tokens - s.shared_tokens;
    traffic += own - std::min(own, s.clean_tokens);
  }
  if (room < wanted) return false;
  const double link = rules.link_share * step_seconds / std::max(costs.swap_token, 1e-12);
  if (rules.link_bounded && link_queue > 0 && double(link_queue + traffic) > link) return false;
  for (size_t i = 0; i < count; ++i) {
    const Sequence& s = records[victims[i]];
    if (s.view.prompt_left == s.planned_prompt && !s.parked) {
      decodes_now -= std::min(decodes_now, s.tokens_per_step);
    }
    evict(victims[i], now);
  }
  return true;
}

// Who may leave for the newcomer, the first to go first.
void Scheduler::Impl::gather_victims(const Sequence& newcomer, int64_t wanted, double now) {
  const Place place = place_of(newcomer, kNoSequence);
  const bool direct = config.composition.displacement == Displacement::kDirect;
  int64_t room = uncommitted();
  victims.clear();
  for (size_t i = system.size(); i-- > 0 && (direct || room < wanted);) {
    if (!newcomer.promoted && system[i].band < place.band) break;  // so are all before it
    if (!may_displace(newcomer, place, system[i], now)) continue;
    victims.push_back(system[i].index);
    room += records[system[i].index].reserved_tokens;
  }
  if (!direct) return;
  const auto served = [&](SequenceIndex i) {
    return records[i].ran ? kForever : records[i].waited_since;
  };
  // Insertion keeps those served together in the order found, and takes no memory.
  for (size_t i = 1; i < victims.size(); ++i) {
    const SequenceIndex index = victims[i];
    size_t j = i;
    for (; j > 0 && served(index) < served(victims[j - 1]); --j) victims[j] = victims[j - 1];
    victims[j] = index;
  }
}

void Scheduler::Impl::evict(SequenceIndex index, double now) {
  Sequence& s = records[index];
  const Composition& rules = config.composition;
  const uint32_t own = s.view.held_tokens - s.shared_tokens;
  const uint32_t dirty = own - std::min(own, s.clean_tokens);
  displacement_savings -= idleness(s);
  ++s.preemptions;
  ++totals.preemptions;
  if (s.ran) {
    std::erase(ran_last, index);
    start_wait(index, s.waited_since);
  }
  leave_system(index);
  set_promoted(index, false);
  if (own == 0 || dirty > swap_free) {
    moves.push_back({index, MoveKind::kDrop, own});
    release_memory(index);
    drop_context(index);
    ask_rank(index, now);
    set_stage(s, Stage::kWaiting);
    if (!s.parked) join_line(index);
    return;
  }
  swap_free -= dirty;
  moves.push_back({index, MoveKind::kOut, dirty});
  s.swapped_tokens += dirty;
  totals.tokens_swapped += dirty;
  s.moving_tokens = dirty;
  if (dirty == 0 || rules.swap_synchronous) {
    release_memory(index);
    s.moving_tokens = 0;
    s.clean_tokens = own;
    ask_rank(index, now);
    set_stage(s, Stage::kSwapped);
    if (!s.parked) join_line(index);
    return;
  }
  link_queue += dirty;
  leaving_tokens += s.reserved_tokens;
  set_stage(s, Stage::kLeaving);
}

void Scheduler::Impl::admit_now(SequenceIndex index, double now) {
  Sequence& s = records[index];
  const Composition& rules = config.composition;
  static_cast<void>(now);
  if (!s.charged) {
    s.charged = true;
    tenants[s.view.tenant].counter += s.view.prompt_left / tenants[s.view.tenant].weight;
  }
  const uint32_t own = s.view.held_tokens - s.shared_tokens;
  if (s.stage == Stage::kSwapped && own > 0) {
    moves.push_back({index, MoveKind::kIn, own});
    s.swapped_tokens += own;
    totals.tokens_swapped += own;
    if (rules.swap_synchronous) {
      s.clean_tokens = rules.keeps_copies ? own : 0;
      set_stage(s, Stage::kResident);
    } else {
      s.moving_tokens = own;
      link_queue += own;
      set_stage(s, Stage::kEntering);
    }
  } else {
    set_stage(s, Stage::kResident);
  }
  reserve(index);
  if (s.stage == Stage::kResident) {
    if (s.view.prompt_left > 0) {
      prompt_ahead += s.view.prompt_left;
    } else {
      decodes_now += s.tokens_per_step;
    }
  }
  join_system(index);
}

void Scheduler::Impl::compose(double now) {
  std::swap(ran_last, ran_before);
  ran_last.clear();
  uint32_t places = 0, decode_tokens = 0;
  const auto may_run = [](const Sequence& s) {
    if (s.stage != Stage::kResident || s.parked) return false;
    return !s.needs_results || (s.planned_prompt == 0 && s.planned_output == 0);
  };
  // The best of the residents, decodes first: letting prompts eat the budget costs capacity.
  for (const Place& place : system) {
    if (places == slots) break;
    Sequence& s = records[place.index];
    if (!may_run(s)) continue;
    if (s.view.prompt_left > s.planned_prompt) {
      ++places;
      chosen_prompts.push_back(place.index);
      continue;
    }
    if (s.view.output_tokens + s.planned_output + (s.planned_prompt > 0) >=
        s.view.output_tokens_max) {
      continue;  // all that it may put out is already under way
    }
    if (free_tokens() < s.tokens_per_step) {
      blocked = place.index;
      continue;
    }
    if (decode_tokens + s.tokens_per_step > budget_tokens) continue;
    ++places;
    decode_tokens += s.tokens_per_step;
    decodes.push_back(place.index);
    current.context_tokens += s.view.held_tokens + s.planned_output + 1;
    s.planned_output += s.tokens_per_step;
    reserve(place.index);
    ran_last.push_back(place.index);
  }
  uint32_t left = budget_tokens - decode_tokens;
  for (const SequenceIndex index : chosen_prompts) {
    Sequence& s = records[index];
    const uint32_t tokens = std::min(left, s.view.prompt_left - s.planned_prompt);
    if (tokens == 0) break;
    const bool last = s.planned_prompt + tokens == s.view.prompt_left;
    prompts.push_back({index, tokens, last});
    s.planned_prompt += tokens;
    left -= tokens;
    current.prompt_tokens += tokens;
    ran_last.push_back(index);
  }
  chosen_prompts.clear();
  mark_running(now);
  if (prompts.empty() && decodes.empty()) {
    const bool stirs = !system.empty() || leaving_tokens > 0;
    current.idle_seconds =
        stirs || totals.waiting + totals.swapped > totals.parked ? costs.step / 4 : kForever;
    if (blocked != kNoSequence && system.size() == 1 && leaving_tokens == 0) {
      current.overflow = blocked;
    }
  }
  blocked = kNoSequence;
}

// Updates who waits since when.
void Scheduler::Impl::mark_running(double now) {
  for (const SequenceIndex index : ran_before) records[index].still_runs = false;
  for (const SequenceIndex index : ran_last) {
    Sequence& s = records[index];
    s.still_runs = true;
    if (s.ran) continue;
    stop_wait(index, now);
    s.ran = true;
  }
  for (const SequenceIndex index : ran_before) {
    Sequence& s = records[index];
    if (s.ran && !s.still_runs && s.stage != Stage::kFree) start_wait(index, s.waited_since);
  }
}

void Scheduler::Impl::seal() {
  for (const PlannedPrompt& p : prompts) digest_word(uint64_t{p.sequence} << 32 | p.tokens);
  for (const SequenceIndex index : decodes) digest_word(uint64_t{1} << 62 | index);
  for (const Move& move : moves) {
    digest_word(uint64_t(move.kind) << 60 | uint64_t{move.sequence} << 28 | move.tokens);
  }
  digest_word(prompts.size() << 40 | decodes.size() << 20 | moves.size());
  current.prompts = prompts;
  current.decodes = decodes;
  current.moves = moves;
  current.digest = digest;
}

}  // namespace llmos::sched
