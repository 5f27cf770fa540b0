// SPDX-License-Identifier: Apache-2.0
// Work: a request as the engine takes it: checked, tokenised, its samplers made. All that costs
// memory or time for one request was done on the caller's thread.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "decode/sampler.h"
#include "engine/draft.h"
#include "engine/stream_state.h"
#include "engine/suspended.h"
#include "llmos/request.h"
#include "text/answer_text.h"

namespace llmos::engine {

struct Work {
  uint64_t id = 0;
  std::vector<TokenId> prompt;           // at least one token
  Request request;                       // its prompt is empty now
  std::vector<Sampler> samplers;         // one for each choice
  std::vector<TokenId> ends;             // sorted: tokens that end the answer
  std::vector<TokenId> forbidden_first;  // not drawn before tokens_min (or ever: ignore_end)
  std::vector<AnswerText> stop_texts;    // one for each choice, where there are stop strings
  std::shared_ptr<StreamState> stream;   // two owners, which end in either order
  DraftSource* drafts = nullptr;         // guesses; outlives the work
  uint32_t drafts_max = 0;               // in one step
  std::optional<Pooling> pooling;        // an embedding is wanted, and no answer
  bool normalise = false;
  // Its prompt stays in the prefix cache, under the work's id, if so many blocks are left to
  // others.
  bool pin = false;
  int64_t pin_leaves = 0;
  // It was suspended and goes on: its choices as they were, one for each sampler; else empty.
  std::vector<SuspendedChoice> resumed;
  std::vector<PositionScore> prompt_scores;
  Usage usage;  // so far
  Instant submitted;
  Instant deadline = Instant::max();
};

}  // namespace llmos::engine
