// SPDX-License-Identifier: Apache-2.0
// ServiceDistribution: how large jobs are. Its partial moments are closed forms, so that the M/G/1
// formulas of mg1.h need only one numeric integral (SRPT: two).
//
// Failure  The makers refuse parameters that are not finite and positive, or whose second moment is
//          not finite, as kInvalid.
// Threads  Immutable after creation: any.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llmos/status.h"

namespace llmos::predict {

class ServiceDistribution {
 public:
  static Result<ServiceDistribution> exponential(double mean);
  // By mean and coefficient of variation (stddev / mean).
  static Result<ServiceDistribution> log_normal(double mean, double cv);
  // Density proportional to x^(-shape - 1) on [low, high].
  static Result<ServiceDistribution> bounded_pareto(double shape, double low, double high);
  static Result<ServiceDistribution> deterministic(double size);
  // Bin i covers edges[i] to edges[i + 1], uniform within, with weight weights[i] >= 0. Edges rise
  // from >= 0; there is one more of them than of weights; some weight is positive.
  static Result<ServiceDistribution> histogram(std::span<const double> edges,
                                               std::span<const double> weights);

  double mean() const { return moment_[1]; }
  double second_moment() const { return moment_[2]; }
  double cv() const;
  // E[1/S]; infinite for a density that does not vanish at 0.
  double inverse_mean() const;

  double pdf(double x) const;                                  // 0 for the deterministic one
  double cdf(double x) const { return partial_moment(0, x); }  // P(S <= x)
  // Integral of t^k dF(t) over [0, x], k = 0, 1, 2.
  double partial_moment(int k, double x) const;
  // The same over [0, x): differs where x carries an atom (the deterministic one).
  double partial_moment_below(int k, double x) const;

  bool is_atom() const { return kind_ == Kind::kDeterministic; }
  // Edges of panels in which the density is smooth and spans at most a factor of about 1.1 in x;
  // outside of them lies less than kTailShare of the mass and of the mean. Empty for an atom.
  const std::vector<double>& panels() const { return panels_; }

  static constexpr double kTailShare = 1e-11;

 private:
  enum class Kind : uint8_t {
    kExponential,
    kLogNormal,
    kBoundedPareto,
    kDeterministic,
    kHistogram
  };

  explicit ServiceDistribution(Kind kind) : kind_(kind) {}
  void finish();
  double exponential_moment(int k, double x) const;
  double log_normal_moment(int k, double x) const;
  double pareto_moment(int k, double x) const;
  double histogram_moment(int k, double x) const;
  void add_panels(double low, double high);

  Kind kind_;
  double a_ = 0;  // mean | mu | shape | size
  double b_ = 0;  // - | sigma | low | -
  double c_ = 0;  // - | - | high | -
  double moment_[3] = {1, 0, 0};
  std::vector<double> edges_;    // histogram
  std::vector<double> density_;  // histogram, per bin
  std::vector<double> below_;    // histogram, [bin][k]: partial moments up to the bin's low edge
  std::vector<double> panels_;
};

}  // namespace llmos::predict
