// SPDX-License-Identifier: Apache-2.0
// The filters of sampling: each drops some of the tokens that could come next.
//
// A candidate's weight is its probability times a constant that all share. Of equal weights the
// lower id counts as the better one, so that every result is a function of the weights alone. Every
// filter leaves at least one candidate of a list that had one. Nothing allocates.
#pragma once

#include <cstdint>
#include <vector>

#include "llmos/types.h"

namespace llmos {

struct Candidate {
  TokenId id;
  double weight;  // above 0, finite
};
using Candidates = std::vector<Candidate>;

inline bool better(const Candidate& a, const Candidate& b) noexcept {
  return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
}

double total_weight(const Candidates& candidates);

// The k best; 0: all.
void keep_top_k(Candidates& candidates, uint32_t k);
// The fewest of the best that have `share` of the weight together. Leaves them sorted, best first.
void keep_top_p(Candidates& candidates, double share);
// Those with at least `share` of the best one's weight.
void keep_min_p(Candidates& candidates, double share);
// Those whose surprise -ln p is nearest to the mean one, until they have `share` of the weight.
void keep_typical(Candidates& candidates, double share);
// Of those with at least `threshold` of the total weight, only the least probable, and all others.
void drop_top(Candidates& candidates, double threshold);
// Those with a surprise of at most `bits`, at least the best one. Leaves them sorted.
void keep_surprise(Candidates& candidates, double bits);

}  // namespace llmos
