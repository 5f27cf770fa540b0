// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/ref/ref.h"
#include "kernels/share.h"

namespace llmos::kernels::ref {
namespace {

void norm_row(const NormParams& p, const float* in, float* out) {
  double mean = 0;
  if (p.kind == NormKind::kLayer) {
    for (int64_t c = 0; c < p.columns; ++c) mean += in[c];
    mean /= double(p.columns);
  }
  double squares = 0;
  for (int64_t c = 0; c < p.columns; ++c) squares += (in[c] - mean) * (in[c] - mean);
  const double scale = 1 / std::sqrt(squares / double(p.columns) + double(p.epsilon));
  for (int64_t c = 0; c < p.columns; ++c) {
    const double value = (in[c] - mean) * scale;
    out[c] = float(value * (p.weight ? p.weight[c] : 1) + (p.bias ? p.bias[c] : 0));
  }
}

}  // namespace

void norm(const NormParams& p, const Launch& launch) {
  const Share share = share_of(p.rows, launch);
  for (int64_t r = share.first; r < share.last; ++r) {
    norm_row(p, p.in + r * p.in_stride, p.out + r * p.out_stride);
  }
}

}  // namespace llmos::kernels::ref
