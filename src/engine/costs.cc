// SPDX-License-Identifier: Apache-2.0
#include "engine/costs.h"

#include <algorithm>
#include <cmath>

namespace llmos::engine {

bool CostMeter::observe(uint32_t prompt_tokens, uint32_t decodes, uint64_t context_tokens,
                        double seconds) {
  const Row row{1, double(prompt_tokens), double(decodes), double(context_tokens)};
  for (size_t i = 0; i < kTerms; ++i) {
    for (size_t j = 0; j < kTerms; ++j) moments_[i][j] = kKept * moments_[i][j] + row[i] * row[j];
    targets_[i] = kKept * targets_[i] + row[i] * seconds;
  }
  if (++seen_ % kRefit != 0) return false;
  fit();
  return true;
}

// Coordinate descent from the last fit, held at or above zero: it converges for such a small convex
// problem, and a term that no step has shown (moment 0) stays what it was.
void CostMeter::fit() {
  constexpr int kSweeps = 50;
  Row fitted{costs_.step, costs_.prompt_token, costs_.decode, costs_.context_token};
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (size_t i = 0; i < kTerms; ++i) {
      if (moments_[i][i] <= 0) continue;
      double rest = targets_[i];
      for (size_t j = 0; j < kTerms; ++j) rest -= j == i ? 0 : moments_[i][j] * fitted[j];
      fitted[i] = std::max(0.0, rest / moments_[i][i]);
    }
  }
  // A step that seems to cost nothing would make every policy's unit of time vanish.
  constexpr double kStepLeast = 1e-7;
  costs_.step = std::max(fitted[0], kStepLeast);
  costs_.prompt_token = fitted[1];
  costs_.decode = fitted[2];
  costs_.context_token = fitted[3];
}

}  // namespace llmos::engine
