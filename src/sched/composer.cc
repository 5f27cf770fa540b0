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
  headroom = resources.headroom_tokens;
  entry_waste = resources.entry_waste;
  entered = 0;
  current = StepPlan{};
  prompts.clear();
  decodes.clear();
  moves.clear();
  refresh_ranks(now);
  promote(now);
  order();
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
  constexpr uint32_t kRanksPerPlan = 8;
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
  const double traffic = 2.0 * (s.view.held_tokens + s.view.prompt_left) * costs.swap_token;
  const double steps = config.composition.turn_swaps * traffic / std::max(step_seconds, 1e-9);
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

void Scheduler::Impl::order() {
  // More than a quarter moved: placing all again is as quick as merging them.
  if (refresh_lags() || moved.size() > system.size() / 4) {
    order_all();
  } else if (!moved.empty()) {
    order_moved();
  }
  moved.clear();
  prompt_ahead = 0;
  for (size_t i = 0; i < std::min<size_t>(slots, system.size()); ++i) {
    const Sequence& s = records[system[i].index];
    if (s.stage == Stage::kResident) prompt_ahead += s.view.prompt_left - s.planned_prompt;
  }
}

void Scheduler::Impl::order_all() {
  for (Place& place : system) {
    standing[place.index] = Standing::kPlaced;
    place = placed[place.index] = place_of(records[place.index], place.index);
  }
  // Nearly sorted since the last plan: insertion is linear.
  for (size_t i = 1; i < system.size(); ++i) {
    const Place place = system[i];
    size_t j = i;
    for (; j > 0 && place < system[j - 1]; --j) system[j] = system[j - 1];
    system[j] = place;
  }
}

// Takes those that moved out, sorts them, and merges them in again.
void Scheduler::Impl::order_moved() {
  moved_places.clear();
  for (const SequenceIndex index : moved) {
    // Noted twice, or gone since.
    if (standing[index] != Standing::kMoved) continue;
    moved_places.push_back(placed[index]);
    standing[index] = Standing::kPlaced;
  }
  if (moved_places.empty()) return;
  std::sort(moved_places.begin(), moved_places.end());
  size_t kept =
      size_t(std::lower_bound(system.begin(), system.end(), moved_places[0]) - system.begin());
  for (size_t i = 0; i < moved_places.size(); ++i) {
    const auto from = system.begin() + ptrdiff_t(kept + i + 1);
    const auto to = i + 1 < moved_places.size()
                        ? std::lower_bound(from, system.end(), moved_places[i + 1])
                        : system.end();
    std::move(from, to, system.begin() + ptrdiff_t(kept));
    kept += size_t(to - from);
  }
  for (Place& place : moved_places) {
    place = placed[place.index] = place_of(records[place.index], place.index);
  }
  std::sort(moved_places.begin(), moved_places.end());
  auto last = system.begin() + ptrdiff_t(kept);
  for (size_t i = moved_places.size(); i-- > 0;) {
    const auto behind = std::lower_bound(system.begin(), last, moved_places[i]);
    std::move_backward(behind, last, last + ptrdiff_t(i) + 1);
    behind[ptrdiff_t(i)] = moved_places[i];
    last = behind;
  }
}

// Somebody has to leave so that the others can go on by a token.
void Scheduler::Impl::grow(double now) {
  const bool direct = config.composition.displacement == Displacement::kDirect;
  while (uncommitted() < int64_t(decodes_now)) {
    SequenceIndex victim = kNoSequence;
    uint32_t residents = 0;
    double since = kForever;
    for (size_t i = system.size(); i-- > 0;) {
      const Sequence& s = records[system[i].index];
      if (s.stage != Stage::kResident) continue;
      if (++residents > 1 && victim != kNoSequence && !direct) break;
      if (s.pinned || s.planned_output > 0 || s.planned_prompt > 0) continue;
      if (direct) {
        // The first in the order stays, whoever was served longest ago goes.
        const double served = s.ran ? kForever : s.waited_since;
        if (victim == kNoSequence || served < since) victim = system[i].index, since = served;
      } else if (victim == kNoSequence) {
        victim = system[i].index;
      }
    }
    if (residents < 2 || victim == kNoSequence) return;
    evict(victim, now);
  }
  leave_ahead(now);
}

