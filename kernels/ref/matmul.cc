// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "kernels/ref/ref.h"
#include "kernels/ref/rows.h"
#include "kernels/share.h"

namespace llmos::kernels::ref {
namespace {

double dot(const float* a, const float* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += double(a[i]) * double(b[i]);
  return sum;
}

}  // namespace

void embed(const EmbedParams& p, const Launch& launch) {
  const int64_t columns = p.table.columns;
  std::vector<float> row(static_cast<size_t>(columns));
  const Share share = share_of(p.tokens, launch);
  for (int64_t t = share.first; t < share.last; ++t) {
    read_row(p.table.dtype, p.table.data + size_t(p.ids[t]) * p.table.row_bytes, row);
    float* out = p.out + t * columns;
    for (int64_t c = 0; c < columns; ++c) {
      out[c] = (p.accumulate ? out[c] : 0) + p.scale * row[size_t(c)];
    }
  }
}

void matmul(const MatmulParams& p, const Launch& launch) {
  const Matrix& weight = p.weight;
  std::vector<float> row(static_cast<size_t>(weight.columns));
  const Share share = share_of(weight.rows, launch);
  for (int64_t r = share.first; r < share.last; ++r) {
    read_row(weight.dtype, weight.data + size_t(r) * weight.row_bytes, row);
    for (int64_t t = 0; t < p.tokens; ++t) {
      const double sum = dot(p.in + t * p.in_stride, row.data(), weight.columns);
      float& out = p.out[t * p.out_stride + r];
      out = float((p.accumulate ? double(out) : 0) + p.scale * (sum + (p.bias ? p.bias[r] : 0)));
    }
  }
}

void expert_matmul(const ExpertMatmulParams& p, const Launch& launch) {
  const Matrix& weight = p.weight;
  for (int64_t s = 0; s < p.slots; ++s) {
    Matrix matrix = weight;
    matrix.data += size_t(p.experts[s]) * weight.matrix_bytes;
    matmul({.out = p.out + s * weight.rows,
            .out_stride = weight.rows,
            .in = p.in + s / p.slots_per_input * weight.columns,
            .in_stride = weight.columns,
            .weight = matrix,
            .bias = p.bias ? p.bias + p.experts[s] * weight.rows : nullptr,
            .tokens = 1},
           launch);
  }
}

}  // namespace llmos::kernels::ref
