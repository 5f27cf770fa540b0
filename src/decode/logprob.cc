// SPDX-License-Identifier: Apache-2.0
#include "decode/logprob.h"

#include <algorithm>
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
  size_t best = 0;
  for (size_t i = 1; i < logits.size(); ++i) {
    if (ordered(logits[i]) > ordered(logits[best])) best = i;
  }
  return TokenId(best);
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

}  // namespace llmos
