// SPDX-License-Identifier: Apache-2.0
// Core: a step runs, its results are drawn, and then all of it counts or nothing.
#include <algorithm>
#include <cmath>
#include <exception>

#include "base/check.h"
#include "decode/logprob.h"
#include "engine/core.h"

namespace llmos::engine {
namespace {

// A second try finds out whether a failure was of the moment.
constexpr uint32_t kFaultsMax = 2;
// Steps that fail in a row until the device is opened again.
constexpr uint32_t kReopenAfter = 3;

uint64_t nanos(double seconds) { return uint64_t(std::max(seconds, 0.0) * 1e9); }

}  // namespace

void Core::launch(Step& step) {
  pool_.run_copies();  // of block tables that moved their ends while the step was planned
  step.started = tick();
  runner_.start(step.batch());
}

void Core::collect(Step& step, Step* planned) {
  const Result<std::span<const float>> logits = runner_.finish();
  step.ended = tick();
  if (!logits.ok()) {
    step.failure = logits.status();
    return;
  }
  for (size_t i = 0; i < step.entries.size(); ++i) draw(step, i, *logits);
  if (planned) fill_awaited(*planned);
}

void Core::draw(Step& step, size_t index, std::span<const float> logits) {
  StepEntry& entry = step.entries[index];
  LiveSequence& sequence = *entry.sequence;
  sequence.pending = kNoToken;
  if (entry.rows == 0 || sequence.over) return;
  const size_t vocabulary = size_t(executor_.config().vocabulary);
  const std::span<const float> rows =
      logits.subspan(size_t(entry.first_row) * vocabulary, entry.rows * vocabulary);
  if (has_nan(rows)) {
    entry.failure =
        Status(Code::kInternal, "the model gave logits that are not numbers; check its weights");
    return;
  }
  const Work& work = *sequence.request->work;
  if (work.pooling) return pool_states(entry);
  if (work.request.prompt_logprobs && sequence.choice == 0) score_prompt(entry, rows);
  if (entry.draws) draw_tokens(step, index, rows);
}

// As long as what is drawn was guessed, the row behind it counts too.
void Core::draw_tokens(Step& step, size_t index, std::span<const float> rows) {
  StepEntry& entry = step.entries[index];
  LiveSequence& sequence = *entry.sequence;
  const size_t vocabulary = size_t(executor_.config().vocabulary);
  const size_t known = sequence.tokens.size();
  const TokenId* const guesses =
      step.ids.data() + step.spans[index].first + entry.tokens - entry.drafts;
  for (uint32_t i = 0; i <= entry.drafts; ++i) {
    const int32_t row = entry.draw_row() + int32_t(i);
    const size_t from = size_t(row - entry.first_row) * vocabulary;
    entry.failure = draw_token(step, entry, row, rows.subspan(from, vocabulary));
    if (!entry.failure.ok() || entry.complete) break;
    ++entry.drawn;
    sequence.pending = step.drawn[size_t(row)].id;
    if (i == entry.drafts || guesses[i] != sequence.pending) break;
    sequence.tokens.push_back(sequence.pending);  // until the commit: room was made at its arrival
  }
  sequence.tokens.resize(known);
}

Status Core::draw_token(Step& step, StepEntry& entry, int32_t row, std::span<const float> logits) {
  LiveSequence& sequence = *entry.sequence;
  Work& work = *sequence.request->work;
  const LogitsContext context{.request = work.id,
                              .choice = sequence.choice,
                              .tokens = sequence.tokens,
                              .prompt_tokens = uint32_t(work.prompt.size())};
  const auto ask = [&](std::span<float> adjusted) {
    work.request.logits_hook->adjust(context, adjusted);
  };
  const FunctionRef<void(std::span<float>)> hook(ask);
  const bool early = work.request.ignore_end || sequence.answer_tokens() < work.request.tokens_min;
  SamplerInput input{.logits = logits,
                     .tokens = sequence.tokens,
                     .prompt_tokens = uint32_t(work.prompt.size()),
                     .hook = work.request.logits_hook ? &hook : nullptr};
  if (early) input.forbidden = work.forbidden_first;
  DrawnToken& drawn = step.drawn[size_t(row)];
  try {
    if (work.request.token_mask) {
      std::fill(mask_.begin(), mask_.end(), 0);
      entry.complete = !work.request.token_mask->allow(context, mask_);
      if (entry.complete) return {};
      input.mask = mask_;
    }
    drawn.id = work.samplers[sequence.choice].sample(input, room_);
  } catch (const std::exception& error) {
    return {Code::kInternal, std::string("the request's hook or mask threw: ") + error.what()};
  } catch (...) {
    return {Code::kInternal, "the request's hook or mask threw an unknown exception"};
  }
  if (drawn.id == kNoToken) {
    return {Code::kInvalid, "no token is left: all are banned, masked or forbidden"};
  }
  drawn.tops = 0;
  drawn.logprob = 0;
  if (!work.request.logprobs) return {};
  const double total = log_sum_exp(logits);
  drawn.logprob = double(logits[size_t(drawn.id)]) - total;
  drawn.tops =
      uint32_t(best_scores(logits, total, step.scores_of(row).first(work.request.logprobs_top)));
  return {};
}

// Row i of the entry predicts the token behind the entry's token of that row.
void Core::score_prompt(StepEntry& entry, std::span<const float> rows) {
  LiveRequest& request = *entry.sequence->request;
  const std::vector<TokenId>& prompt = request.work->prompt;
  const size_t vocabulary = rows.size() / entry.rows;
  if (request.prompt_scores.empty()) request.prompt_scores.push_back({.id = prompt[0]});
  for (uint32_t i = 0; i < entry.rows; ++i) {
    const size_t next = size_t(entry.position) + entry.tokens - entry.rows + i + 1;
    // What was computed before it was put out is not scored twice.
    if (next >= prompt.size() || next != request.prompt_scores.size()) continue;
    const std::span<const float> row = rows.subspan(i * vocabulary, vocabulary);
    const double total = log_sum_exp(row);
    PositionScore score{.id = prompt[next], .logprob = double(row[size_t(prompt[next])]) - total};
    score.top.resize(request.work->request.logprobs_top);
    score.top.resize(best_scores(row, total, score.top));
    request.prompt_scores.push_back(std::move(score));
  }
}

// All rows of the prompt come by, in order and once more after the sequence was put out.
void Core::pool_states(StepEntry& entry) {
  LiveRequest& request = *entry.sequence->request;
  const size_t dim = size_t(executor_.config().dim);
  const std::span<const float> rows =
      executor_.hidden().subspan(size_t(entry.first_row) * dim, entry.rows * dim);
  if (entry.position == 0) request.pooled = 0;
  if (request.pooled == 0) request.embedding.assign(dim, 0);
  const Pooling pooling = *request.work->pooling;
  for (size_t row = 0; row < entry.rows; ++row, ++request.pooled) {
    const std::span<const float> state = rows.subspan(row * dim, dim);
    if (pooling == Pooling::kMean) {
      for (size_t i = 0; i < dim; ++i) request.embedding[i] += state[i];
    } else if (pooling == Pooling::kLast || request.pooled == 0) {
      std::copy(state.begin(), state.end(), request.embedding.begin());
    }
  }
}

// The sum becomes the mean, and its length 1 where that is wanted.
void Core::finish_embedding(LiveRequest& request) {
  const Work& work = *request.work;
  double scale = *work.pooling == Pooling::kMean ? 1.0 / request.pooled : 1.0;
  if (work.normalise) {
    double square = 0;
    for (const float x : request.embedding) square += double(x) * double(x);
    scale = square > 0 ? 1 / std::sqrt(square) : 0;
  }
  for (float& x : request.embedding) x = float(x * scale);
}

// Token 0 stands for a sequence that has just ended: what is computed of it is dropped.
void Core::fill_awaited(Step& planned) {
  for (StepEntry& entry : planned.entries) {
    if (entry.awaited < 0) continue;
    planned.ids[size_t(entry.awaited)] = std::max(entry.sequence->pending, TokenId{0});
  }
}

void Core::roll_back(Step& step) {
  for (size_t i = step.entries.size(); i-- > 0;) {
    StepEntry& entry = step.entries[i];
    LiveSequence& sequence = *entry.sequence;
    --sequence.in_flight;
    if (sequence.over) {
      if (sequence.in_flight == 0) sequence.table.clear();
      continue;
    }
    sequence.table.truncate(entry.position);
    scheduler_->abandon(sequence.index);
  }
}

void Core::commit(Step& step) {
  if (!step.failure.ok()) {
    meters_.steps_failed.add();
    roll_back(step);
    return blame(step);
  }
  failures_ = 0;
  for (size_t i = 0; i < step.entries.size(); ++i) {
    --step.entries[i].sequence->in_flight;
    commit_entry(step, i);
  }
  record(step);
}

void Core::commit_entry(Step& step, size_t index) {
  StepEntry& entry = step.entries[index];
  LiveSequence& sequence = *entry.sequence;
  if (sequence.over) {
    if (sequence.in_flight == 0) sequence.table.clear();
    return;
  }
  if (!suspects_.empty()) std::erase(suspects_, &sequence);
  sequence.faults = 0;
  if (!entry.failure.ok()) {
    prefixes_.disown(sequence);
    return fail_request(*sequence.request, entry.failure, Finish::kFailed);
  }
  const bool pooled = entry.draws && sequence.request->work->pooling;
  scheduler_->commit(sequence.index, entry.prompt, pooled ? 1 : entry.drawn, now());
  // Guessed tokens that were right are kept with the next step: here they are not told yet.
  prefixes_.keep(sequence, entry.position + entry.tokens - entry.drafts);
  // A chunk that was cut for its rows: the scheduler planned more.
  if (entry.cut) scheduler_->abandon(sequence.index);
  if (pooled) {
    if (sequence.request->work->pin) {
      const Status status = pin_prompt(sequence);
      if (!status.ok()) return fail_request(*sequence.request, status, Finish::kFailed);
    }
    finish_embedding(*sequence.request);
    end_sequence(sequence, Finish::kStop, false);
    return finish_request(*sequence.request);
  }
  if (entry.drafts > 0) {  // what was guessed wrong
    count_blocks(sequence);
    sequence.table.truncate(entry.position + std::max(entry.drawn, 1u));
  }
  for (uint32_t i = 0; i < entry.drawn && !sequence.over; ++i) {
    const int32_t row = entry.draw_row() + int32_t(i);
    const DrawnToken& drawn = step.drawn[size_t(row)];
    deliver(sequence, drawn, step.scores_of(row).first(drawn.tops));
  }
  if (entry.complete && !sequence.over) end_complete(sequence);
}

// Its mask has no further token.
void Core::end_complete(LiveSequence& sequence) {
  LiveRequest& request = *sequence.request;
  request.work->stream->push({.choice = sequence.choice, .last = true, .finish = Finish::kStop},
                             {});
  end_sequence(sequence, Finish::kStop, false);
  finish_request(request);
}

void Core::deliver(LiveSequence& sequence, const DrawnToken& drawn,
                   std::span<const TokenScore> tops) {
  LiveRequest& request = *sequence.request;
  Work& work = *request.work;
  sequence.tokens.push_back(drawn.id);
  const double time = now();
  if (request.first_token < 0) {
    request.first_token = time;
    meters_.first_token.record_exclusive(nanos(time - request.submitted));
    meters_.scheduling_delay.record_exclusive(nanos(request.first_step - request.submitted));
  }
  if (sequence.last_token > 0) {
    meters_.token_gap.record_exclusive(nanos(time - sequence.last_token));
  }
  sequence.last_token = time;
  meters_.output_tokens.add();

  TokenEvent event{.id = drawn.id, .choice = sequence.choice, .logprob = drawn.logprob};
  const bool full = sequence.answer_tokens() == work.request.tokens_max;
  event.last = full;
  event.finish = Finish::kLength;
  if (std::binary_search(work.ends.begin(), work.ends.end(), drawn.id)) {
    event.last = true;
    event.finish = Finish::kStop;
  } else if (!work.stop_texts.empty()) {
    AnswerText& text = work.stop_texts[sequence.choice];
    stop_scratch_.clear();
    if (text.push(drawn.id, stop_scratch_) || (full && text.finish(stop_scratch_))) {
      event.last = true;
      event.finish = Finish::kStop;
    }
  }
  work.stream->push(event, tops);
  if (!event.last) return;
  end_sequence(sequence, event.finish, false);
  finish_request(request);
}

// The step was rolled back. One sequence in it: that is at fault when it fails again. Several: they
// run alone from now on, until one does.
void Core::blame(Step& step) {
  if (executor_.lost()) return end_running(step);
  ++failures_;
  if (step.entries.size() > 1) {
    suspects_.clear();
    for (const StepEntry& entry : step.entries) {
      if (!entry.sequence->over) suspects_.push_back(entry.sequence);
    }
  } else if (LiveSequence& sequence = *step.entries[0].sequence; !sequence.over) {
    if (++sequence.faults > kFaultsMax) {
      failures_ = 0;
      return fail_request(*sequence.request, step.failure, Finish::kFailed);
    }
  }
  if (failures_ == kReopenAfter) reopen();
}

// The device is gone: whoever was in the step or in memory ends, whoever waits goes on.
void Core::end_running(const Step& step) {
  std::vector<uint64_t> ids;  // one request may have several of the sequences
  for (const StepEntry& entry : step.entries) ids.push_back(entry.sequence->request->work->id);
  for (const LiveSequence* sequence : by_index_) {
    if (sequence && sequence->table.tokens() > 0) ids.push_back(sequence->request->work->id);
  }
  for (const uint64_t id : ids) {
    if (const auto found = requests_.find(id); found != requests_.end())
      fail_request(*found->second, step.failure, Finish::kFailed);
  }
  failures_ = 0;
  reopen();
}

// What the device held is lost: everybody in it is computed again. Nobody is a suspect any more:
// one at fault will show it again.
void Core::reopen() {
  meters_.reopened.add();
  const Status status = executor_.reopen();
  if (!status.ok()) {
    end_all(status);
    return prefixes_.clear();
  }
  suspects_.clear();
  for (LiveSequence* sequence : by_index_) {
    if (!sequence) continue;
    const bool moving = sequence->away == Away::kLeaving || sequence->away == Away::kReturning;
    if (moving || sequence->table.tokens() > 0) put_out(*sequence);
  }
  prefixes_.clear();
}

void Core::record(const Step& step) {
  const double seconds = step.ended - step.started;
  uint32_t prompt = 0, decodes = 0;
  uint64_t context = 0, held = 0, room = 0;
  for (const StepEntry& entry : step.entries) {
    prompt += entry.prompt;
    decodes += entry.prompt == 0 ? entry.tokens : 0;
    context += uint64_t(entry.position) + entry.tokens;
    held += uint64_t(entry.sequence->table.tokens());
    room += entry.sequence->table.blocks().size() * uint64_t(block_tokens_);
  }
  scheduler_->step_done(seconds, now());
  if (costs_.observe(prompt, decodes, context, seconds)) {
    costs_.set_swap_token(tier_.token_seconds());
    scheduler_->set_costs(costs_.costs());
  }
  ++steps_done_;
  watch_growth();
  // Often enough for estimates that are good to a tenth at best.
  constexpr uint64_t kPublishEvery = 16;
  if (steps_done_ % kPublishEvery == 0) {
    mailbox_.publish(scheduler_->load(), scheduler_->costs(), options_.waiting_seconds_max);
  }
  if (room > 0) meters_.kv_waste_ppm.set((room - held) * 1'000'000 / room);
  meters_.steps.add();
  meters_.prompt_tokens.add(prompt);
  meters_.step.record_exclusive(nanos(seconds));
  meters_.busy_ns.add(nanos(seconds));
  show_state();
}

// Who decodes takes blocks that nobody decides about: what those in memory will probably take until
// one of them could be written out stays free when others enter. Growth since the start is a level
// as Capacity expects it, and its rise over a period is what it learns.
void Core::watch_growth() {
  constexpr uint64_t kPeriod = 4;  // steps: about what it takes to write one out
  if (steps_done_ % kPeriod == 0) capacity_.observe(blocks_grown_);
}

void Core::show_state() {
  meters_.now_ns.set(nanos(now()));
  const sched::SchedulerStats stats = scheduler_->stats();
  meters_.waiting.set(stats.waiting);
  meters_.running.set(stats.resident);
  meters_.swapped.set(stats.swapped + stats.moving);
  if (const Swapper* swapper = tier_.swapper()) {
    meters_.swapped_bytes.set(swapper->stats().bytes_out + swapper->stats().bytes_in);
    meters_.swap_bytes.set(tier_.bytes_used());
    meters_.swap_failures.set(tier_.failures());
  }
  meters_.parked.set(stats.parked);
  meters_.kv_blocks_free.set(pool_.free_count());
  if (prefixes_.tree()) meters_.kv_blocks_cached.set(prefixes_.tree()->evictable_count());
  for (uint32_t i = 0; scheduler_config_.quota_block_tokens > 0 && i < tenants_seen_; ++i) {
    meters_.tenant_blocks[i].set(scheduler_->tenant_blocks(i));
  }
  for (uint32_t level = 0; level < SchedulingRank::kLevels; ++level) {
    meters_.levels[level].set(stats.depth[level]);
  }
}

}  // namespace llmos::engine
