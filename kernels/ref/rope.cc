// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/ref/ref.h"
#include "kernels/share.h"

namespace llmos::kernels::ref {

void rotate_head(const RopeParams& p, int64_t t, int64_t head) {
  const int64_t half = p.rotary / 2;
  float* x = p.x + t * p.stride + head * p.head_dim;
  const float* frequency = p.inverse_frequency + (p.frequency_set ? p.frequency_set[t] : 0) * half;
  for (int64_t pair = 0; pair < half; ++pair) {
    // The angle is an f32, as in the implementations that models are trained with.
    const float angle = float(p.positions[t]) * frequency[pair];
    const double c = std::cos(double(angle)) * double(p.magnitude);
    const double s = std::sin(double(angle)) * double(p.magnitude);
    float& a = x[p.interleaved ? 2 * pair : pair];
    float& b = x[p.interleaved ? 2 * pair + 1 : pair + half];
    const double first = a * c - b * s;
    b = float(b * c + a * s);
    a = float(first);
  }
}

void rope(const RopeParams& p, const Launch& launch) {
  const Share share = share_of(p.tokens * p.heads, launch);
  for (int64_t i = share.first; i < share.last; ++i) rotate_head(p, i / p.heads, i % p.heads);
}

}  // namespace llmos::kernels::ref
