// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/ref/ref.h"
#include "kernels/share.h"

namespace llmos::kernels::ref {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

double gelu_tanh(double x) {
  constexpr double kScale = 0.79788456080286535588;  // sqrt(2 / pi)
  return 0.5 * x * (1 + std::tanh(kScale * (x + 0.044715 * x * x * x)));
}

double clamped_swiglu(double gate, double up, double limit) {
  const double g = std::min(gate, limit);
  return g * sigmoid(1.702 * g) * (std::clamp(up, -limit, limit) + 1);
}

double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return x * sigmoid(x);
    case Activation::kGelu:
      return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    case Activation::kGeluTanh:
      return gelu_tanh(x);
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kClampedSwiglu:
      break;  // takes both
  }
  return x;
}

}  // namespace

void activate(const ActivateParams& p, const Launch& launch) {
  const Share share = share_of(p.columns, launch, kShareRows);
  for (int64_t r = 0; r < p.rows; ++r) {
    for (int64_t c = share.first; c < share.last; ++c) {
      const double gate = p.gate[r * p.gate_stride + c];
      const double up = p.up ? p.up[r * p.up_stride + c] : 1;
      p.out[r * p.out_stride + c] =
          float(p.activation == Activation::kClampedSwiglu ? clamped_swiglu(gate, up, p.limit)
                                                           : activated(p.activation, gate) * up);
    }
  }
}

void add(const AddParams& p, const Launch& launch) {
  const Share share = share_of(p.rows * p.columns, launch);
  for (int64_t i = share.first; i < share.last; ++i) {
    const int64_t r = i / p.columns;
    const int64_t c = i % p.columns;
    const double gate = p.gates ? sigmoid(p.gates[r]) : 1;
    float& out = p.out[r * p.out_stride + c];
    out = float(out + p.scale * gate * p.in[r * p.in_stride + c]);
  }
}

void gather(const GatherParams& p, const Launch& launch) {
  const Share share = share_of(p.rows * p.columns, launch);
  for (int64_t i = share.first; i < share.last; ++i) {
    p.out[i] = p.in[p.index[i / p.columns] * p.columns + i % p.columns];
  }
}

void cap(const CapParams& p, const Launch& launch) {
  const Share share = share_of(p.rows * p.columns, launch);
  for (int64_t i = share.first; i < share.last; ++i) {
    const double x = double(p.scale) * p.x[i];
    p.x[i] = float(p.softcap == 0 ? x : p.softcap * std::tanh(x / p.softcap));
  }
}

}  // namespace llmos::kernels::ref
