// SPDX-License-Identifier: Apache-2.0
#include "predict/special.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace llmos::predict {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Beyond this many degrees of freedom t and normal quantiles agree to about 1e-9 relative.
constexpr double kDofNormal = 1e9;
// Lentz's continued fraction needs O(sqrt(max(a, b))) terms: 1000 serve a, b up to 1e5.
constexpr int kFractionTermsMax = 1000;
// A handful in practice; the bracket alone needs this many to go from any start to full precision.
constexpr int kNewtonStepsMax = 1200;

double normal_density(double z) { return std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi); }

// Upper-tail start value, |error| < 4.5e-4 (Abramowitz & Stegun 26.2.23); p in (0, 0.5].
double normal_tail_start(double p) {
  const double t = std::sqrt(-2 * std::log(p));
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                 (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

// The continued fraction of I_x(a, b) (DLMF 8.17.22), by the modified Lentz method.
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto guarded = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / guarded(1 - (a + b) * x / (a + 1));
  double h = d;
  for (int m = 1; m <= kFractionTermsMax; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / guarded(1 + even * d);
    c = guarded(1 + even / c);
    h *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / guarded(1 + odd * d);
    c = guarded(1 + odd / c);
    h *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return h;
}

// P(T > t) for t >= 0.
double student_t_tail(double t, double dof) {
  return 0.5 * incomplete_beta(dof / 2, 0.5, dof / (dof + t * t));
}

double student_t_density(double t, double dof) {
  const double log_norm =
      std::lgamma((dof + 1) / 2) - std::lgamma(dof / 2) - 0.5 * std::log(dof * std::numbers::pi);
  return std::exp(log_norm - 0.5 * (dof + 1) * std::log1p(t * t / dof));
}

// First terms of the expansion around the normal quantile (Abramowitz & Stegun 26.7.5), which is
// poor below a few degrees of freedom, where the tail's own power law serves better.
double student_t_start(double tail, double dof) {
  const double z = -normal_quantile(tail);
  if (dof < 3) return std::max(z, std::pow(tail, -1 / dof));
  return z + (z * z + 1) * z / (4 * dof);
}

}  // namespace

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double normal_quantile(double p) {
  if (!(p >= 0 && p <= 1)) return kNan;
  if (p == 0) return -kInf;
  if (p == 1) return kInf;
  if (p > 0.5) return -normal_quantile(1 - p);
  double z = normal_tail_start(p);  // solved for the upper tail, where erfc keeps full precision
  for (int step = 0; step < 2; ++step) {
    const double e = (0.5 * std::erfc(z / std::numbers::sqrt2) - p) / normal_density(z);
    z += e / (1 - 0.5 * e * z);  // Halley: cubic, 4.5e-4 -> 1e-10 -> rounding
  }
  return -z;
}

double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const double log_front =
      std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  return std::exp(log_front) / a * beta_fraction(a, b, x);
}

double student_t_quantile(double p, double dof) {
  if (!(p >= 0 && p <= 1) || !(dof > 0)) return kNan;
  if (p == 0) return -kInf;
  if (p == 1) return kInf;
  if (p == 0.5) return 0;
  if (dof > kDofNormal) return normal_quantile(p);
  const double tail = p < 0.5 ? p : 1 - p;
  double low = 0, high = kInf, t = student_t_start(tail, dof);
  // Newton, kept inside the bracket that every evaluation narrows.
  for (int step = 0; step < kNewtonStepsMax; ++step) {
    const double miss = student_t_tail(t, dof) - tail;
    (miss > 0 ? low : high) = t;
    double next = t + miss / student_t_density(t, dof);
    if (!(next > low && next < high)) next = std::isinf(high) ? 2 * t : 0.5 * (low + high);
    const double moved = std::abs(next - t);
    t = next;
    if (moved <= 1e-14 * t) break;
  }
  return p < 0.5 ? -t : t;
}

}  // namespace llmos::predict
