// SPDX-License-Identifier: Apache-2.0
#include "decode/logprob.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace llmos {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

float ordered(float logit) { return std::isnan(logit) ? kLowest : logit; }

}  // namespace

double log_sum_exp(std::span<const float> logits) {
  float top = kLowest;
  for (const float logit : logits) top = std::max(top, ordered(logit));
  if (std::isinf(top)) return top;
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double(ordered(logit)) - double(top));
  return double(top) + std::log(sum);
}

TokenId best_token(std::span<const float> logits) {
  if (logits.empty()) return kNoToken;
  // Two passes without a chain from one logit to the next: the compiler makes vectors of the first,
  // and the second ends early. What is not a number is never above.
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> lanes;
  lanes.fill(kLowest);
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = logits[i + lane] > lanes[lane] ? logits[i + lane] : lanes[lane];
    }
  }
  float top = kLowest;
  for (const float lane : lanes) top = std::max(top, lane);
  for (; i < logits.size(); ++i) top = logits[i] > top ? logits[i] : top;
  if (top == kLowest) return 0;  // none is above the lowest
  return TokenId(std::find(logits.begin(), logits.end(), top) - logits.begin());
}

std::vector<TokenId> best_tokens(std::span<const float> logits, size_t count) {
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), TokenId{0});
  count = std::min(count, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + ptrdiff_t(count), ids.end(),
                    [&](TokenId a, TokenId b) {
                      const float x = ordered(logits[size_t(a)]);
                      const float y = ordered(logits[size_t(b)]);
                      return x != y ? x > y : a < b;
                    });
  ids.resize(count);
  return ids;
}

// Inserts into the sorted best so far: with few of them, most logits cost one comparison.
size_t best_scores(std::span<const float> logits, double total, std::span<TokenScore> best) {
  size_t count = 0;
  if (best.empty()) return count;
  for (size_t i = 0; i < logits.size(); ++i) {
    const TokenScore score{TokenId(i), double(ordered(logits[i])) - total};
    if (count == best.size() && !(score.logprob > best[count - 1].logprob)) continue;
    size_t place = count < best.size() ? count++ : count - 1;
    for (; place > 0 && score.logprob > best[place - 1].logprob; --place) {
      best[place] = best[place - 1];
    }
    best[place] = score;
  }
  return count;
}

bool has_nan(std::span<const float> logits) {
  bool found = false;
  for (const float logit : logits) found |= logit != logit;
  return found;
}

}  // namespace llmos