// Proactive: the worst of those that do not run leaves before the growth of the others needs its
// memory, so that they need not stop while it is written out. One a plan is enough.
void Scheduler::Impl::leave_ahead(double now) {
  const uint64_t ahead = growth_ahead();
  if (ahead == 0 || uncommitted() >= int64_t(ahead)) return;
  const SequenceIndex last = system.empty() ? kNoSequence : system.back().index;
  if (last == kNoSequence || system.size() <= slots) return;
  const Sequence& s = records[last];
  if (s.stage != Stage::kResident || s.ran || s.pinned || s.promoted) return;
  if (s.planned_output == 0 && s.planned_prompt == 0 && !recomputes(s)) evict(last, now);
}

uint64_t Scheduler::Impl::growth_ahead() const {
  return uint64_t{decodes_now} * config.composition.steps_ahead;
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
  room_most = std::numeric_limits<int64_t>::max();
  for (size_t i = 0; i < promoted_outside.size() && tried < tries;) {
    const SequenceIndex index = promoted_outside[i];
    ++tried;
    const bool go_on = try_enter(index, now);
    if (!go_on) return;
    if (i < promoted_outside.size() && promoted_outside[i] == index) return;  // it failed: wait
  }
  start_scan();
  while (tried++ < tries) {
    const SequenceIndex index = next_outsider();
    if (index == kNoSequence || !try_enter(index, now)) return;
  }
}

void Scheduler::Impl::start_scan() {
  scan_cursor = kNoSequence;
  scan_tenants.assign(waiting_list.begin(), waiting_list.end());
  std::make_heap(scan_tenants.begin(), scan_tenants.end(), ServedMore{tenants.data()});
}

