// SPDX-License-Identifier: Apache-2.0
// Requests that leave an engine as bytes, and come back.
#include <algorithm>
#include <string_view>
#include <utility>

#include "api/engine_impl.h"
#include "base/os_file.h"

namespace llmos {
namespace {

// A context of the largest models in f32 has some GB; beyond it is a mistake of files.
constexpr size_t kImageBytesMax = size_t{64} << 30;

Status corrupt(const char* what) {
  return {Code::kCorrupt, std::string("suspended request: ") + what};
}

// Against what a forged image could hold: prepare_request() has checked the options.
Status check_choices(const engine::SuspendedRequest& suspended, const engine::Work& work,
                     const BlockLayout& layout, uint32_t vocabulary) {
  uint32_t open = 0;
  for (const engine::SuspendedChoice& choice : suspended.choices) {
    for (const TokenId id : choice.answer) {
      if (id < 0 || uint32_t(id) >= vocabulary) return corrupt("an id outside the vocabulary");
    }
    if (choice.answer.size() > work.request.tokens_max) {
      return {Code::kInvalid, "suspended request: longer than this engine's context"};
    }
    open += !choice.over;
    if (choice.over) continue;
    if (choice.answer.size() == work.request.tokens_max) {
      return {Code::kInvalid, "suspended request: this engine's context leaves no room for more"};
    }
    const engine::SavedBlocks& saved = choice.blocks;
    const uint64_t size = uint64_t(std::max<int64_t>(saved.shape.block_tokens, 1));
    if (saved.tokens >= suspended.prompt.size() + choice.answer.size()) {
      return corrupt("more keys and values than tokens");
    }
    const bool same = saved.shape == layout.shape();
    if (same && saved.bytes.size() != (saved.tokens + size - 1) / size * layout.block_bytes()) {
      return corrupt("keys and values of another size than their tokens'");
    }
  }
  if (open == 0) return corrupt("all its choices are over");
  return {};
}

// The part of the stream that was read is read once more, by nobody.
void fill_work(engine::SuspendedRequest& suspended, const BlockLayout& layout, engine::Work& work) {
  for (size_t i = 0; i < suspended.choices.size(); ++i) {
    engine::SuspendedChoice& choice = suspended.choices[i];
    work.samplers[i].set_state(choice.sampler_state);
    // Blocks of another shape are of no use: their tokens are computed again.
    if (choice.over || choice.blocks.shape != layout.shape()) choice.blocks = {};
    std::string none;
    for (const TokenId id : choice.answer) {
      if (!work.stop_texts.empty()) work.stop_texts[i].push(id, none);
    }
  }
  work.prompt_scores = std::move(suspended.prompt_scores);
  work.usage = suspended.usage;
}

}  // namespace

void Stream::Impl::collect_unread() {
  while (const auto event = state->take(scores, std::nullopt)) {
    if (event->id != kNoToken) unread.push_back({*event, scores});
  }
}

std::optional<engine::TokenEvent> Stream::Impl::take_unread() {
  if (unread.empty()) return std::nullopt;
  const engine::TokenEvent event = unread.front().event;
  scores = std::move(unread.front().tops);
  unread.pop_front();
  return event;
}

void Stream::Impl::resume(engine::SuspendedRequest& suspended) {
  for (uint32_t choice = 0; choice < suspended.choices.size(); ++choice) {
    const engine::SuspendedChoice& was = suspended.choices[choice];
    for (uint32_t i = 0; i < suspended.seen[choice]; ++i) {
      engine::TokenEvent event{.id = was.answer[i], .choice = choice};
      event.last = was.over && i + 1 == was.answer.size();
      event.finish = was.finish;
      if (logprobs) {
        PositionScore& score = suspended.scores[choice][i];
        event.logprob = score.logprob.value_or(0);
        scores = std::move(score.top);
      }
      static_cast<void>(show(event));
    }
  }
  unread.assign(std::make_move_iterator(suspended.unread.begin()),
                std::make_move_iterator(suspended.unread.end()));
}

Result<std::vector<std::byte>> Stream::suspend() try {
  if (!impl_->image.empty()) return std::exchange(impl_->image, {});
  impl_->state->suspend();
  impl_->mailbox->post_note({id(), engine::Mailbox::Note::kSuspend});
  impl_->collect_unread();
  engine::Outcome& outcome = impl_->state->outcome();
  const auto suspended = std::exchange(outcome.suspended, nullptr);
  if (!suspended) {
    return Status(Code::kInvalid, "suspend: the request has ended; read it to its end");
  }
  suspended->usage = outcome.usage;
  for (uint32_t choice = 0; choice < suspended->choices.size(); ++choice) {
    Output& output = impl_->output(choice);
    suspended->seen.push_back(uint32_t(output.tokens.size()));
    suspended->scores.push_back(std::move(output.scores));
  }
  std::move(impl_->unread.begin(), impl_->unread.end(), std::back_inserter(suspended->unread));
  impl_->unread.clear();
  return to_image(*suspended, impl_->digest);
} catch (const std::bad_alloc&) {
  return Status(Code::kExhausted, std::string());
}

Status Stream::suspend_to(const std::string& path) {
  Result<std::vector<std::byte>> image = suspend();
  if (!image.ok()) return image.status();
  const Status status = os::write_file_atomic(
      path, std::string_view(reinterpret_cast<const char*>(image->data()), image->size()));
  if (!status.ok()) impl_->image = *std::move(image);
  return status;
}

Result<Stream> Engine::resume(std::span<const std::byte> image, const Resumption& resumption) try {
  Result<engine::SuspendedRequest> suspended = engine::from_image(image, impl_->digest);
  if (!suspended.ok()) return suspended.status();
  Request request = std::move(suspended->request);
  request.prompt = suspended->prompt;
  request.logits_hook = resumption.logits_hook;
  request.token_mask = resumption.token_mask;
  request.readiness = resumption.readiness;
  auto made = prepare_request(std::move(request), impl_->limits, impl_->next_id.fetch_add(1),
                              real_clock().now());
  if (!made.ok()) return made.status();
  engine::Work& work = **made;
  const BlockLayout& layout = impl_->pool->layout();
  Status status = check_choices(*suspended, work, layout, impl_->limits.vocabulary);
  if (!status.ok()) return status;
  fill_work(*suspended, layout, work);
  auto stream = std::make_unique<Stream::Impl>(work, impl_->limits.tokenizer, impl_->mailbox);
  stream->resume(*suspended);
  work.resumed = std::move(suspended->choices);
  return impl_->post(*std::move(made), std::move(stream));
} catch (const std::bad_alloc&) {
  return Status(Code::kExhausted, std::string());
}

Result<Stream> Engine::resume_from(const std::string& path, const Resumption& resumption) {
  const Result<std::string> image = os::read_file(path, kImageBytesMax);
  if (!image.ok()) return image.status();
  return resume(std::as_bytes(std::span(*image)), resumption);
}

}  // namespace llmos
