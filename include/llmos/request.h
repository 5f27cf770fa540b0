// SPDX-License-Identifier: Apache-2.0
// What a caller asks for.
#pragma once

#include <cstdint>

namespace llmos {

// How the next token is chosen from the model's probabilities. The filters apply in the order
// temperature, top_k, top_p, min_p; what is left is drawn from by its probabilities.
struct Sampling {
  // Divides the logits; 0: always the most probable token (of equal ones the lowest id). Lower is
  // safer, higher more varied.
  float temperature{1};
  // Keeps the k most probable tokens; 0: all.
  uint32_t top_k{};
  // Keeps the most probable tokens that together have at least this probability; 1: all.
  float top_p{1};
  // Keeps tokens at least this times as probable as the most probable one; 0: all.
  float min_p{};
  // The same seed, model and prompt give the same tokens, whatever else runs.
  uint64_t seed{};
};

}  // namespace llmos
