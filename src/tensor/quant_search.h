// SPDX-License-Identifier: Apache-2.0
// The search for scales behind quant_encode.h: what every block type does with 16 or 32 values.
//
// Words    A *grid* is the set of numbers q that a code can mean. A *fit* lays it over the values:
//          x ~ scale * q + offset. The *extent* of a fit is how many steps of the grid the largest
//          |x| (or max - min) spans; less than the grid has wastes codes, more clips values.
// Method   Rounding for one inverse scale gives q and the rest r = x / scale - q, both in steps.
//          With the sums of their products the least-squares scale for just these q is known, and
//          its error too, without a second pass and without cancellation: r is small, not x.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tensor/half.h"

namespace llmos::quant {

// Four at a time, in the vector registers that every target has; the compilers know the rest.
using Lanes [[gnu::vector_size(16)]] = float;
inline constexpr int kLanes = 4;

inline Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}
inline Lanes all(float value) { return Lanes{value, value, value, value}; }
inline Lanes larger(Lanes a, Lanes b) { return a > b ? a : b; }  // b where a is NaN
inline Lanes smaller(Lanes a, Lanes b) { return a < b ? a : b; }
inline float sum(Lanes v) { return (v[0] + v[1]) + (v[2] + v[3]); }
// To the nearest integer, ties to even; |v| < 2^22, where a float with 2^23 added has unit 1.
inline Lanes nearest(Lanes v) {
  const Lanes magic = all(0x1.8p23f);
  return (v + magic) - magic;
}

// Beyond this, a value is as good as clamped in every type with half-precision scales (at most
// 65504 * 63 * 31 < 2^27), and squares of anything below are far from overflow.
inline constexpr float kValueMax = 0x1p40f;
// Below this a block is zero: half the smallest nonzero value of the type with the finest grid is
// 2^-25.
inline constexpr float kValueMin = 0x1p-26f;

// The values of one block and their weights, clean of anything that is not finite.
template <int kCount>
struct alignas(16) Samples {
  float x[kCount];
  float weight[kCount];  // mean 1
  float magnitude;       // the largest |x|

  Samples(const float* values, const float* importance) {
    Lanes top = all(0);
    for (int i = 0; i < kCount; i += kLanes) {
      const Lanes v = smaller(larger(load(values + i), all(-kValueMax)), all(kValueMax));
      std::memcpy(x + i, &v, sizeof v);
      top = larger(top, larger(v, -v));
    }
    magnitude = std::max(std::max(top[0], top[1]), std::max(top[2], top[3]));
    set_weights(importance);
  }

 private:
  void set_weights(const float* importance) {
    double total = 0;
    if (importance) {
      for (int i = 0; i < kCount; ++i) total += importance[i] > 0 ? double(importance[i]) : 0;
    }
    const bool usable = total > 0 && std::isfinite(total);
    for (int i = 0; i < kCount; ++i) {
      weight[i] = usable ? float(std::max(0.0, double(importance[i]) * kCount / total)) : 1;
    }
  }
};

// Grids: callable on values in steps.
struct UniformGrid {
  float low, high;
  Lanes operator()(Lanes v) const { return nearest(smaller(larger(v, all(low)), all(high))); }
};

// Sums over a group of weight, and of weight times the products of q and r.
struct Sums {
  float w, q, qq, r, qr, rr;
};

// Of the rounding of x * inverse + shift.
template <int kCount, class Grid>
Sums rounding_sums(const float* x, const float* weight, float inverse, float shift,
                   const Grid& grid) {
  Lanes w{}, q{}, qq{}, r{}, qr{}, rr{};
  for (int i = 0; i < kCount; i += kLanes) {
    const Lanes wi = load(weight + i), v = load(x + i) * all(inverse) + all(shift);
    const Lanes qi = grid(v), ri = v - qi, wq = wi * qi, wr = wi * ri;
    w += wi;
    q += wq;
    qq += wq * qi;
    r += wr;
    qr += wq * ri;
    rr += wr * ri;
  }
  return {sum(w), sum(q), sum(qq), sum(r), sum(qr), sum(rr)};
}

// A scale, and the weighted squared error with the codes it was fitted to.
struct ScaleFit {
  float scale = 0;
  float error = 0;
};

// The least-squares scale for the rounding of x * inverse.
template <int kCount, class Grid>
ScaleFit refit_scale(const float* x, const float* weight, float inverse, const Grid& grid) {
  const Sums s = rounding_sums<kCount>(x, weight, inverse, 0, grid);
  const float change = s.qq > 0 ? s.qr / s.qq : 0;  // of the scale, relative
  const float step = 1 / inverse;
  return {step * (1 + change), step * step * std::max(0.0f, s.rr - change * s.qr)};
}

// Extents to try: `count` of them, evenly from `first` to `last`.
struct Extents {
  float first, last;
  int count;
  float operator[](int i) const { return first + (last - first) * float(i) / float(count - 1); }
};

// Rounding and fitting in turn lowers the error each time and settles fast.
inline constexpr int kRefinementsMax = 4;
inline constexpr float kWorthwhile = 0.9999f;

// The best scale, of either sign: grids reach one step further down than up. `magnitude` is the
// largest |x|, > 0.
template <int kCount, class Grid>
ScaleFit fit_scale(const float* x, const float* weight, float magnitude, const Grid& grid,
                   const Extents& extents) {
  ScaleFit best{0, INFINITY};
  for (int i = 0; i < extents.count; ++i) {
    const float inverse = extents[i] / magnitude;
    for (const float direction : {inverse, -inverse}) {
      const ScaleFit fit = refit_scale<kCount>(x, weight, direction, grid);
      if (fit.error < best.error) best = fit;
    }
  }
  for (int i = 0; i < kRefinementsMax && best.scale != 0; ++i) {
    const ScaleFit fit = refit_scale<kCount>(x, weight, 1 / best.scale, grid);
    const bool stop = fit.error >= best.error * kWorthwhile;
    if (fit.error < best.error) best = fit;
    if (stop) break;
  }
  return best;
}

