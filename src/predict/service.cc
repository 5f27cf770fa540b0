// SPDX-License-Identifier: Apache-2.0
#include "predict/service.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/text.h"
#include "predict/special.h"

namespace llmos::predict {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
// Panel edges grow by at most this factor: with 8-point Gauss-Legendre on each the quadrature error
// is far below the 1e-6 that mg1.h states.
constexpr double kPanelGrowth = 1.1;
// In a bin that starts at zero, panels shrink towards it down to this share of the bin.
constexpr double kPanelFirst = 1e-6;
constexpr int kHistogramBinsMax = 1 << 16;

bool positive(double x) { return x > 0 && std::isfinite(x); }

Status invalid(const Text& text) { return Status(Code::kInvalid, text.str()); }

// Integral of t^(k-1) dt over [low, high].
double power_integral(int k, double low, double high) {
  return (std::pow(high, k) - std::pow(low, k)) / k;
}

}  // namespace

Result<ServiceDistribution> ServiceDistribution::exponential(double mean) {
  if (!positive(mean) || !positive(mean * mean)) {
    return invalid(Text() << "service: exponential needs a mean > 0, found " << mean);
  }
  ServiceDistribution d(Kind::kExponential);
  d.a_ = mean;
  d.finish();
  d.add_panels(mean * 1e-12, mean * 32);  // exp(-32) = 1e-14
  return d;
}

Result<ServiceDistribution> ServiceDistribution::log_normal(double mean, double cv) {
  if (!positive(mean) || !positive(cv) || !positive(mean * mean * (1 + cv * cv))) {
    return invalid(Text() << "service: log-normal needs mean > 0 and cv > 0, found " << mean
                          << " and " << cv);
  }
  ServiceDistribution d(Kind::kLogNormal);
  const double variance = std::log1p(cv * cv);
  d.b_ = std::sqrt(variance);
  d.a_ = std::log(mean) - variance / 2;
  d.finish();
  const double z = 7.5;  // P(|Z| > 7.5) = 6e-14; the mean's own mass lies sigma further up
  d.add_panels(std::exp(d.a_ - z * d.b_), std::exp(d.a_ + (z + d.b_) * d.b_));
  return d;
}

Result<ServiceDistribution> ServiceDistribution::bounded_pareto(double shape, double low,
                                                                double high) {
  if (!positive(shape) || !positive(low) || !positive(high * high) || !(low < high)) {
    return invalid(Text() << "service: bounded Pareto needs shape > 0 and 0 < low < high, found "
                          << shape << ", " << low << ", " << high);
  }
  ServiceDistribution d(Kind::kBoundedPareto);
  d.a_ = shape;
  d.b_ = low;
  d.c_ = high;
  d.finish();
  d.add_panels(low, high);
  return d;
}

Result<ServiceDistribution> ServiceDistribution::deterministic(double size) {
  if (!positive(size) || !positive(size * size)) {
    return invalid(Text() << "service: a deterministic size must be > 0, found " << size);
  }
  ServiceDistribution d(Kind::kDeterministic);
  d.a_ = size;
  d.finish();
  return d;
}

Result<ServiceDistribution> ServiceDistribution::histogram(std::span<const double> edges,
                                                           std::span<const double> weights) {
  if (weights.empty() || weights.size() > kHistogramBinsMax || edges.size() != weights.size() + 1) {
    return invalid(Text() << "service: a histogram needs 1 to " << kHistogramBinsMax
                          << " weights and one edge more, found " << weights.size() << " and "
                          << edges.size());
  }
  double total = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(edges[i] >= 0) || !(edges[i] < edges[i + 1]) || !(weights[i] >= 0)) {
      return invalid(Text() << "service: histogram bin " << i << " needs 0 <= low < high and a "
                            << "weight >= 0, found " << edges[i] << ", " << edges[i + 1] << ", "
                            << weights[i]);
    }
    total += weights[i];
  }
  if (!positive(total) || !positive(edges.back() * edges.back())) {
    return invalid(Text() << "service: histogram weights must have a finite sum > 0 and edges a "
                          << "finite square, found " << total << " and " << edges.back());
  }
  ServiceDistribution d(Kind::kHistogram);
  d.edges_.assign(edges.begin(), edges.end());
  double below[3] = {0, 0, 0};
  for (size_t i = 0; i < weights.size(); ++i) {
    const double density = weights[i] / total / (edges[i + 1] - edges[i]);
    d.density_.push_back(density);
    d.below_.insert(d.below_.end(), below, below + 3);
    for (int k = 0; k < 3; ++k) below[k] += density * power_integral(k + 1, edges[i], edges[i + 1]);
    d.add_panels(std::max(edges[i], edges[i + 1] * kPanelFirst), edges[i + 1]);
  }
  // The sliver below the first panel has kPanelFirst of its bin's mass: one panel of its own.
  if (edges[0] == 0) d.panels_.insert(d.panels_.begin(), 0);
  d.below_.insert(d.below_.end(), below, below + 3);
  d.finish();
  return d;
}

