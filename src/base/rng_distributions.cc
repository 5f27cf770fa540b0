// SPDX-License-Identifier: Apache-2.0
#include "base/rng_distributions.h"

#include <cmath>

namespace llmos {

// Von Neumann (1951): the length of the first falling run of uniforms decides whether its first
// member is an exponential's fraction. The integer part counts the refusals.
double exponential(Rng& rng) noexcept {
  for (double whole = 0;; ++whole) {
    const double first = rng.uniform();
    double before = first;
    bool odd = true;  // length of the falling run so far
    for (double next; (next = rng.uniform()) < before; before = next) odd = !odd;
    if (odd) return whole + first;
  }
}

// Kahn (1954): an exponential x is half a normal with probability exp(-(x - 1)^2 / 2), which a
// second exponential decides without computing it.
double normal(Rng& rng) noexcept {
  for (;;) {
    const double x = exponential(rng);
    const double distance = x - 1;
    const double square = distance * distance;
    if (square <= 2 * exponential(rng)) return rng.u32() & 1 ? x : -x;
  }
}

// Marsaglia and Tsang (2000): the cube of a shifted normal, squeezed. Products and sums stand in
// separate statements so that no compiler fuses them into one rounding.
double gamma(Rng& rng, double shape) {
  LLMOS_CHECK(shape > 0 && std::isfinite(shape)) << "gamma of shape " << shape;
  if (shape < 1) {
    const double larger = gamma(rng, shape + 1);
    return larger * std::exp(-exponential(rng) / shape);
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal(rng);
    const double shift = c * x;
    const double root = 1 + shift;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double half_square = x * x / 2;
    const double gain = d * (1 - v + std::log(v));
    if (-exponential(rng) < half_square + gain) return d * v;
  }
}

double beta(Rng& rng, double a, double b) {
  const double x = gamma(rng, a);
  const double y = gamma(rng, b);
  // Shapes near zero underflow both; the limit of such a beta is a coin.
  if (x + y == 0) return rng.bernoulli(a / (a + b)) ? 1 : 0;
  return x / (x + y);
}

}  // namespace llmos
