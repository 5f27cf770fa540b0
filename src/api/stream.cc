// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "api/stream_impl.h"

namespace llmos {

Stream::Impl::Impl(const engine::Work& work, const Tokenizer* tokenizer,
                   std::shared_ptr<engine::Mailbox> engine_mailbox)
    : state(work.stream),
      mailbox(std::move(engine_mailbox)),
      ends(work.ends),
      logprobs(work.request.logprobs),
      calls_back(work.request.logits_hook || work.request.token_mask || work.request.readiness) {
  const uint32_t choices = work.stream->choices();
  for (uint32_t choice = 0; choice < choices; ++choice) {
    texts.emplace_back(tokenizer, work.prompt, work.request.stop);
  }
  reply.id = work.id;
  reply.others.resize(choices - 1);
}

Stream::Impl::~Impl() {
  if (!posted) return;
  if (!state->ended()) cancel();
  if (!calls_back) return;
  // The host may now destroy what the engine would call.
  while (state->take(scores, std::nullopt)) continue;
  state->wait_until_quiet();
}

void Stream::Impl::cancel() noexcept {
  state->cancel();
  mailbox->post_note({state->id(), engine::Mailbox::Note::kCancel});
}

std::optional<Chunk> Stream::Impl::show(const std::optional<engine::TokenEvent>& event) {
  if (state->take_parked()) mailbox->post_note({state->id(), engine::Mailbox::Note::kRoom});
  if (!event) return std::nullopt;
  Output& answer = output(event->choice);
  AnswerText& text = texts[event->choice];
  Chunk chunk{.choice = event->choice};
  piece.clear();
  bool stopped = false;
  if (event->id != kNoToken) {
    answer.tokens.push_back(event->id);
    chunk.tokens = std::span(answer.tokens).last(1);
    if (!std::binary_search(ends.begin(), ends.end(), event->id)) {
      stopped = text.push(event->id, piece);
    }
    if (logprobs) {
      answer.scores.push_back({.id = event->id, .logprob = event->logprob, .top = scores});
      chunk.scores = std::span(answer.scores).last(1);
    }
  }
  if (event->last) {
    if (!stopped) text.finish(piece);
    answer.finish = event->finish;
    chunk.finish = event->finish;
  }
  answer.text += piece;
  chunk.text = piece;
  return chunk;
}

Stream::Stream(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

uint64_t Stream::id() const noexcept { return impl_->state->id(); }
bool Stream::ended() const noexcept { return impl_->ended(); }
void Stream::cancel() noexcept { impl_->cancel(); }

std::optional<Chunk> Stream::next() {
  if (auto event = impl_->take_unread()) return impl_->show(event);
  return impl_->show(impl_->state->take(impl_->scores, std::nullopt));
}

std::optional<Chunk> Stream::next(Millis timeout) {
  if (auto event = impl_->take_unread()) return impl_->show(event);
  // Longer than any process lives; beyond it nanoseconds would overflow.
  constexpr Millis kLongest = std::chrono::hours(24 * 365);
  return impl_->show(impl_->state->take(impl_->scores, std::min(timeout, kLongest)));
}

std::optional<Chunk> Stream::try_next() {
  if (auto event = impl_->take_unread()) return impl_->show(event);
  return impl_->show(impl_->state->try_take(impl_->scores));
}

Result<Reply> Stream::wait() {
  while (next()) continue;
  if (std::exchange(impl_->finished, true)) {
    return Status(Code::kInvalid, "wait: the reply was taken before");
  }
  engine::Outcome& outcome = impl_->state->outcome();
  if (!outcome.status.ok()) return outcome.status;
  impl_->reply.usage = outcome.usage;
  impl_->reply.prompt_scores = std::move(outcome.prompt_scores);
  return std::move(impl_->reply);
}

}  // namespace llmos
