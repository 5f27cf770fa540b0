// SPDX-License-Identifier: Apache-2.0
// Scheduler: who is in memory: growth, entry, and who makes room.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "sched/scheduler_impl.h"

namespace llmos::sched {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

}  // namespace

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

void Scheduler::Impl::settle_claims() {
  while (!claims.empty()) {
    const SequenceIndex index = claims.front();
    // Those whose memory it waits for may have stayed away for good: then it takes what there is.
    const bool allowed = quota_lets_enter(records[index]);
    if (!allowed || need(records[index]) > free_tokens()) {
      if (allowed && leaving_tokens > 0) return;
      unclaim(index);
      join_line(index);
      continue;
    }
    unclaim(index);
    admit_now(index);
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
    if (!quota_lets_enter(records[index])) {  // others of its tenant came first
      set_promoted(index, false);
      continue;
    }
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
  if (config.composition.fair) {
    std::make_heap(scan_tenants.begin(), scan_tenants.end(), ServedMore{tenants.data()});
    return;
  }
  for (const uint32_t tenant : scan_tenants) tenants[tenant].cursor = tenants[tenant].line.front();
  std::make_heap(scan_tenants.begin(), scan_tenants.end(), FrontLater{this});
}

SequenceIndex Scheduler::Impl::next_outsider() {
  if (!config.composition.fair) return next_merged();
  while (scan_cursor == kNoSequence || !quota_lets_enter(records[scan_cursor])) {
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
    admit_now(index);
    return true;
  }
  if (!preempts) return go_on;
  if (uncommitted() < wanted && !make_room(s, wanted, now)) return go_on;
  leave_line(index);
  if (wanted <= int64_t(free_tokens()) && wanted <= uncommitted()) {
    admit_now(index);
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

void Scheduler::Impl::admit_now(SequenceIndex index) {
  Sequence& s = records[index];
  const Composition& rules = config.composition;
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

}  // namespace llmos::sched
