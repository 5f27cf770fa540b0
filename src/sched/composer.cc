// SPDX-License-Identifier: Apache-2.0
// Scheduler: one plan: ranks, promotion, order, memory (entry.cc), and the step itself.
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
  relieve_tenants(now);
  grow(now);
  settle_claims();
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
  // Late ones that wait for their own tenant's quota, in a plan; the rest of them is seen in the
  // next plans.
  constexpr uint32_t kExcusedPerPlan = 64;
  uint32_t excused = 0;
  SequenceIndex index = waits.front();
  while (index != kNoSequence && excused < kExcusedPerPlan) {
    Sequence& s = records[index];
    if (now - s.waited_since <= after) return;
    const SequenceIndex next = s.wait_next;
    if (!s.promoted && is_outside(s) && !quota_lets_enter(s)) {
      ++excused;
      wait_anew(index, now);
    } else if (!s.promoted) {
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
    if (decode_tokens + s.tokens_per_step > budget_tokens || !quota_lets_grow(s)) continue;
    ++places;
    decode_tokens += s.tokens_per_step;
    decodes.push_back(place.index);
    current.context_tokens += s.view.held_tokens + s.planned_output + 1;
    s.planned_output += s.tokens_per_step;
    recharge(s, s.reserved_tokens, s.reserved_tokens + s.tokens_per_step);
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
