// SPDX-License-Identifier: Apache-2.0
#include "decode/candidates.h"

#include <algorithm>
#include <cmath>

namespace llmos {
namespace {

// Moves the fewest candidates that reach `target` weight to the front, in the order of `before`,
// and answers how many. Sorts in portions that grow, because few are needed as a rule.
template <class Before>
size_t gather(Candidates& candidates, double target, Before before) {
  constexpr size_t kFirstPortion = 64, kGrowth = 4;
  double sum = 0;
  size_t sorted = 0;
  for (size_t portion = kFirstPortion; sorted < candidates.size(); portion *= kGrowth) {
    const size_t end = std::min(candidates.size(), sorted + portion);
    const auto from = candidates.begin() + ptrdiff_t(sorted);
    std::partial_sort(from, candidates.begin() + ptrdiff_t(end), candidates.end(), before);
    for (; sorted < end; ++sorted) {
      sum += candidates[sorted].weight;
      if (sum >= target) return sorted + 1;
    }
  }
  return sorted;
}

}  // namespace

double total_weight(const Candidates& candidates) {
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  return total;
}

void keep_top_k(Candidates& candidates, uint32_t k) {
  if (k == 0 || k >= candidates.size()) return;
  const auto end = candidates.begin() + ptrdiff_t(k);
  std::nth_element(candidates.begin(), end, candidates.end(), better);
  candidates.erase(end, candidates.end());
}

void keep_top_p(Candidates& candidates, double share) {
  if (share >= 1) return;
  candidates.resize(gather(candidates, share * total_weight(candidates), better));
}

void keep_min_p(Candidates& candidates, double share) {
  double best = 0;
  for (const Candidate& candidate : candidates) best = std::max(best, candidate.weight);
  std::erase_if(candidates, [&](const Candidate& c) { return c.weight < share * best; });
}

void keep_typical(Candidates& candidates, double share) {
  if (share >= 1) return;
  const double total = total_weight(candidates), log_total = std::log(total);
  double entropy = 0;
  for (const Candidate& c : candidates) {
    entropy += c.weight / total * (log_total - std::log(c.weight));
  }
  const auto distance = [&](const Candidate& c) {
    return std::abs(log_total - std::log(c.weight) - entropy);
  };
  const auto nearer = [&](const Candidate& a, const Candidate& b) {
    const double x = distance(a), y = distance(b);
    return x != y ? x < y : better(a, b);
  };
  candidates.resize(gather(candidates, share * total, nearer));
}

void drop_top(Candidates& candidates, double threshold) {
  const double limit = threshold * total_weight(candidates);
  const Candidate* least = nullptr;
  for (const Candidate& c : candidates) {
    if (c.weight >= limit && (!least || better(*least, c))) least = &c;
  }
  if (!least) return;
  const Candidate kept = *least;
  std::erase_if(candidates, [&](const Candidate& c) { return better(c, kept); });
}

void keep_surprise(Candidates& candidates, double bits) {
  std::sort(candidates.begin(), candidates.end(), better);
  const double least = std::exp2(-bits) * total_weight(candidates);
  const auto end = std::find_if(candidates.begin(), candidates.end(),
                                [&](const Candidate& c) { return c.weight < least; });
  candidates.resize(std::max<size_t>(1, size_t(end - candidates.begin())));
}

}  // namespace llmos
