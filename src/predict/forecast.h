// SPDX-License-Identifier: Apache-2.0
// Exponential smoothing, online: level (Ewma), damped trend (Holt), season (HoltWinters).
//
//   Holt holt = *Holt::create({.level_rate = 0.8, .trend_rate = 0.05, .damping = 0.9});
//   holt.observe(demand);
//   Forecast next = holt.forecast(5, 0.95);   // five periods ahead, 95 % prediction interval
//
// Each is the state-space model of its method in error-correction form (Hyndman & Athanasopoulos,
// "Forecasting: Principles and Practice", 3rd ed., ch. 8; Hyndman, Koehler, Ord & Snyder,
// "Forecasting with Exponential Smoothing", 2008, ch. 6): ETS(A,N,N), ETS(A,Ad,N), ETS(A,Ad,A) and
// ETS(M,Ad,M). One-step errors are taken as normal; their variance is a decayed mean of squares.
//
// Cost     observe() is O(1) and allocates nothing; forecast() is O(horizon) for its variance.
// Threads  A value with one writer.
// Failure  create() refuses rates outside their range. observe() answers false and changes nothing
//          for a sample that is not finite (multiplicative season: not positive). A forecast before
//          the first error was seen (two samples) knows no spread: its interval is infinite.
// Missing  observe_missing() lets a period pass: the state moves on as forecast, and the intervals
//          widen as if the horizon had grown, until the next sample.
#pragma once

#include <cstdint>
#include <vector>

#include "llmos/status.h"

namespace llmos::predict {

// A value ahead: mean and standard deviation of the prediction, and the central interval that the
// truth falls into with the coverage asked for.
struct Forecast {
  double mean{};
  double stddev{};
  double lower{};
  double upper{};
};

// The decayed variance of one-step errors.
class ErrorVariance {
 public:
  explicit ErrorVariance(double rate) : rate_(rate) {}
  void observe(double error);
  // Forgets the errors; `mean_square` is the value until the next one.
  void restart(double mean_square) { mean_square_ = mean_square, count_ = 0; }
  double value() const { return mean_square_; }
  int64_t count() const { return count_; }

 private:
  double rate_;
  double mean_square_ = 0;
  int64_t count_ = 0;
};

// Default of every `variance_rate`: a memory of about 100 samples, which holds the relative error
// of the standard deviation near sqrt(rate / 2 / (2 - rate)) = 5 % for normal errors.
inline constexpr double kVarianceRate = 0.01;

struct EwmaOptions {
  double level_rate{0.3};               // alpha, in (0, 1]
  double variance_rate{kVarianceRate};  // in (0, 1]
};

class Ewma {
 public:
  static Result<Ewma> create(EwmaOptions options);
  bool observe(double sample);
  void observe_missing() { ++missing_; }
  Forecast forecast(int horizon, double coverage = 0.95) const;  // horizon >= 1
  double level() const { return level_; }

 private:
  explicit Ewma(EwmaOptions options) : options_(options), variance_(options.variance_rate) {}

  EwmaOptions options_;
  ErrorVariance variance_;
  double level_ = 0;
  int64_t count_ = 0;
  int missing_ = 0;
};

struct HoltOptions {
  double level_rate{0.8};   // alpha, in (0, 1]
  double trend_rate{0.05};  // beta* of the textbook, in [0, 1]; the model's beta is alpha beta*
  double damping{0.9};      // phi, in (0, 1]; 1 is the undamped method
  double variance_rate{kVarianceRate};
};

class Holt {
 public:
  static Result<Holt> create(HoltOptions options);
  bool observe(double sample);
  void observe_missing();
  Forecast forecast(int horizon, double coverage = 0.95) const;
  double level() const { return level_; }
  double trend() const { return trend_; }

 private:
  explicit Holt(HoltOptions options) : options_(options), variance_(options.variance_rate) {}

  HoltOptions options_;
  ErrorVariance variance_;
  double level_ = 0;
  double trend_ = 0;
  int64_t count_ = 0;
  int missing_ = 0;
};

enum class Season : uint8_t { kAdditive, kMultiplicative };

// A season longer than a week of seconds is a mistake of units.
inline constexpr int kSeasonPeriodsMax = 7 * 24 * 3600;

struct HoltWintersOptions {
  int period{};  // samples in a season, 2 to kSeasonPeriodsMax; no default
  Season season{Season::kAdditive};
  double level_rate{0.3};
  double trend_rate{0.05};  // beta*
  double season_rate{0.1};  // gamma of the state-space form, in [0, 1 - alpha]
  double damping{0.98};     // phi
  double variance_rate{kVarianceRate};
};

// The first whole season only measures: level = its mean, season = the deviations from it (a period
// missed there counts as the mean). Until then a forecast is the running mean, with its variance.
class HoltWinters {
 public:
  static Result<HoltWinters> create(HoltWintersOptions options);
  bool observe(double sample);
  void observe_missing();
  Forecast forecast(int horizon, double coverage = 0.95) const;
  double level() const { return level_; }
  double trend() const { return trend_; }
  // The season's term `ahead` periods from the latest one: added or multiplied.
  double season(int ahead) const;

 private:
  explicit HoltWinters(HoltWintersOptions options);
  bool warm() const { return periods_ >= options_.period; }
  void learn(double sample);
  void warm_up(double sample, bool missing);
  void start();
  void advance();
  double variance(int horizon) const;
  double additive_variance(int horizon) const;
  double multiplicative_variance(int horizon) const;

  HoltWintersOptions options_;
  ErrorVariance variance_;
  std::vector<double> season_;  // [period]; the term of period p at p % period
  int64_t periods_ = 0;         // passed, missing ones too
  int64_t count_ = 0;
  int missing_ = 0;
  double level_ = 0;
  double trend_ = 0;
};

}  // namespace llmos::predict
