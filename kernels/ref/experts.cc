// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/ref/ref.h"
#include "kernels/share.h"

namespace llmos::kernels::ref {
namespace {

// exp(logit - largest) of every expert, and their sum.
std::vector<double> exponentials(const float* logits, int64_t count, double* sum) {
  const double largest = *std::max_element(logits, logits + count);
  std::vector<double> values(static_cast<size_t>(count));
  for (int64_t e = 0; e < count; ++e) values[size_t(e)] = std::exp(logits[e] - largest);
  *sum = std::accumulate(values.begin(), values.end(), 0.0);
  return values;
}

// The indices of the `chosen` largest, of equal ones the first. No sort: it must end, with distinct
// experts, for logits that are not numbers too.
std::vector<int32_t> largest(const float* logits, int64_t count, int64_t chosen) {
  std::vector<int32_t> left(static_cast<size_t>(count));
  std::iota(left.begin(), left.end(), 0);
  std::vector<int32_t> order;
  while (int64_t(order.size()) < chosen) {
    auto best = left.begin();
    for (auto at = left.begin(); at != left.end(); ++at) {
      if (logits[*at] > logits[*best]) best = at;
    }
    order.push_back(*best);
    left.erase(best);
  }
  return order;
}

void route_token(const RouteParams& p, int64_t t) {
  const float* logits = p.logits + t * p.expert_count;
  const std::vector<int32_t> order = largest(logits, p.expert_count, p.chosen);
  double all = 0;
  const std::vector<double> values = exponentials(logits, p.expert_count, &all);
  double chosen = 0;
  for (int64_t k = 0; k < p.chosen; ++k) chosen += values[size_t(order[size_t(k)])];
  // Normalised over the chosen is the same as the softmax of the chosen alone.
  const double sum = p.routing == Routing::kSoftmaxAll ? all : chosen;
  for (int64_t k = 0; k < p.chosen; ++k) {
    const int32_t expert = order[size_t(k)];
    p.experts[t * p.chosen + k] = expert;
    p.weights[t * p.chosen + k] = float(p.scale * values[size_t(expert)] / sum);
  }
}

}  // namespace

void route(const RouteParams& p, const Launch& launch) {
  const Share share = share_of(p.tokens, launch);
  for (int64_t t = share.first; t < share.last; ++t) route_token(p, t);
}

void combine(const CombineParams& p, const Launch& launch) {
  const Share share = share_of(p.tokens * p.columns, launch);
  for (int64_t i = share.first; i < share.last; ++i) {
    const int64_t t = i / p.columns;
    const int64_t c = i % p.columns;
    double sum = 0;
    for (int64_t k = 0; k < p.chosen; ++k) {
      const int64_t slot = t * p.chosen + k;
      sum += double(p.weights[slot]) * double(p.in[slot * p.columns + c]);
    }
    float& out = p.out[t * p.out_stride + c];
    out = float(out + p.scale * sum);
  }
}

}  // namespace llmos::kernels::ref
