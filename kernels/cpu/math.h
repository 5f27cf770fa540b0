// SPDX-License-Identifier: Apache-2.0
// Elementary functions on vectors. A lane's result depends on that lane alone.
#pragma once

#include <math.h>

#include "kernels/cpu/vector.h"

namespace llmos::kernels {
namespace {

// Within 2 units in the last place; results below the smallest normal number are 0.
//
// exp(x) = 2^n * exp(r), n the integer nearest to x / ln 2, |r| <= ln 2 / 2. ln 2 is taken off in
// two parts, the first of 9 bits so that its product with n is exact. exp(r) - 1 - r is r^2 times a
// polynomial of degree 5 (coefficients of the Cephes library, near-minimax).
LLMOS_INLINE Floats exp(Floats x) {
  const Floats n = nearest(smaller(larger(x, broadcast(-200.0f)), broadcast(200.0f)) *
                           broadcast(1.44269504088896341f));
  Floats r = fma(n, broadcast(-0.693359375f), x);
  r = fma(n, broadcast(2.12194440e-4f), r);
  Floats y = broadcast(1.9875691500e-4f);
  y = fma(y, r, broadcast(1.3981999507e-3f));
  y = fma(y, r, broadcast(8.3334519073e-3f));
  y = fma(y, r, broadcast(4.1665795894e-2f));
  y = fma(y, r, broadcast(1.6666665459e-1f));
  y = fma(y, r, broadcast(5.0000001201e-1f));
  y = fma(y, r * r, r) + broadcast(1.0f);
  // 2^n as two factors: n reaches 128, one more than a float's exponent.
  const Ints whole = to_ints(n);
  const Ints half = whole >> 1;
  y = y * bits_as<Floats>((half + 127) << 23) * bits_as<Floats>((whole - half + 127) << 23);
  y = select(x < broadcast(-87.3365448f), Floats{}, y);               // ln of 2^-126
  return select(x > broadcast(88.7228391f), broadcast(INFINITY), y);  // ln of the largest float
}

// Near 0 by a polynomial (Cephes), for 1 - 2 / (exp(2 x) + 1) cancels there.
LLMOS_INLINE Floats tanh(Floats x) {
  const Floats size = absolute(x);
  const Floats z = x * x;
  Floats near = broadcast(-5.70498872745e-3f);
  near = fma(near, z, broadcast(2.06390887954e-2f));
  near = fma(near, z, broadcast(-5.37397155531e-2f));
  near = fma(near, z, broadcast(1.33314422036e-1f));
  near = fma(near, z, broadcast(-3.33332819422e-1f));
  near = fma(near * z, x, x);
  const Floats one = broadcast(1.0f);
  const Floats far = one - broadcast(2.0f) / (exp(size + size) + one);
  return with_sign_of(select(size < broadcast(0.625f), near, far), x);  // -0 too
}

LLMOS_INLINE Floats sigmoid(Floats x) {
  const Floats one = broadcast(1.0f);
  return one / (one + exp(-x));
}

// softcap * tanh(x / softcap); x without a cap.
LLMOS_INLINE Floats capped(Floats x, float softcap) {
  if (softcap == 0) return x;
  return broadcast(softcap) * tanh(x / broadcast(softcap));
}

LLMOS_INLINE Floats erf(Floats x) {
  for (int i = 0; i < kLanes; ++i) x[i] = ::erff(x[i]);
  return x;
}

struct SinCos {
  Floats sin;
  Floats cos;
};

// Within 1 unit in the last place of f32 for |x| < 2^24.
//
// In double: x = n * pi/2 + r with |r| <= pi/4, where pi/2 is taken off in two parts, the first of
// 33 bits. Then Taylor polynomials, whose first term left out is below 2^-41.
LLMOS_INLINE SinCos sin_cos(Floats angle) {
  const Doubles x = __builtin_convertvector(angle, Doubles);
  constexpr double kShift = 0x1.8p52;  // rounds to an integer, as in nearest()
  const Doubles n = (x * 0.63661977236758134 + kShift) - kShift;
  const Doubles r = (x - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11;
  const Doubles z = r * r;
  Doubles s = z * (1.0 / 6227020800) - 1.0 / 39916800;
  s = s * z + 1.0 / 362880;
  s = s * z - 1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z - 1.0 / 6;
  s = s * z * r + r;
  Doubles c = z * (1.0 / 479001600) - 1.0 / 3628800;
  c = c * z + 1.0 / 40320;
  c = c * z - 1.0 / 720;
  c = c * z + 1.0 / 24;
  c = c * z - 0.5;
  c = c * z + 1.0;
  const Floats sine = __builtin_convertvector(s, Floats);
  const Floats cosine = __builtin_convertvector(c, Floats);
  const Ints quadrant = __builtin_convertvector(n, Ints);
  const Ints odd = (quadrant & 1) != 0;
  const Floats first = select(odd, cosine, sine);
  const Floats second = select(odd, sine, cosine);
  return {select((quadrant & 2) != 0, -first, first),
          select(((quadrant + 1) & 2) != 0, -second, second)};
}

}  // namespace
}  // namespace llmos::kernels
