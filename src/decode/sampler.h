// SPDX-License-Identifier: Apache-2.0
// Sampler: chooses the next token of one answer from the logits.
//
//   SamplerRoom room(vocabulary, context);                     // one for all answers of a thread
//   Sampler sampler = *Sampler::create(sampling, vocabulary);  // one for each answer
//   TokenId id = sampler.sample({.logits = row, .tokens = text, .prompt_tokens = n}, room);
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decode/candidates.h"
#include "decode/penalties.h"
#include "llmos/request.h"
#include "llmos/status.h"
#include "llmos/types.h"
#include "sync/function_ref.h"

namespace llmos {

// Room that sampling needs; holds nothing between calls. One thread at a time.
class SamplerRoom {
 public:
  // `context`: the most tokens of a sequence.
  SamplerRoom(uint32_t vocabulary, uint32_t context);

 private:
  friend class Sampler;
  std::vector<float> logits_;
  Candidates candidates_;
  PenaltyRoom penalties_;
};

// What a choice is made from.
struct SamplerInput {
  std::span<const float> logits;      // [vocabulary]
  std::span<const TokenId> tokens{};  // prompt and answer so far
  uint32_t prompt_tokens = 0;
  std::span<const TokenId> forbidden{};  // not this time: end tokens before tokens_min
  // One bit for each token that a constraint allows, the lowest bit first; empty: all.
  std::span<const uint64_t> mask{};
  // May change the logits; what it throws leaves sample().
  const FunctionRef<void(std::span<float>)>* hook = nullptr;
};

// The chosen token is a function of the options, the input and, with mirostat, the tokens chosen
// before: it does not depend on what else runs. All that must be kept to go on elsewhere is
// state().
// Random numbers are counted by the place in the answer.
// Threads  one at a time.
// Cost     O(vocabulary + tokens). Nothing allocates.
class Sampler {
 public:
  // kInvalid: as check_sampling(). `choice` numbers the answers to one prompt. `breakers`: the ids
  // that end a repetition for DRY.
  static Result<Sampler> create(const Sampling& options, uint32_t vocabulary, uint32_t choice = 0,
                                std::vector<TokenId> breakers = {});

  // kNoToken when no token is left: of no logits, or where all are forbidden. Without any filter or
  // change, logits that are all NaN or -infinity give the lowest id.
  TokenId sample(const SamplerInput& input, SamplerRoom& room);

  double state() const noexcept { return surprise_most_; }
  void set_state(double state) noexcept { surprise_most_ = state; }

 private:
  Sampler(const Sampling& options, uint32_t choice, std::vector<TokenId> breakers);
  bool changes(const SamplerInput& input) const noexcept;
  void change(const SamplerInput& input, SamplerRoom& room) const;
  void collect(std::span<const float> logits, float top, Candidates& candidates) const;
  void filter(uint64_t position, Candidates& candidates) const;
  const Candidate& draw(uint64_t position, const Candidates& candidates) const;
  void learn(const Candidate& drawn, const Candidates& candidates);

  Sampling options_;
  uint64_t stream_;
  std::vector<TokenId> breakers_;  // sorted
  double surprise_most_;           // mirostat's mu, bits
};

}  // namespace llmos
