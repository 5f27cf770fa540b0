// SPDX-License-Identifier: Apache-2.0
// Core: requests that come, wait, stall and end.
#include <algorithm>

#include "base/check.h"
#include "engine/core.h"

namespace llmos::engine {

void Core::hear() {
  tier_.poll([this](LiveSequence& sequence, bool ok) { moved(sequence, ok); });
  while (auto work = mailbox_.take_work()) take_work(*std::move(work));
  while (auto note = mailbox_.take_note()) take_note(*note);
  if (mailbox_.take_sweep()) sweep();
  take_out_suspended();
  mailbox_.errands().run(*this);
  watch_time();
  retire();
}

void Core::take_work(std::unique_ptr<Work> work) {
  auto owned = std::make_unique<LiveRequest>();
  LiveRequest& request = *owned;
  request.work = std::move(work);
  const Work& w = *request.work;
  request.submitted = std::chrono::duration<double>(w.submitted - start_).count();
  request.tenant =
      meters_.tenant_index(w.request.tenant, options_.tenants.of(w.request.tenant).blocks_max);
  tenants_seen_ = std::max(tenants_seen_, request.tenant + 1);
  request.usage = w.usage;
  request.usage.prompt_tokens = uint32_t(w.prompt.size());
  request.usage.output_tokens = 0;  // counted when choices end
  request.prompt_scores = std::move(request.work->prompt_scores);
  request.open = uint32_t(w.samplers.size());
  const int64_t tokens_max = int64_t(w.prompt.size()) + w.request.tokens_max;
  requests_.emplace(w.id, std::move(owned));
  if (w.deadline != Instant::max()) {
    deadlines_.emplace(std::chrono::duration<double>(w.deadline - start_).count(), w.id);
  }
  for (uint32_t choice = 0; choice < w.samplers.size(); ++choice) {
    request.sequences.push_back(std::make_unique<LiveSequence>(request, choice, pool_, tokens_max));
    LiveSequence& sequence = *request.sequences.back();
    sequence.tokens.reserve(size_t(tokens_max));
    sequence.tokens.assign(w.prompt.begin(), w.prompt.end());
    if (!w.resumed.empty()) resume_choice(sequence);
  }
  for (const auto& sequence : request.sequences) {
    if (sequence->over) continue;
    const Status status =
        w.stream->cancelled() ? Status(Code::kCancelled, "cancelled") : arrive(*sequence);
    if (status.ok()) continue;
    return fail_request(request, status,
                        status.code() == Code::kCancelled ? Finish::kCancelled : Finish::kFailed);
  }
  // Its note may have been heard before it came.
  if (w.stream->suspending()) suspend(request);
}

// In a step; half of the step is left to others.
uint32_t Core::drafts_max(const Work& work) const {
  if (!work.drafts) return 0;
  return std::min({work.drafts_max, kDraftTokensMax, options_.step_tokens / 2});
}

// Also for a sequence that was put out: its answer so far is part of the prompt then.
Status Core::arrive(LiveSequence& sequence) {
  const Work& w = *sequence.request->work;
  const uint32_t left = w.request.tokens_max - sequence.answer_tokens();
  const sched::Arrival arrival{
      .prompt_tokens = uint32_t(sequence.tokens.size()),
      .brought_tokens = sequence.saved.tokens,
      .output_tokens_max = std::max(left, 1u),
      .output_tokens_hint = w.request.tokens_hint,
      .priority = w.request.priority,
      .tenant = sequence.request->tenant,
      .deadline = w.deadline == Instant::max()
                      ? std::numeric_limits<double>::infinity()
                      : std::chrono::duration<double>(w.deadline - start_).count(),
      .tokens_per_step = 1 + drafts_max(w),
      .needs_results = !w.stop_texts.empty() || w.request.logits_hook || w.request.token_mask ||
                       w.request.prompt_logprobs || w.pooling || w.drafts,
      .tenant_blocks_max = options_.tenants.of(w.request.tenant).blocks_max};
  Result<sched::SequenceIndex> index = scheduler_->arrive(arrival, now());
  if (!index.ok()) return index.status();
  sequence.index = *index;
  sequence.arrived_with = sequence.answer_tokens();
  by_index_[*index] = &sequence;
  return {};
}

void Core::leave_queue(LiveSequence& sequence) {
  if (!std::exchange(sequence.queued, false)) return;
  mailbox_.left_queue(1, sequence.request->work->request.tenant);
}

void Core::take_note(const Mailbox::StreamNote& note) {
  const auto found = requests_.find(note.request);
  if (found == requests_.end()) return;
  switch (note.note) {
    case Mailbox::Note::kCancel:
      return cancel(*found->second);
    case Mailbox::Note::kRoom:
      return unpark(*found->second);
    case Mailbox::Note::kSuspend:
      return suspend(*found->second);
  }
}

void Core::sweep() {
  std::vector<LiveRequest*> all;
  for (const auto& [id, request] : requests_) all.push_back(request.get());
  for (LiveRequest* request : all) {
    if (request->work->stream->cancelled()) {
      cancel(*request);
    } else if (request->work->stream->suspending()) {
      suspend(*request);
    } else {
      unpark(*request);
    }
  }
}

void Core::cancel(LiveRequest& request) {
  fail_request(request, Status(Code::kCancelled, "cancelled by the caller"), Finish::kCancelled);
}

void Core::unpark(LiveRequest& request) {
  for (const auto& sequence : request.sequences) {
    if (!std::exchange(sequence->parked, false)) continue;
    std::erase(parked_, sequence.get());
    if (!sequence->over) scheduler_->unpark(sequence->index, now());
  }
}

// Deadlines, and readers that do not read.
void Core::watch_time() {
  const double time = now();
  while (!deadlines_.empty() && deadlines_.top().first <= time) {
    const auto found = requests_.find(deadlines_.top().second);
    deadlines_.pop();
    if (found == requests_.end()) continue;
    fail_request(*found->second,
                 Status(Code::kDeadline, "the request's deadline passed before it was done"),
                 Finish::kFailed);
  }
  if (options_.reader_stall_seconds <= 0) return;
  while (!parked_.empty() && time - parked_.front()->parked_since > options_.reader_stall_seconds) {
    fail_request(*parked_.front()->request,
                 Status(Code::kCancelled, "cancelled: the stream was full and nobody read it"),
                 Finish::kCancelled);
  }
}

void Core::leave_scheduler(LiveSequence& sequence, bool censored) {
  if (sequence.index == sched::kNoSequence) return;
  const sched::Sequence& record = scheduler_->at(sequence.index);
  sequence.preemptions += record.preemptions;
  sequence.recomputed += uint32_t(record.recomputed_tokens);
  scheduler_->end(sequence.index, censored, now());
  by_index_[sequence.index] = nullptr;
  sequence.index = sched::kNoSequence;
}

void Core::count_blocks(LiveSequence& sequence) {
  const double time = now();
  sequence.request->usage.kv_block_seconds +=
      double(sequence.table.blocks().size()) * (time - std::exchange(sequence.blocks_since, time));
}

// Its last event; the caller has decided why.
void Core::end_sequence(LiveSequence& sequence, Finish finish, bool censored) {
  if (sequence.over) return;
  sequence.over = true;
  sequence.finish = finish;
  LiveRequest& request = *sequence.request;
  leave_queue(sequence);
  if (std::exchange(sequence.parked, false)) std::erase(parked_, &sequence);
  std::erase(suspects_, &sequence);
  leave_neighbours(sequence);
  leave_scheduler(sequence, censored);
  count_blocks(sequence);
  tier_.forget(sequence);
  prefixes_.finish(sequence);
  if (sequence.in_flight == 0) sequence.table.clear();
  request.usage.output_tokens += sequence.answer_tokens();
  request.usage.preemptions += sequence.preemptions;
  sequence.recomputed -= std::min(sequence.recomputed, sequence.found_again);
  request.usage.recomputed_tokens += sequence.recomputed;
  request.usage.bytes_swapped += sequence.bytes_swapped;
  meters_.preemptions.add(sequence.preemptions);
  meters_.recomputed_tokens.add(sequence.recomputed);
  if (finish == Finish::kCancelled || finish == Finish::kFailed) {
    request.work->stream->push({.choice = sequence.choice, .last = true, .finish = finish}, {});
  }
  --request.open;
}

void Core::fail_request(LiveRequest& request, const Status& status, Finish finish) {
  if (request.status.ok()) request.status = status;
  for (const auto& sequence : request.sequences) end_sequence(*sequence, finish, true);
  finish_request(request);
}

// All choices are over. The request goes when no step in flight knows its sequences.
void Core::finish_request(LiveRequest& request) {
  const auto found = requests_.find(request.work->id);
  if (request.open > 0 || found == requests_.end()) return;
  const double time = now();
  const auto millis = [](double seconds) { return Millis(int64_t(seconds * 1e3)); };
  const auto nanos = [](double seconds) { return uint64_t(std::max(seconds, 0.0) * 1e9); };
  Usage& usage = request.usage;
  usage.queued = millis((request.first_step < 0 ? time : request.first_step) - request.submitted);
  usage.first_token =
      request.first_token < 0 ? Millis() : millis(request.first_token - request.submitted);
  usage.total = millis(time - request.submitted);
  meters_.total.record_exclusive(nanos(time - request.submitted));
  meters_.add_tenant_use(request.tenant, usage.prompt_tokens, usage.output_tokens,
                         usage.kv_block_seconds);
  const Code code = request.status.code();
  (code == Code::kOk          ? meters_.completed
   : code == Code::kCancelled ? meters_.cancelled
                              : meters_.failed)
      .add();
  request.work->stream->end({request.status, usage, std::move(request.prompt_scores),
                             std::move(request.embedding), std::move(request.suspended)});
  retiring_.push_back(std::move(found->second));
  requests_.erase(found);
}

void Core::retire() {
  std::erase_if(retiring_, [](const std::unique_ptr<LiveRequest>& request) {
    return std::all_of(request->sequences.begin(), request->sequences.end(),
                       [](const auto& sequence) { return sequence->in_flight == 0; });
  });
}

void Core::end_all(const Status& status) {
  while (auto work = mailbox_.take_work()) take_work(*std::move(work));
  while (!requests_.empty()) {
    fail_request(*requests_.begin()->second, status, Finish::kCancelled);
  }
}

}  // namespace llmos::engine
