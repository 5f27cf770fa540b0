// SPDX-License-Identifier: Apache-2.0
// What may be asked of a sampler, checked before anything runs.
#pragma once

#include <cstdint>

#include "llmos/request.h"
#include "llmos/status.h"

namespace llmos {

// Lists in a request: longer ones are a mistake, and would cost every step.
inline constexpr size_t kBiasesMax = 4096;
inline constexpr size_t kBreakersMax = 64;
inline constexpr size_t kBreakerBytesMax = 256;

// kInvalid: a number that is NaN, negative where that has no meaning, or out of its range; an id
// outside the vocabulary; a list that is too long. The message names the field.
Status check_sampling(const Sampling& sampling, uint32_t vocabulary);

}  // namespace llmos