SequenceIndex Scheduler::Impl::next_outsider() {
  while (scan_cursor == kNoSequence) {
    if (scan_tenants.empty()) return kNoSequence;
    std::pop_heap(scan_tenants.begin(), scan_tenants.end(), ServedMore{tenants.data()});
    scan_tenant = scan_tenants.back();
    scan_tenants.pop_back();
    scan_cursor = tenants[scan_tenant].line.front();
  }
  const SequenceIndex index = scan_cursor;
  // The caller may take `index` off its line: look ahead now.
  scan_cursor = tenants[scan_tenant].line.after(records, index);
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
  // Who left early does not come back into the same memory.
  const uint64_t early = s.stage == Stage::kSwapped && !s.promoted ? 2 * growth_ahead() : 0;
  const uint64_t left = early + headroom + rules.headroom_tokens +
                        rules.headroom_per_resident * (system.size() + 1) +
                        entry_waste * (entered + 1);
  const int64_t wanted = int64_t(alone ? own : need(s) + decodes_now + left);
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

double Scheduler::Impl::swap_idleness(const Sequence& s) const {
  const double held = s.view.held_tokens - s.shared_tokens;
  const double dirty = held - std::min<double>(held, s.clean_tokens);
  return (held * held + dirty * dirty / 2) / double(capacity) * costs.swap_token /
         config.composition.link_share;
}

double Scheduler::Impl::recompute_seconds(const Sequence& s) const {
  // The shared prefix stays in the cache: it is not computed again.
  const double own = s.view.held_tokens - s.shared_tokens;
  const double chunk = std::max(1.0, double(budget_tokens) - slots);
  const double attended = own * (s.shared_tokens + own / 2);
  return own * costs.prompt_token + std::ceil(own / chunk) * costs.step / slots +
         attended * costs.context_token / chunk;
}

bool Scheduler::Impl::recomputes(const Sequence& s) const {
  const uint32_t own = s.view.held_tokens - s.shared_tokens;
  if (own == 0 || own - std::min(own, s.clean_tokens) > swap_free) return true;
  return config.composition.recomputes && recompute_seconds(s) < swap_idleness(s);
}

double Scheduler::Impl::eviction_seconds(const Sequence& s) const {
  return recomputes(s) ? recompute_seconds(s) : swap_idleness(s);
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
  // Those tried before were better, and could push out no fewer.
  if (budgeted && !newcomer.promoted && wanted > room_most) return false;
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
  if (room < wanted) {
    if (!newcomer.promoted) room_most = std::min(room_most, room);
    return false;
  }
  const double link = rules.link_share * step_seconds / std::max(costs.swap_token, 1e-12);
  if (rules.link_bounded && link_queue > 0 && double(link_queue + traffic) > link) return false;
  for (size_t i = 0; i < count; ++i) evict(victims[i], now);
  return true;
}

// Who may leave for the newcomer, the first to go first.
void Scheduler::Impl::gather_victims(const Sequence& newcomer, int64_t wanted, double now) {
  const Place place = place_of(newcomer, kNoSequence);
  const bool direct = config.composition.displacement == Displacement::kDirect;
  const uint32_t levels = config.composition.displacement_levels;
  int64_t room = uncommitted();
  victims.clear();
  for (size_t i = system.size(); i-- > 0 && (direct || room < wanted);) {
    // Not by enough levels, nor ahead of its tenant's share: so are all before it.
    if (!newcomer.promoted && system[i].band < place.band + levels) break;
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
  displacement_savings -= eviction_seconds(s);
  ++s.preemptions;
  ++totals.preemptions;
  if (s.ran) {
    std::erase(ran_last, index);
    start_wait(index, s.waited_since);
  }
  leave_system(index);
  set_promoted(index, false);
  if (recomputes(s)) {
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
  ++entered;
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
  if (s.stage == Stage::kResident) prompt_ahead += s.view.prompt_left;
  join_system(index);
}

void Scheduler::Impl::compose(double now) {
  std::swap(ran_last, ran_before);
  ran_last.clear();
  kept_running = 0;
  ++plan_number;
  compose_decodes(now);
  compose_prompts(now);
  if (kept_running < ran_before.size()) retire_stopped();
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

// The best of the residents, decodes first: letting prompts eat the budget costs capacity.
void Scheduler::Impl::compose_decodes(double now) {
  uint32_t places = 0;
  decode_tokens = 0;
  const auto may_run = [](const Sequence& s) {
    if (s.stage != Stage::kResident || s.parked) return false;
    return !s.needs_results || (s.planned_prompt == 0 && s.planned_output == 0);
  };
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
    s.reserved_tokens += s.tokens_per_step;
    used += s.tokens_per_step;
    if (s.promoted) promoted_tokens += s.tokens_per_step;
    context_max = std::max(context_max, s.reserved_tokens);
    run_now(place.index, s, now);
  }
}

void Scheduler::Impl::compose_prompts(double now) {
  uint32_t left = budget_tokens - decode_tokens;
  for (const SequenceIndex index : chosen_prompts) {
    Sequence& s = records[index];
    const uint32_t tokens = std::min(left, s.view.prompt_left - s.planned_prompt);
    if (tokens == 0) break;
    const bool last = s.planned_prompt + tokens == s.view.prompt_left;
    prompts.push_back({index, tokens, last});
    s.planned_prompt += tokens;
    count_decode(s);
    left -= tokens;
    current.prompt_tokens += tokens;
    run_now(index, s, now);
  }
  chosen_prompts.clear();
}

void Scheduler::Impl::run_now(SequenceIndex index, Sequence& s, double now) {
  ran_last.push_back(index);
  s.ran_in = plan_number;
  if (s.ran) {
    ++kept_running;
    return;
  }
  stop_wait(index, now);
  s.ran = true;
  touch(index);
}

// Those that ran in the last step, and do not in this one, begin to wait.
void Scheduler::Impl::retire_stopped() {
  for (const SequenceIndex index : ran_before) {
    const Sequence& s = records[index];
    if (s.ran && s.ran_in != plan_number && s.stage != Stage::kFree) {
      start_wait(index, s.waited_since);
    }
  }
}

void Scheduler::Impl::seal() {
  for (const PlannedPrompt& p : prompts) digest_word(uint64_t{p.sequence} << 32 | p.tokens);
  // Two a word: each waits for the one before.
  for (size_t i = 0; i + 1 < decodes.size(); i += 2) {
    digest_word(uint64_t{1} << 63 | uint64_t{decodes[i]} << 31 | decodes[i + 1]);
  }
  if (decodes.size() % 2 != 0) digest_word(uint64_t{1} << 62 | decodes.back());
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
