// SPDX-License-Identifier: Apache-2.0
#include "predict/forecast.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/text.h"
#include "predict/special.h"

namespace llmos::predict {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Status check_range(const char* name, double value, double low, double high, bool low_open) {
  if (value <= high && (low_open ? value > low : value >= low)) return {};
  return Status(Code::kInvalid,
                (Text() << "forecast: " << name << " must lie in " << (low_open ? '(' : '[') << low
                        << ", " << high << "], found " << value)
                    .str());
}

Status first_error(std::initializer_list<Status> checks) {
  for (const Status& check : checks) {
    if (!check.ok()) return check;
  }
  return {};
}

Forecast interval(double mean, double variance, double coverage, int64_t errors) {
  if (errors == 0) return {mean, kInf, -kInf, kInf};
  const double stddev = std::sqrt(variance);
  const double half = stddev > 0 ? normal_quantile(0.5 + coverage / 2) * stddev : 0;
  return {mean, stddev, mean - half, mean + half};
}

// damping + damping^2 + ... + damping^steps: how much of today's trend is added in `steps` steps.
double trend_sum(double damping, int steps) {
  if (damping == 1) return steps;
  return damping * (1 - std::pow(damping, steps)) / (1 - damping);
}

}  // namespace

void ErrorVariance::observe(double error) {
  ++count_;
  mean_square_ += std::max(rate_, 1.0 / double(count_)) * (error * error - mean_square_);
}

Result<Ewma> Ewma::create(EwmaOptions options) {
  Status bad = first_error({check_range("level_rate", options.level_rate, 0, 1, true),
                            check_range("variance_rate", options.variance_rate, 0, 1, true)});
  if (!bad.ok()) return bad;
  return Ewma(options);
}

bool Ewma::observe(double sample) {
  if (!std::isfinite(sample)) return false;
  if (count_++ == 0) level_ = sample;
  const double error = sample - level_;
  if (count_ > 1) variance_.observe(error);
  level_ += options_.level_rate * error;
  missing_ = 0;
  return true;
}

Forecast Ewma::forecast(int horizon, double coverage) const {
  LLMOS_DCHECK(horizon >= 1);
  const double a = options_.level_rate;
  const double growth = 1 + a * a * (horizon + missing_ - 1);  // ETS(A,N,N)
  return interval(level_, variance_.value() * growth, coverage, variance_.count());
}

Result<Holt> Holt::create(HoltOptions options) {
  Status bad = first_error({check_range("level_rate", options.level_rate, 0, 1, true),
                            check_range("trend_rate", options.trend_rate, 0, 1, false),
                            check_range("damping", options.damping, 0, 1, true),
                            check_range("variance_rate", options.variance_rate, 0, 1, true)});
  if (!bad.ok()) return bad;
  return Holt(options);
}

bool Holt::observe(double sample) {
  if (!std::isfinite(sample)) return false;
  if (count_++ == 0) {
    level_ = sample;
    missing_ = 0;
    return true;
  }
  const double ahead = options_.damping * trend_;
  const double error = sample - (level_ + ahead);
  variance_.observe(error);
  level_ += ahead + options_.level_rate * error;
  trend_ = ahead + options_.level_rate * options_.trend_rate * error;
  missing_ = 0;
  return true;
}

void Holt::observe_missing() {
  trend_ *= options_.damping;
  level_ += trend_;
  ++missing_;
}

Forecast Holt::forecast(int horizon, double coverage) const {
  LLMOS_DCHECK(horizon >= 1);
  const double a = options_.level_rate, b = a * options_.trend_rate;
  double growth = 1, damped = 1, sum = 0;  // ETS(A,Ad,N): 1 + sum of (a + b phi_j)^2
  for (int j = 1; j < horizon + missing_; ++j) {
    sum += damped *= options_.damping;
    growth += (a + b * sum) * (a + b * sum);
  }
  const double mean = level_ + trend_sum(options_.damping, horizon) * trend_;
  return interval(mean, variance_.value() * growth, coverage, variance_.count());
}

Result<HoltWinters> HoltWinters::create(HoltWintersOptions options) {
  Status bad = first_error(
      {check_range("period", options.period, 2, kSeasonPeriodsMax, false),
       check_range("level_rate", options.level_rate, 0, 1, true),
       check_range("trend_rate", options.trend_rate, 0, 1, false),
       check_range("season_rate", options.season_rate, 0, 1 - options.level_rate, false),
       check_range("damping", options.damping, 0, 1, true),
       check_range("variance_rate", options.variance_rate, 0, 1, true)});
  if (!bad.ok()) return bad;
  return HoltWinters(options);
}

HoltWinters::HoltWinters(HoltWintersOptions options)
    : options_(options), variance_(options.variance_rate), season_(size_t(options.period)) {}

bool HoltWinters::observe(double sample) {
  if (!std::isfinite(sample)) return false;
  if (options_.season == Season::kMultiplicative && sample <= 0) return false;
  ++count_;
  if (warm()) {
    learn(sample);
  } else {
    warm_up(sample, false);
  }
  missing_ = 0;
  return true;
}

