// SPDX-License-Identifier: Apache-2.0
#include "model/exchange.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace llmos::exchange {
namespace {

bool meets(const Link& link, const kernels::Launch& launch) {
  return launch.rank == 0 && link.failure.ok();
}

}  // namespace

void reduce(const ReduceParams& p, const kernels::Launch& launch) {
  if (!meets(*p.link, launch)) return;
  p.link->failure = p.link->ranks->all_reduce(std::span(p.data, size_t(p.count)));
}

void keep_own_rows(const OwnRowsParams& p, const kernels::Launch& launch) {
  for (int64_t t = launch.rank; t < p.tokens; t += launch.size) {
    if (p.ids[t] >= p.first && p.ids[t] - p.first < p.count) continue;
    std::fill_n(p.x + t * p.columns, p.columns, 0.0f);
  }
}

void keep_own_experts(const OwnExpertsParams& p, const kernels::Launch& launch) {
  for (int64_t s = launch.rank; s < p.slots; s += launch.size) {
    const int32_t own = p.experts[s] - p.first;
    const bool held = own >= 0 && own < p.count;
    p.experts[s] = held ? own : 0;
    if (!held) p.weights[s] = 0;
  }
}

void clear(const ClearParams& p, const kernels::Launch& launch) {
  const int64_t from = p.count * launch.rank / launch.size;
  const int64_t to = p.count * (launch.rank + 1) / launch.size;
  std::fill(p.data + from, p.data + to, 0.0f);
}

void square_sums(const SquaresParams& p, const kernels::Launch& launch) {
  for (int64_t r = launch.rank; r < p.rows; r += launch.size) {
    double sum = 0;
    for (int64_t c = 0; p.counts && c < p.columns; ++c) {
      const double value = double(p.x[r * p.columns + c]);
      sum += value * value;
    }
    p.squares[r] = float(sum);
  }
}

void norm_whole(const WholeNormParams& p, const kernels::Launch& launch) {
  for (int64_t r = launch.rank; r < p.rows; r += launch.size) {
    const float scale = 1 / std::sqrt(p.squares[r] / float(p.whole_columns) + p.epsilon);
    float* const row = p.x + r * p.columns;
    for (int64_t c = 0; c < p.columns; ++c) row[c] *= scale * p.weight[c];
  }
}

void gather_words(const GatherWordsParams& p, const kernels::Launch& launch) {
  if (!meets(*p.link, launch)) return;
  Communicator& ranks = *p.link->ranks;
  const size_t part = size_t(p.rows * p.words_max);
  p.link->failure =
      ranks.all_gather(std::as_bytes(std::span(p.own, part)),
                       std::as_writable_bytes(std::span(p.gathered, part * size_t(ranks.size()))));
  const int64_t vocabulary = p.borders[ranks.size()];
  for (int r = 0; r < ranks.size(); ++r) {
    const float* from = p.gathered + size_t(r) * part;
    const int64_t words = p.borders[r + 1] - p.borders[r];
    for (int64_t row = 0; row < p.rows; ++row, from += words)
      std::copy_n(from, words, p.logits + row * vocabulary + p.borders[r]);
  }
}

}  // namespace llmos::exchange
