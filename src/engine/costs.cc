// SPDX-License-Identifier: Apache-2.0
#include "engine/costs.h"

#include <algorithm>

namespace llmos::engine {

bool CostMeter::observe(uint32_t prompt_tokens, uint32_t decodes, uint64_t context_tokens,
                        double seconds) {
  fit_.observe({double(prompt_tokens), double(decodes), double(context_tokens)}, seconds);
  if (++seen_ % kRefit != 0) return false;
  fit_.refit();
  // A step that seems to cost nothing would make every policy's unit of time vanish.
  constexpr double kStepLeast = 1e-7;
  costs_.step = std::max(fit_.costs()[0], kStepLeast);
  costs_.prompt_token = fit_.costs()[1];
  costs_.decode = fit_.costs()[2];
  costs_.context_token = fit_.costs()[3];
  return true;
}

}  // namespace llmos::engine
