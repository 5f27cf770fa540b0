// SPDX-License-Identifier: Apache-2.0
// Core: from the scheduler's plan to a batch.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "engine/core.h"

namespace llmos::engine {

// The scheduler counts tokens, the pool whole blocks: each sequence in memory may waste all of a
// block but one token. One of them is free, because the pool is whole blocks too. What is pinned is
// nobody's to plan with.
sched::Resources Core::resources() const {
  const uint64_t memory = scheduler_->costs().kv_tokens;
  const uint64_t pinned = uint64_t(prefixes_.pinned_blocks() * block_tokens_);
  const uint64_t all = memory - std::min(memory, pinned);
  const sched::SchedulerStats stats = scheduler_->stats();
  const uint64_t rounding =
      uint64_t(block_tokens_ - 1) * (std::max(1u, stats.resident + stats.moving) - 1);
  const uint64_t usable = std::max(all - std::min(all, rounding), all / 2);
  return {.kv_tokens = squeezed_ ? 1 : uint32_t(usable),
          .swap_tokens_free = tier_.tokens_free(),
          .slots = options_.sequences_max,
          .tokens_per_step = options_.step_tokens,
          .headroom_tokens = uint32_t(capacity_.low() * uint64_t(block_tokens_)),
          .entry_waste = uint32_t(block_tokens_ - 1)};
}

Step* Core::plan() {
  if (options_.preempt_every != 0 && steps_done_ >= preempt_at_ && !preempt_all()) return nullptr;
  wake_waiters();
  const sched::StepPlan& plan = scheduler_->plan(now(), resources());
  squeezed_ = false;
  idle_seconds_ = plan.idle_seconds;
  for (const sched::Move& move : plan.moves) apply_move(move);
  Step& step = steps_[next_step_];
  step.clear();
  found_all_ = false;
  no_block_ = false;
  // After a step that failed, its sequences run alone until the one at fault is known.
  const LiveSequence* alone = nullptr;
  const auto may_run = [&](LiveSequence& sequence) {
    if (suspects_.empty() || alone == &sequence) return true;
    if (!alone && std::find(suspects_.begin(), suspects_.end(), &sequence) != suspects_.end()) {
      alone = &sequence;
      return step.entries.empty();
    }
    return false;
  };
  for (const sched::SequenceIndex index : plan.decodes) {
    LiveSequence& sequence = *by_index_[index];
    if (!may_run(sequence) || !add_entry(step, sequence, 1, false, true)) {
      if (!sequence.over) scheduler_->abandon(index);
    }
  }
  for (const sched::PlannedPrompt& prompt : plan.prompts) {
    LiveSequence& sequence = *by_index_[prompt.sequence];
    if (!may_run(sequence) || !add_entry(step, sequence, prompt.tokens, true, prompt.last)) {
      if (!sequence.over) scheduler_->abandon(prompt.sequence);
    }
  }
  if (!step.entries.empty()) {
    short_of_memory_ = 0;
    next_step_ ^= 1;
    return &step;
  }
  if (std::exchange(found_all_, false)) return this->plan();  // once for each sequence that begins
  if (!suspects_.empty() && !alone) suspects_.clear();        // none of them is here any more
  if ((no_block_ || tier_.wants_blocks()) && !running_) make_progress();
  return nullptr;
}

// False: first the step that runs must end.
bool Core::preempt_all() {
  if (running_) return false;
  preempt_at_ = steps_done_ + options_.preempt_every;
  if (tier_.swapper()) return squeezed_ = true;
  for (LiveSequence* sequence : by_index_) {
    // Each has drawn a token since it came: everybody gets on.
    if (sequence && sequence->answer_tokens() > sequence->arrived_with) put_out(*sequence);
  }
  return true;
}

void Core::apply_move(const sched::Move& move) {
  LiveSequence& sequence = *by_index_[move.sequence];
  LLMOS_CHECK(sequence.in_flight == 0) << "a sequence in flight was chosen to make room";
  count_blocks(sequence);
  if (move.kind == sched::MoveKind::kDrop) return release(sequence);
  // What a resumed one brings lies outside the pool until its first step: nothing to move.
  if (sequence.saved.tokens > 0) return scheduler_->transferred(move.sequence, true, now());
  if (move.kind == sched::MoveKind::kIn) return tier_.fetch(sequence);
  if (tier_.send(sequence, scheduler_->costs())) return;
  release(sequence);
  moved(sequence, false);
}

void Core::release(LiveSequence& sequence) {
  prefixes_.give_up(sequence);
  sequence.table.clear();
  sequence.saved = {};
}

// No step is in flight: nobody writes to what leaves.
void Core::start_moves() {
  if (!tier_.swapper()) return;
  pool_.run_copies();
  tier_.start([this](LiveSequence& sequence, bool ok) { moved(sequence, ok); });
}

// Of what the scheduler asked for.
void Core::moved(LiveSequence& sequence, bool ok) {
  count_blocks(sequence);
  if (ok) meters_.swapped_tokens.add(uint64_t(sequence.moving_tokens));
  scheduler_->transferred(sequence.index, ok, now());
}

// What the cache has of a sequence that begins counts as computed. False: nothing of `tokens` is
// left to compute, or a neighbour computes the same beginning just now.
bool Core::begin_with_cached(LiveSequence& sequence, uint32_t& tokens) {
  if (!prefixes_.tree() || sequence.table.tokens() > 0 || sequence.lease.valid()) return true;
  const LiveSequence& first = *sequence.request->sequences[0];
  if (&first != &sequence && first.in_flight > 0 && first.answer_tokens() == 0) return false;
  if (await_neighbour(sequence)) return false;
  const auto found = uint32_t(prefixes_.lend(sequence));
  begin_producing(sequence);
  if (found == 0) return true;
  scheduler_->commit(sequence.index, found, 0, now());
  if (!sequence.queued) {
    sequence.found_again += found;
  } else {
    meters_.cached_tokens.add(found);
    if (sequence.choice == 0) sequence.request->usage.cached_tokens = found;
  }
  tokens -= std::min(tokens, found);
  found_all_ |= tokens == 0;
  return tokens > 0;
}

bool Core::park_if_full(LiveSequence& sequence) {
  StreamState& stream = *sequence.request->work->stream;
  // Two events of each choice may be under way: of the step in flight and of this one.
  const size_t events = 2 * size_t{stream.choices()};
  if (stream.has_room(events)) return false;
  stream.set_parked();
  if (stream.has_room(events)) return false;  // read meanwhile: it may have missed the mark
  if (sequence.parked) return true;
  sequence.parked = true;
  sequence.parked_since = now();
  parked_.push_back(&sequence);
  scheduler_->park(sequence.index, sequence.parked_since);
  return true;
}

// Guesses for its next tokens, into drafts_. There is a row for everybody else, room in the stream,
// and none is beyond the answer's end.
uint32_t Core::drafts_for(const Step& step, LiveSequence& sequence) {
  const Work& work = *sequence.request->work;
  if (!work.drafts || sequence.table.tokens() + 1 != int64_t(sequence.tokens.size())) return 0;
  const BatchLimits& limits = executor_.limits();
  const uint32_t spare = limits.logit_rows - std::min(limits.logit_rows, options_.sequences_max);
  const uint32_t rows = spare - std::min(spare, step.draft_rows);
  const uint32_t left = work.request.tokens_max - sequence.answer_tokens();
  const auto room = uint32_t(work.stream->room() / work.stream->choices());
  const auto ids = uint32_t(limits.tokens - step.ids.size());
  const uint32_t most =
      std::min({drafts_max(work), rows, left - 1, room - 1, std::max(ids, 1u) - 1});
  const uint32_t made =
      std::min(most, work.drafts->draft(sequence.tokens, std::span(drafts_).first(most)));
  const auto known = [this](TokenId id) {
    return id >= 0 && int64_t(id) < int64_t(executor_.config().vocabulary);
  };
  return uint32_t(std::find_if_not(drafts_.begin(), drafts_.begin() + made, known) -
                  drafts_.begin());
}

// False: not in this step; nothing has changed.
bool Core::add_entry(Step& step, LiveSequence& sequence, uint32_t tokens, bool prompt, bool last) {
  if (sequence.request->suspending || park_if_full(sequence)) return false;
  const bool begins =
      sequence.saved.tokens > 0 ? restore_blocks(sequence) : begin_with_cached(sequence, tokens);
  if (!begins) return false;
  const BatchLimits& limits = executor_.limits();
  const Work& work = *sequence.request->work;
  const int64_t position = sequence.table.tokens();
  const int64_t prompt_tokens = int64_t(work.prompt.size());
  const bool scored = needs_whole_prompt(sequence) && position < prompt_tokens;
  const uint32_t rows_left = limits.logit_rows - uint32_t(step.rows.size());
  uint32_t rows = scored ? tokens : (last ? 1 : 0);
  uint32_t drafts = !prompt && last ? drafts_for(step, sequence) : 0;
  tokens += drafts, rows += drafts;
  const bool cut = scored && rows > rows_left;
  if (cut) tokens = rows = rows_left, last = false;
  if (rows > rows_left || tokens == 0 || step.ids.size() + tokens > limits.tokens) return false;
  count_blocks(sequence);
  const auto blocks_before = uint32_t(sequence.table.blocks().size());
  prefixes_.room(sequence.table.blocks_needed(int64_t(tokens)));
  if (!sequence.table.append(int64_t(tokens))) {
    no_block_ = drafts == 0 || !sequence.table.append(int64_t(tokens - drafts));
    if (no_block_) return false;
    tokens -= drafts, rows -= drafts, drafts = 0;
  }

  StepEntry entry{.sequence = &sequence,
                  .tokens = tokens,
                  .prompt = prompt ? tokens : 0,
                  .position = position,
                  .rows = rows,
                  .cut = cut,
                  .draws = last,
                  .drafts = drafts};
  const int64_t first = int64_t(step.ids.size());
  for (int64_t i = position; i < position + tokens; ++i) {
    const int64_t known = int64_t(sequence.tokens.size());
    if (i < known) {
      step.ids.push_back(sequence.tokens[size_t(i)]);
    } else if (drafts > 0) {
      step.ids.push_back(drafts_[size_t(i - known)]);
    } else {
      entry.awaited = int64_t(step.ids.size());
      step.ids.push_back(0);
    }
  }
  if (rows > 0) entry.first_row = int32_t(step.rows.size());
  for (uint32_t row = 0; row < rows; ++row) {
    step.rows.push_back(int32_t(first + tokens - rows + row));
  }
  step.spans.push_back({.first = first,
                        .tokens = int64_t(tokens),
                        .position = position,
                        .blocks = sequence.table.blocks().data()});
  step.contexts.push_back(uint32_t(sequence.table.tokens_max()));
  step.entries.push_back(std::move(entry));
  step.draft_rows += drafts;
  if (!prompt) blocks_grown_ += uint32_t(sequence.table.blocks().size()) - blocks_before;
  ++sequence.in_flight;
  if (sequence.queued) {
    leave_queue(sequence);
    if (sequence.request->first_step < 0) sequence.request->first_step = now();
  }
  return true;
}

// Out of memory and the scheduler, to be computed again.
void Core::put_out(LiveSequence& sequence) {
  if (sequence.in_flight > 0 || sequence.over) return;
  ++sequence.preemptions;
  sequence.recomputed += scheduler_->at(sequence.index).view.held_tokens;
  leave_scheduler(sequence, true);
  count_blocks(sequence);
  tier_.forget(sequence);
  release(sequence);
  const bool parked = sequence.parked;
  const Status status = arrive(sequence);
  if (!status.ok()) return fail_request(*sequence.request, status, Finish::kFailed);
  if (parked) scheduler_->park(sequence.index, now());
}

// Somebody was planned, and nobody found a block: whoever came last makes room. One that finds none
// when it is alone can never be computed. Blocks on their way to the tier will be free.
void Core::make_progress() {
  if (tier_.busy()) return;
  constexpr uint32_t kPatience = 3;  // plans: the scheduler may have noticed by itself
  if (++short_of_memory_ < kPatience) return;
  LiveSequence* last = nullptr;
  uint32_t holders = 0;
  for (LiveSequence* sequence : by_index_) {
    if (!sequence || sequence->table.tokens() == 0) continue;
    ++holders;
    if (!last || sequence->request->work->id >= last->request->work->id) last = sequence;
  }
  short_of_memory_ = 0;
  if (!last) return;
  if (holders > 1 || tier_.wants_blocks()) return put_out(*last);
  fail_request(*last->request,
               Status(Code::kExhausted, "no memory for keys and values; give the cache more bytes"),
               Finish::kFailed);
}

}  // namespace llmos::engine
