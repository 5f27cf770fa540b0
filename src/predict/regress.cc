// SPDX-License-Identifier: Apache-2.0
#include "predict/regress.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/text.h"
#include "predict/special.h"

namespace llmos::predict {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// At most kFeaturesMax wide and stored inline: solving allocates nothing.
using Vector = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kFeaturesMax, 1>;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, kFeaturesMax, kFeaturesMax>;

bool acceptable(double value) { return std::abs(value) <= kMagnitudeMax; }

}  // namespace

struct WindowRegression::Solution {
  Vector mean;        // [features], absolute
  Vector scale;       // [features], root of the centred square sums; 0: constant
  Matrix directions;  // eigenvectors of the correlation matrix, [features, features]
  Vector variation;   // their eigenvalues; 0 where dropped
  Vector slopes;      // [features]
  double y_mean;
  double residual_stddev;
  int rank;
  int rows;

  int dof() const { return rows - rank - 1; }
};

Result<WindowRegression> WindowRegression::create(RegressionOptions options) {
  if (options.features < 1 || options.features > kFeaturesMax) {
    return Status(Code::kInvalid, (Text() << "regression: features must be 1 to " << kFeaturesMax
                                          << ", found " << options.features)
                                      .str());
  }
  if (options.window < 2 || options.window > kWindowMax) {
    return Status(Code::kInvalid, (Text() << "regression: window must be 2 to " << kWindowMax
                                          << ", found " << options.window)
                                      .str());
  }
  return WindowRegression(options);
}

WindowRegression::WindowRegression(RegressionOptions options)
    : options_(options), ring_(size_t(options.window) * size_t(options.features + 1)) {}

void WindowRegression::accumulate(Sums& sums, const double* row, double sign) const {
  Row centred;
  for (int i = 0; i < columns(); ++i) centred[size_t(i)] = row[i] - sums.origin[size_t(i)];
  for (int i = 0; i < columns(); ++i) {
    sums.sum[size_t(i)] += sign * centred[size_t(i)];
    for (int j = i; j < columns(); ++j) {
      sums.product[size_t(i * kColumnsMax + j)] += sign * centred[size_t(i)] * centred[size_t(j)];
    }
  }
  sums.rows += sign > 0 ? 1 : -1;
}

bool WindowRegression::observe(std::span<const double> x, double y) {
  LLMOS_DCHECK(int(x.size()) == options_.features);
  if (!acceptable(y) || !std::all_of(x.begin(), x.end(), acceptable)) return false;
  if (primary_.rows == options_.window) accumulate(primary_, stored(seen_), -1);
  double* row = stored(seen_++);
  std::copy(x.begin(), x.end(), row);
  row[options_.features] = y;
  if (seen_ == 1) std::copy_n(row, columns(), primary_.origin.begin());
  if (shadow_.rows == 0) std::copy_n(row, columns(), shadow_.origin.begin());
  accumulate(primary_, row, 1);
  accumulate(shadow_, row, 1);
  if (shadow_.rows == options_.window) {
    primary_ = shadow_;
    shadow_ = {};
  }
  return true;
}

WindowRegression::Solution WindowRegression::solve() const {
  const int d = options_.features;
  const Sums& sums = primary_;
  const double n = sums.rows;
  const auto centred = [&](int i, int j) {  // i <= j
    return sums.product[size_t(i * kColumnsMax + j)] -
           sums.sum[size_t(i)] * sums.sum[size_t(j)] / n;
  };
  Solution s{Vector(d), Vector(d), Matrix(d, d), Vector(d), Vector::Zero(d), 0, kNan, 0, sums.rows};
  for (int i = 0; i < d; ++i) {
    s.mean(i) = sums.origin[size_t(i)] + sums.sum[size_t(i)] / n;
    // A square sum at the rounding level of its own terms is no variation at all.
    const double square = centred(i, i);
    const double floor = sums.product[size_t(i * kColumnsMax + i)] * n * 1e-16;
    s.scale(i) = square > floor ? std::sqrt(square) : 0;
  }
  s.y_mean = sums.origin[size_t(d)] + sums.sum[size_t(d)] / n;

  Matrix correlation = Matrix::Zero(d, d);
  Vector target = Vector::Zero(d);
  for (int i = 0; i < d; ++i) {
    if (s.scale(i) == 0) continue;
    target(i) = centred(i, d) / s.scale(i);
    for (int j = i; j < d; ++j) {
      if (s.scale(j) == 0) continue;
      correlation(i, j) = correlation(j, i) = centred(i, j) / (s.scale(i) * s.scale(j));
    }
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(correlation);
  s.directions = eigen.eigenvectors();
  s.variation = eigen.eigenvalues();
  Vector along = s.directions.transpose() * target;
  double explained = 0;
  for (int i = 0; i < d; ++i) {
    if (s.variation(i) <= kVariationMin * d) {
      s.variation(i) = along(i) = 0;
      continue;
    }
    explained += along(i) * along(i) / s.variation(i);
    along(i) /= s.variation(i);
    ++s.rank;
  }
  const Vector standardised = s.directions * along;
  for (int i = 0; i < d; ++i) s.slopes(i) = s.scale(i) > 0 ? standardised(i) / s.scale(i) : 0;
  if (s.dof() > 0) {
    s.residual_stddev = std::sqrt(std::max(0.0, centred(d, d) - explained) / s.dof());
  }
  return s;
}

std::optional<RegressionFit> WindowRegression::fit() const {
  if (primary_.rows < 2) return std::nullopt;
  const Solution s = solve();
  RegressionFit fit{.residual_stddev = s.residual_stddev, .rank = s.rank, .rows = s.rows};
  fit.intercept = s.y_mean - s.slopes.dot(s.mean);
  std::copy_n(s.slopes.data(), options_.features, fit.slopes.begin());
  return fit;
}

std::optional<Forecast> WindowRegression::predict(std::span<const double> x,
                                                  double coverage) const {
  LLMOS_DCHECK(int(x.size()) == options_.features);
  if (primary_.rows < 2 || !std::all_of(x.begin(), x.end(), acceptable)) return std::nullopt;
  const Solution s = solve();
  Vector moved(options_.features);
  bool known = s.dof() > 0;
  for (int i = 0; i < options_.features; ++i) {
    const double step = x[size_t(i)] - s.mean(i);
    moved(i) = s.scale(i) > 0 ? step / s.scale(i) : 0;
    if (s.scale(i) == 0 && std::abs(step) > 1e-12 * std::abs(s.mean(i))) known = false;
  }
  const Vector along = s.directions.transpose() * moved;
  double leverage = 1.0 / s.rows;
  for (int i = 0; i < options_.features; ++i) {
    if (s.variation(i) > 0) {
      leverage += along(i) * along(i) / s.variation(i);
    } else if (along(i) * along(i) > kVariationMin * (1 + moved.squaredNorm())) {
      known = false;
    }
  }
  double mean = s.y_mean;
  for (int i = 0; i < options_.features; ++i) mean += s.slopes(i) * (x[size_t(i)] - s.mean(i));
  if (!known) return Forecast{mean, kInf, -kInf, kInf};
  const double stddev = s.residual_stddev * std::sqrt(1 + leverage);
  const double half = stddev > 0 ? student_t_quantile(0.5 + coverage / 2, s.dof()) * stddev : 0;
  return Forecast{mean, stddev, mean - half, mean + half};
}

}  // namespace llmos::predict