// The error of a scale as it is, with the nearest codes.
template <int kCount, class Grid>
float scale_error(const float* x, const float* weight, float scale, const Grid& grid) {
  const float inverse = scale == 0 ? 0 : 1 / scale, step = scale == 0 ? 1 : scale;
  Lanes error{};
  for (int i = 0; i < kCount; i += kLanes) {
    const Lanes xi = load(x + i);
    const Lanes miss = scale == 0 ? xi : xi * all(inverse) - grid(xi * all(inverse));
    error += load(weight + i) * miss * miss;
  }
  return sum(error) * step * step;
}

struct AffineFit {
  float scale = 0;
  float offset = 0;
  float error = 0;
};

// The least-squares scale and offset (<= offset_max) for the rounding of (x - offset) * inverse.
template <int kCount>
AffineFit refit_affine(const float* x, const float* weight, float inverse, float offset,
                       float offset_max, const UniformGrid& grid) {
  const Sums s = rounding_sums<kCount>(x, weight, inverse, -offset * inverse, grid);
  const float step = 1 / inverse;
  const float determinant = s.w * s.qq - s.q * s.q;
  float change = determinant > 0 ? (s.w * s.qr - s.q * s.r) / determinant : 0;
  float shift = (s.r - change * s.q) / s.w;
  if (offset + shift * step > offset_max) {
    shift = (offset_max - offset) * inverse;
    change = s.qq > 0 ? (s.qr - shift * s.q) / s.qq : 0;
  }
  const float error = s.rr - 2 * shift * s.r + shift * shift * s.w -
                      change * (2 * s.qr - 2 * shift * s.q - change * s.qq);
  return {step * (1 + change), offset + shift * step, step * step * std::max(0.0f, error)};
}

// The best scale (> 0, or 0 for equal values) and offset, the grid being 0..high.
template <int kCount>
AffineFit fit_affine(const float* x, const float* weight, float high, float offset_max,
                     const Extents& extents) {
  const auto [least, most] = std::minmax_element(x, x + kCount);
  const float low = std::min(*least, offset_max), range = *most - low;
  if (!(range > kValueMin)) return {0, low, 0};
  const UniformGrid grid{0, high};
  AffineFit best{0, low, INFINITY};
  for (int i = 0; i < extents.count; ++i) {
    const float inverse = extents[i] / range;
    // A grid shorter than the range loses at the top, at both ends, or at the bottom.
    for (const float share : {0.0f, 0.5f, 1.0f}) {
      const float offset = std::min(offset_max, low + share * (extents[i] - high) / inverse);
      const AffineFit fit = refit_affine<kCount>(x, weight, inverse, offset, offset_max, grid);
      if (fit.error < best.error) best = fit;
    }
  }
  for (int i = 0; i < kRefinementsMax && best.scale > 0; ++i) {
    const AffineFit fit =
        refit_affine<kCount>(x, weight, 1 / best.scale, best.offset, offset_max, grid);
    const bool stop = fit.error >= best.error * kWorthwhile;
    if (fit.error < best.error) best = fit;
    if (stop) break;
  }
  return best;
}

// The error of a scale and offset as they are, with the nearest codes.
template <int kCount>
float affine_error(const float* x, const float* weight, float scale, float offset,
                   const UniformGrid& grid) {
  const float inverse = scale == 0 ? 0 : 1 / scale;
  Lanes error{};
  for (int i = 0; i < kCount; i += kLanes) {
    const Lanes away = load(x + i) - all(offset);
    const Lanes miss = away - all(scale) * grid(away * all(inverse));
    error += load(weight + i) * miss * miss;
  }
  return sum(error);
}

// The codes of a fit, counted from the grid's low end. A scale of 0 gives the code of zero.
inline void write_codes(const float* x, int count, float scale, float offset,
                        const UniformGrid& grid, uint8_t* codes) {
  const float inverse = scale == 0 ? 0 : 1 / scale;
  for (int i = 0; i < count; i += kLanes) {
    const Lanes q = grid((load(x + i) - all(offset)) * all(inverse)) - all(grid.low);
    for (int lane = 0; lane < kLanes; ++lane) codes[i + lane] = uint8_t(int(q[lane]));
  }
}

// f32_to_f16, but never beyond the largest finite half.
inline uint16_t finite_half(float value) {
  return f32_to_f16(std::clamp(value, -65504.f, 65504.f));
}

// The half nearest to `value` and its finite neighbours of the same sign (itself where there is
// none).
inline std::array<uint16_t, 3> halves_around(float value) {
  const uint16_t middle = finite_half(value);
  const uint16_t magnitude = middle & 0x7fff;
  return {middle, uint16_t(middle - (magnitude > 0)), uint16_t(middle + (magnitude < 0x7bff))};
}

// The half of those around `scale` for which `error(float)` is least. Only next to the smallest
// halves are the neighbours far enough to matter; three calls cost little.
template <class Error>
uint16_t best_half(float scale, const Error& error) {
  uint16_t best = 0;
  float least = INFINITY;
  for (const uint16_t half : halves_around(scale)) {
    const float half_error = error(f16_to_f32(half));
    if (!(half_error < least)) continue;
    least = half_error;
    best = half;
  }
  return best;
}

}  // namespace llmos::quant
