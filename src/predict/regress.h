// SPDX-License-Identifier: Apache-2.0
// Least squares over the latest `window` samples: y = intercept + slopes . x, with intervals.
//
//   WindowRegression fit = *WindowRegression::create({.features = 1, .window = 120});
//   fit.observe(std::array{time}, bytes);
//   std::optional<Forecast> later = fit.predict(std::array{time + 5}, 0.95);
//
// observe() adds the new row to running sums of products and takes the oldest out: O(features^2),
// no allocation, no rare slow step. Rounding cannot pile up: a second set of sums only ever adds,
// starts anew every `window` samples with the newest row as its origin, and then takes over. So no
// sum has seen more than `window` subtractions, and sums of values with a huge common offset are
// sums of their differences (an offset costs precision only as far as it drifts in two windows).
//
// predict() solves the d x d normal equations of the standardised features through their
// eigenvectors. Directions that did not vary in the window (constant or collinear features: below
// kVariationMin of the total) get slope 0; a prediction that moves along such a direction has an
// infinite interval, because the window says nothing about it. The interval is Student's t with
// rows - rank - 1 degrees of freedom (Hyndman & Athanasopoulos, "Forecasting: Principles and
// Practice", 3rd ed., sec. 7.9).
//
// Threads  A value with one writer.
// Failure  create() refuses sizes outside their bounds. observe() answers false and changes nothing
//          when a number is not finite or larger than kMagnitudeMax. predict() is nullopt while
//          there are fewer than two rows, or for an x that is not finite.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "llmos/status.h"
#include "predict/forecast.h"

namespace llmos::predict {

inline constexpr int kFeaturesMax = 8;
inline constexpr int kWindowMax = 1 << 20;
// Squares of differences, summed over the longest window, stay finite.
inline constexpr double kMagnitudeMax = 1e140;
// Share of the total (standardised) variation below which a direction counts as constant. Products
// are summed with relative error near 1e-16 * window, so this leaves room up to kWindowMax.
inline constexpr double kVariationMin = 1e-9;

struct RegressionOptions {
  int features{1};  // 1 to kFeaturesMax
  int window{64};   // rows kept, 2 to kWindowMax
};

struct RegressionFit {
  double intercept{};
  std::array<double, kFeaturesMax> slopes{};  // the first `features` are set
  double residual_stddev{};                   // NaN without degrees of freedom
  int rank{};
  int rows{};
};

class WindowRegression {
 public:
  static Result<WindowRegression> create(RegressionOptions options);

  bool observe(std::span<const double> x, double y);  // x.size() == features
  std::optional<Forecast> predict(std::span<const double> x, double coverage = 0.95) const;
  std::optional<RegressionFit> fit() const;
  int rows() const { return primary_.rows; }

 private:
  static constexpr int kColumnsMax = kFeaturesMax + 1;  // the features, then y
  using Row = std::array<double, kColumnsMax>;

  // Sums of rows minus `origin`, and of their pairwise products.
  struct Sums {
    Row origin{};
    Row sum{};
    std::array<double, kColumnsMax * kColumnsMax> product{};  // upper triangle, [row][column]
    int rows = 0;
  };
  struct Solution;

  explicit WindowRegression(RegressionOptions options);
  int columns() const { return options_.features + 1; }
  double* stored(int64_t row) { return &ring_[size_t(row % options_.window * columns())]; }
  void accumulate(Sums& sums, const double* row, double sign) const;
  Solution solve() const;

  RegressionOptions options_;
  std::vector<double> ring_;  // [window][features + 1]
  Sums primary_;
  Sums shadow_;
  int64_t seen_ = 0;
};

}  // namespace llmos::predict
