// SPDX-License-Identifier: Apache-2.0
// Sampler: chooses the next token from the logits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llmos/request.h"
#include "llmos/status.h"
#include "llmos/types.h"

namespace llmos {

// The chosen token is a pure function of the logits, the options and the position in the answer: no
// state is kept between calls, so it does not depend on what else runs, or on a restart.
// Threads: one at a time (it keeps room for the candidates).
class Sampler {
 public:
  // kInvalid: a temperature below 0 or not finite, top_p or min_p outside [0, 1].
  static Result<Sampler> create(const Sampling& options);

  // `position` counts the tokens drawn before in this answer. kNoToken of no logits. Logits that
  // are all NaN or -infinity give the lowest id.
  TokenId sample(std::span<const float> logits, uint64_t position);

 private:
  struct Candidate {
    TokenId id;
    double weight;  // probability, times a constant
  };

  explicit Sampler(const Sampling& options) : options_(options) {}
  void collect(std::span<const float> logits, float top);
  void filter();
  TokenId draw(uint64_t position) const;

  Sampling options_;
  std::vector<Candidate> candidates_;
};

}  // namespace llmos
