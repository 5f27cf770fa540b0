// SPDX-License-Identifier: Apache-2.0
// The frequencies of rotary positions, after the scaling that stretches a model's context.
#pragma once

#include <vector>

#include "model/model_config.h"

namespace llmos {

// What the rope kernel reads: [sets, rotary / 2] angles per position, one set, or with long-rope
// two: set 0 for sequences that stay within original_context, set 1 for longer ones. Precondition:
// the configuration is valid.
std::vector<float> inverse_frequencies(const RopeConfig& rope);

// The set for a sequence that may grow to `context` tokens. It is chosen once for a sequence, when
// it begins: keys that are already in the cache keep the angles of their time, so a later change
// would mix two geometries. (transformers chooses again at every call; both agree for a prompt
// longer than original_context, and for a sequence that never crosses it.)
int frequency_set(const RopeConfig& rope, uint64_t context);

// yarn's growth of queries and keys, for a context stretched by `factor`.
double yarn_magnitude(double factor, double multiplier = 1);

// long-rope's, from the same ratio and the context before it.
double long_rope_magnitude(double factor, double original_context);

}  // namespace llmos