void ServiceDistribution::finish() {
  for (int k = 1; k <= 2; ++k) moment_[k] = partial_moment(k, kInf);
}

void ServiceDistribution::add_panels(double low, double high) {
  if (panels_.empty()) panels_.push_back(low);
  const int count = std::max(1, int(std::ceil(std::log(high / low) / std::log(kPanelGrowth))));
  for (int i = 1; i < count; ++i) panels_.push_back(low * std::pow(high / low, double(i) / count));
  panels_.push_back(high);
}

double ServiceDistribution::cv() const {
  return std::sqrt(std::max(0.0, moment_[2] / (moment_[1] * moment_[1]) - 1));
}

double ServiceDistribution::inverse_mean() const {
  switch (kind_) {
    case Kind::kExponential:
      return kInf;
    case Kind::kLogNormal:
      return std::exp(-a_ + b_ * b_ / 2);
    case Kind::kBoundedPareto:  // the partial moment of order -1
      return a_ / (a_ + 1) / b_ * (1 - std::pow(b_ / c_, a_ + 1)) / (1 - std::pow(b_ / c_, a_));
    case Kind::kDeterministic:
      return 1 / a_;
    case Kind::kHistogram:
      break;
  }
  double sum = 0;
  for (size_t i = 0; i < density_.size(); ++i) {
    if (density_[i] > 0) sum += density_[i] * std::log(edges_[i + 1] / edges_[i]);  // inf from 0
  }
  return sum;
}

double ServiceDistribution::pdf(double x) const {
  if (!(x >= 0)) return 0;
  switch (kind_) {
    case Kind::kExponential:
      return std::exp(-x / a_) / a_;
    case Kind::kLogNormal: {
      if (x == 0) return 0;
      const double z = (std::log(x) - a_) / b_;
      return std::exp(-0.5 * z * z) / (x * b_ * std::sqrt(2 * std::numbers::pi));
    }
    case Kind::kBoundedPareto:
      if (x < b_ || x > c_) return 0;
      return a_ / x * std::pow(b_ / x, a_) / (1 - std::pow(b_ / c_, a_));
    case Kind::kDeterministic:
      return 0;
    case Kind::kHistogram:
      break;
  }
  const auto above = std::upper_bound(edges_.begin(), edges_.end(), x);
  if (above == edges_.begin() || above == edges_.end()) return 0;
  return density_[size_t(above - edges_.begin()) - 1];
}

double ServiceDistribution::partial_moment(int k, double x) const {
  if (!(x >= 0)) return 0;
  switch (kind_) {
    case Kind::kExponential:
      return exponential_moment(k, x);
    case Kind::kLogNormal:
      return log_normal_moment(k, x);
    case Kind::kBoundedPareto:
      return pareto_moment(k, x);
    case Kind::kDeterministic:
      return x >= a_ ? std::pow(a_, k) : 0;
    case Kind::kHistogram:
      break;
  }
  return histogram_moment(k, x);
}

double ServiceDistribution::partial_moment_below(int k, double x) const {
  if (kind_ == Kind::kDeterministic && x == a_) return 0;
  return partial_moment(k, x);
}

double ServiceDistribution::exponential_moment(int k, double x) const {
  const double y = x / a_;
  const double lost = y < 700 ? std::exp(-y) : 0;
  if (lost == 0) return k == 2 ? 2 * a_ * a_ : std::pow(a_, k);
  if (k == 0) return -std::expm1(-y);
  if (k == 1) return a_ * (-std::expm1(-y) - y * lost);
  return a_ * a_ * (-2 * std::expm1(-y) - (y * y + 2 * y) * lost);
}

// E[S^k; S <= x] = exp(k mu + k^2 sigma^2 / 2) Phi((ln x - mu) / sigma - k sigma).
double ServiceDistribution::log_normal_moment(int k, double x) const {
  if (x == 0) return 0;
  const double whole = std::exp(k * a_ + 0.5 * k * k * b_ * b_);
  return whole * normal_cdf((std::log(x) - a_) / b_ - k * b_);
}

double ServiceDistribution::pareto_moment(int k, double x) const {
  if (x <= b_) return 0;
  const double top = std::min(x, c_);
  const double norm = a_ / (1 - std::pow(b_ / c_, a_));
  const double power = k - a_;
  const double log_span = std::log(top / b_);
  // (top^p - low^p) / p through expm1: exact for p -> 0 (the logarithm).
  const double integral = power == 0 ? log_span : std::expm1(power * log_span) / power;
  return norm * std::pow(b_, k) * integral;
}

double ServiceDistribution::histogram_moment(int k, double x) const {
  if (x >= edges_.back()) return below_[3 * density_.size() + size_t(k)];
  const auto above = std::upper_bound(edges_.begin(), edges_.end(), x);
  if (above == edges_.begin()) return 0;
  const size_t bin = size_t(above - edges_.begin()) - 1;
  return below_[3 * bin + size_t(k)] + density_[bin] * power_integral(k + 1, edges_[bin], x);
}

}  // namespace llmos::predict
