// SPDX-License-Identifier: Apache-2.0
// What a Stream holds: the reader's half of a request.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/mailbox.h"
#include "engine/stream_state.h"
#include "engine/suspended.h"
#include "llmos/engine.h"
#include "text/answer_text.h"

namespace llmos {

// Owner    the Stream; keeps everything that it needs when the engine is gone.
// Threads  the reader's; cancel() any.
struct Stream::Impl {
  // `work` is about to be posted; its prompt and stop strings shape the text.
  Impl(const engine::Work& work, const Tokenizer* tokenizer,
       std::shared_ptr<engine::Mailbox> engine_mailbox);
  ~Impl();

  // What was shown before the request was suspended, and what comes first now.
  void resume(engine::SuspendedRequest& suspended);
  // The next event that waits here, before those of the state.
  std::optional<engine::TokenEvent> take_unread();
  // All that waits comes here; until the request has ended.
  void collect_unread();
  bool ended() const noexcept { return unread.empty() && state->ended(); }
  std::optional<Chunk> show(const std::optional<engine::TokenEvent>& event);
  Output& output(uint32_t choice) { return choice == 0 ? reply : reply.others[choice - 1]; }
  void cancel() noexcept;

  std::shared_ptr<engine::StreamState> state;
  std::shared_ptr<engine::Mailbox> mailbox;
  std::vector<AnswerText> texts;  // one for each choice
  std::vector<TokenId> ends;      // sorted: tokens without text
  bool logprobs;
  bool calls_back;        // the request has a hook or a listener of the host's
  bool posted = false;    // the engine has it
  bool finished = false;  // wait() has given the reply away
  Reply reply;
  std::deque<engine::UnreadToken> unread;  // shown before what the state has
  ModelDigest digest{};                    // of the engine's model
  std::vector<std::byte> image;            // taken out, and not given away
  std::string piece;                       // of the last chunk
  std::vector<TokenScore> scores;          // of the last event
};

}  // namespace llmos
