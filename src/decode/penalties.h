// SPDX-License-Identifier: Apache-2.0
// Penalties: logits lowered for what the text already has.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llmos/request.h"
#include "llmos/types.h"

namespace llmos {

// Arrays that penalties need beside the logits; they are as they were (zeroes) after each call.
// Made once for a vocabulary and a context; nothing allocates after it.
struct PenaltyRoom {
  PenaltyRoom(uint32_t vocabulary, uint32_t context)
      : answer_counts(vocabulary), repeats(vocabulary), seen(vocabulary), matches(context) {}

  std::vector<uint32_t> answer_counts;  // [vocabulary] of the answer's tokens in the window
  std::vector<uint32_t> repeats;  // [vocabulary] the longest repetition that a token continues
  std::vector<uint8_t> seen;      // [vocabulary]
  std::vector<uint32_t> matches;  // [context]
};

bool has_penalties(const Sampling& sampling) noexcept;

// Repetition, presence and frequency. `tokens` are prompt and answer; ids outside the vocabulary
// are no tokens of ours and count for nothing.
void apply_penalties(const Sampling& sampling, std::span<const TokenId> tokens,
                     uint32_t prompt_tokens, std::span<float> logits, PenaltyRoom& room);

// DRY. `breakers`: sorted ids that no repetition reaches across. O(window), whatever the text.
void apply_dry(const DrySampling& dry, std::span<const TokenId> breakers,
               std::span<const TokenId> tokens, std::span<float> logits, PenaltyRoom& room);

}  // namespace llmos
