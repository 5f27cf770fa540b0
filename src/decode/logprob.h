// SPDX-License-Identifier: Apache-2.0
// Logits to probabilities, and the best of them. Sums run in double: a vocabulary has up to 256 K
// entries, and a score is compared to 1e-4.
//
// A logit may be anything that arithmetic can make of a hostile model: NaN counts as the lowest.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "llmos/request.h"
#include "llmos/types.h"

namespace llmos {

// ln of the sum of e^logit: logprob(i) = logits[i] - log_sum_exp(logits). Of no logits: -infinity.
double log_sum_exp(std::span<const float> logits);

// The largest; of equal ones the lowest id. kNoToken of no logits.
TokenId best_token(std::span<const float> logits);

// The `count` largest, best first; of equal ones the lowest id first. Fewer where there are fewer.
std::vector<TokenId> best_tokens(std::span<const float> logits, size_t count);

// The same, with log-probabilities, into the caller's memory; answers how many. Nothing allocates.
// `total` is log_sum_exp(logits).
size_t best_scores(std::span<const float> logits, double total, std::span<TokenScore> best);

// True when a logit is not a number: the model or its weights are broken.
bool has_nan(std::span<const float> logits);

}  // namespace llmos