void HoltWinters::observe_missing() {
  ++missing_;
  if (warm()) {
    advance();
    ++periods_;
  } else {
    warm_up(level_, true);
  }
}

// One season is collected raw; level_ is the running mean of what was seen.
void HoltWinters::warm_up(double sample, bool missing) {
  if (!missing) {
    if (count_ > 1) variance_.observe(sample - level_);
    level_ += (sample - level_) / double(count_);
  }
  season_[size_t(periods_)] = missing ? std::numeric_limits<double>::quiet_NaN() : sample;
  if (++periods_ == options_.period) start();
}

void HoltWinters::start() {
  const bool additive = options_.season == Season::kAdditive;
  for (double& term : season_) {
    if (std::isnan(term)) term = level_;
    term = additive ? term - level_ : (level_ > 0 ? term / level_ : 1);
  }
  // From here on errors are the model's own: absolute or, with a multiplicative season, relative.
  // The spread within the season stands in for it until the first.
  variance_.restart(additive || level_ <= 0 ? variance_.value()
                                            : variance_.value() / (level_ * level_));
}

void HoltWinters::advance() {
  trend_ *= options_.damping;
  level_ += trend_;
}

void HoltWinters::learn(double sample) {
  double& term = season_[size_t(periods_ % options_.period)];
  const double a = options_.level_rate, b = a * options_.trend_rate;
  advance();
  if (options_.season == Season::kAdditive) {
    const double error = sample - (level_ + term);
    variance_.observe(error);
    level_ += a * error;
    trend_ += b * error;
    term += options_.season_rate * error;
  } else {
    // A falling trend can carry the level to zero, where a relative error has no meaning.
    if (!(level_ * term > 0)) level_ = sample / term, trend_ = 0;
    const double base = level_;
    const double error = sample / (base * term) - 1;
    variance_.observe(error);
    level_ += a * base * error;
    trend_ += b * base * error;
    term *= 1 + options_.season_rate * error;
  }
  ++periods_;
}

double HoltWinters::season(int ahead) const {
  if (!warm()) return options_.season == Season::kAdditive ? 0 : 1;
  return season_[size_t((periods_ + ahead - 1) % options_.period)];
}

Forecast HoltWinters::forecast(int horizon, double coverage) const {
  LLMOS_DCHECK(horizon >= 1);
  if (!warm()) return interval(level_, variance_.value(), coverage, count_ - (count_ > 0));
  const double base = level_ + trend_sum(options_.damping, horizon) * trend_;
  const double term = season(horizon);
  const double mean = options_.season == Season::kAdditive ? base + term : base * term;
  return interval(mean, variance(horizon), coverage, count_ - (count_ > 0));
}

double HoltWinters::variance(int horizon) const {
  return options_.season == Season::kAdditive ? additive_variance(horizon + missing_)
                                              : multiplicative_variance(horizon);
}

// ETS(A,Ad,A): sigma^2 (1 + sum of c_j^2), c_j = a + b phi_j + gamma [j is a whole season].
double HoltWinters::additive_variance(int horizon) const {
  const double a = options_.level_rate, b = a * options_.trend_rate;
  double growth = 1, damped = 1, sum = 0;
  for (int j = 1; j < horizon; ++j) {
    sum += damped *= options_.damping;
    const double c = a + b * sum + (j % options_.period == 0 ? options_.season_rate : 0);
    growth += c * c;
  }
  return variance_.value() * growth;
}

// ETS(M,Ad,M), Hyndman et al. 2008, 6.3: with mu_h the mean without season and
// theta_h = mu_h^2 + sigma^2 sum of c_j^2 theta_(h-j), the variance within a season is
// s^2 (theta_h (1 + sigma^2) - mu_h^2). theta is carried along in one pass, exact but for terms of
// order sigma^4. An error a whole season back also moved the season's term: c_j grows by gamma
// there, as in the additive model (the textbook's factor (1 + gamma^2 sigma^2) leaves out that both
// moves come from one error).
double HoltWinters::multiplicative_variance(int horizon) const {
  const double a = options_.level_rate, b = a * options_.trend_rate;
  const double sigma2 = variance_.value();
  const int steps = horizon + missing_;
  const double mean = level_ + trend_sum(options_.damping, horizon) * trend_;
  double damped = 1, sum = 0, spread = 0;
  for (int j = 1; j < steps; ++j) {
    sum += damped *= options_.damping;
    const double c = a + b * sum + (j % options_.period == 0 ? options_.season_rate : 0);
    const double mu = level_ + trend_sum(options_.damping, std::max(1, horizon - j)) * trend_;
    spread += c * c * (mu * mu + sigma2 * spread);
  }
  const double theta = mean * mean + sigma2 * spread;
  const double term = season(horizon);
  return std::max(0.0, term * term * (theta * (1 + sigma2) - mean * mean));
}

}  // namespace llmos::predict
