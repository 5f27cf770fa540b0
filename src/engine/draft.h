// SPDX-License-Identifier: Apache-2.0
// DraftSource: guesses how an answer goes on, so that one step can verify several tokens.
//
// The model computes the last token and the guesses behind it in one step. From each row a token is
// drawn as it would have been without guesses; as long as it is the guess, the next row counts too.
// So the answer is the same with any guesses: good ones save steps, bad ones cost some tokens. Keys
// and values behind the last right guess are given back at the commit.
#pragma once

#include <cstdint>
#include <span>

#include "llmos/types.h"

namespace llmos::engine {

// More are rarely all right, and would take the step from others.
inline constexpr uint32_t kDraftTokensMax = 16;

// Owner    whoever makes the Work; outlives it.
// Threads  the engine's, while a step is planned: it must be quick, and not throw.
class DraftSource {
 public:
  virtual ~DraftSource() = default;
  // Writes at most into.size() guesses of what follows `tokens`, the prompt and the answer so far;
  // answers how many. Ids outside the vocabulary end the guesses.
  virtual uint32_t draft(std::span<const TokenId> tokens, std::span<TokenId> into) = 0;
};

}  // namespace llmos::engine
