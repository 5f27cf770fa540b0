// SPDX-License-Identifier: Apache-2.0
#include "predict/reserve.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace llmos::predict {
namespace {

// A memory of 200 periods: slow, see the header, yet far shorter than a day of seconds.
constexpr double kScaleRate = 0.005;
// 100 periods: several lifetimes of a request (8 s in the chat trace), so that what differs from
// the mean is due to return, and short against a day.
constexpr double kMeanRate = 0.01;
// 330 periods: the slope needs more samples than the mean that it is measured from.
constexpr double kReversionRate = 0.003;
// Start-up of the rates above: rate = max(rate, 2 / (n + 1)), which weighs the n-th sample by n. A
// plain mean (1 / n) would remember the filling of an empty system for as long as the rate allows.
constexpr double kStartWeight = 2;
// The tail beyond the 90 % quantile: a tenth of all samples tell of it.
constexpr double kTailShare = 0.10;
// The threshold moves by kThresholdStep * (1 - tail share) up or * tail share down, in residuals of
// order 1: its standard error is then near sqrt(step * 0.1 * 0.9 / 2 / density 0.15) = 0.1; three
// times faster for the first kFastPeriods after the warm-up.
constexpr double kThresholdStep = 0.03;
constexpr int64_t kFastPeriods = 100;
// 50 exceedances, which come every tenth period: 500 periods.
constexpr double kExcessRate = 0.02;
// Before data: a half-normal-like tail (quantile .9 and mean excess of errors in units of their
// mean absolute value: 1.6 and .57 for the normal; skewed and peaked demand has 1.0 and .8).
constexpr double kThresholdStart = 1.0;
constexpr double kExcessStart = 0.8;
constexpr double kExcessMin = 0.05;
constexpr double kExcessStartCount = 10;  // the start value counts as ten exceedances
// One residual cannot teach more than this: a first burst from idle may be thousands of scales.
constexpr double kResidualMax = 50;
// With no error seen yet, the scale is taken as this share of demand: reserve about 2 x demand.
constexpr double kScaleUnknown = 0.3;
constexpr int64_t kWarmupPeriods = 32;
// log(share) moves by this per short period. At 1 % the loop's time constant is
// 1 / (kFeedback * short_share) = 500 periods, as slow as the tail it corrects.
constexpr double kFeedback = 0.2;
// The loop rests with this many shorts still unspent: about two standard deviations of the count in
// one time constant (sqrt(500 * 0.01) = 2.2), so the share is held by nearly every prefix of a run.
constexpr double kCreditKept = 5;
// Anti-windup: |log(share / short_share)| never exceeds these, and credit is clipped with it.
constexpr double kTightenMax = 3.0;
constexpr double kEaseMax = 1.2;

double start_rate(double rate, int64_t count) {
  return std::max(rate, kStartWeight / (double(count) + kStartWeight - 1));
}

}  // namespace

Result<ReserveForecast> ReserveForecast::create(ReserveOptions options) {
  if (!(options.short_share >= 0.0001 && options.short_share <= 0.25)) {
    return Status(
        Code::kInvalid,
        (Text() << "reserve: short_share must lie in [0.0001, 0.25], found " << options.short_share)
            .str());
  }
  if (options.horizon < 1 || options.horizon > kReserveHorizonMax) {
    return Status(Code::kInvalid, (Text() << "reserve: horizon must be 1 to " << kReserveHorizonMax
                                          << " periods, found " << options.horizon)
                                      .str());
  }
  if (options.factor && !std::isfinite(*options.factor)) {
    return Status(Code::kInvalid, "reserve: factor must be finite, or unset to have it learned");
  }
  return ReserveForecast(options);
}

ReserveForecast::ReserveForecast(ReserveOptions options)
    : options_(options),
      tail_share_(std::clamp(3 * options.short_share, kTailShare, 0.5)),
      log_tail_(std::log(tail_share_ / options.short_share)),
      feedback_(kFeedback / std::sqrt(options.horizon)),
      credit_kept_(kCreditKept * std::sqrt(options.horizon)),
      warmup_(std::max<int64_t>(kWarmupPeriods, 4 * options.horizon)),
      threshold_(kThresholdStart),
      excess_(kExcessStart) {}

bool ReserveForecast::observe(double demand) {
  if (!(demand >= 0) || !std::isfinite(demand)) return false;
  if (slot().valid) judge(slot(), demand);
  ++samples_;
  mean_ += start_rate(kMeanRate, samples_) * (demand - mean_);
  decide(demand);
  slot() = latest_;
  ++periods_;
  return true;
}

void ReserveForecast::observe_missing() {
  latest_.sampled = false;
  slot() = latest_;
  ++periods_;
}

void ReserveForecast::judge(const Pending& decision, double demand) {
  const double error = demand - decision.forecast;
  ++judged_;
  const bool is_short = demand > decision.reserve;
  short_ += is_short;
  if (judged_ > warmup_) {
    if (decision.scale > 0) learn_tail(std::min(error / decision.scale, kResidualMax));
    settle(is_short);
  }
  scale_ += start_rate(kScaleRate, judged_) * (std::abs(error) - scale_);
  doubt_ *= 1 - kReversionRate;
  if (!decision.sampled) return;
  const double deviation = decision.deviation;
  spread_ += kReversionRate * (deviation * deviation - spread_);
  returned_ += kReversionRate * ((decision.demand - demand) * deviation - returned_);
}

void ReserveForecast::learn_tail(double residual) {
  const double step = kThresholdStep * (judged_ < warmup_ + kFastPeriods ? 3 : 1);
  if (residual <= threshold_) {
    threshold_ -= step * tail_share_;
    return;
  }
  const double count = kExcessStartCount + double(judged_) * tail_share_;
  excess_ += std::max(kExcessRate, 1 / count) * (residual - threshold_ - excess_);
  excess_ = std::max(excess_, kExcessMin);
  threshold_ += step * (1 - tail_share_);
}

void ReserveForecast::settle(bool is_short) {
  credit_ += options_.short_share - is_short;
  credit_ = std::clamp(credit_, credit_kept_ - kTightenMax / feedback_,
                       credit_kept_ + kEaseMax / feedback_);
}

double ReserveForecast::share_aimed() const {
  return options_.short_share * std::exp(feedback_ * (credit_ - credit_kept_));
}

double ReserveForecast::factor() const {
  if (options_.factor) return *options_.factor;
  // ln(tail share / share_aimed()), with both logarithms taken beforehand.
  return threshold_ + excess_ * (log_tail_ - feedback_ * (credit_ - credit_kept_));
}

void ReserveForecast::decide(double demand) {
  const double deviation = demand - mean_;
  const double slope = spread_ > 0 ? std::clamp(returned_ / spread_, 0.0, 1.0) : 0;
  const double forecast = demand - (1 - doubt_) * slope * deviation;
  const double scale = judged_ > 0 ? scale_ : kScaleUnknown * demand;
  decided_ = std::max(0.0, forecast + factor() * scale);
  latest_ = {forecast, decided_, scale, demand, deviation, true, true};
}

ReserveReason ReserveForecast::reason() const {
  return {.forecast = latest_.forecast,
          .scale = latest_.scale,
          .factor = factor(),
          .share_aimed = share_aimed(),
          .mean = mean_,
          .reversion =
              latest_.deviation != 0 ? (latest_.demand - latest_.forecast) / latest_.deviation : 0,
          .periods_judged = judged_,
          .periods_short = short_};
}

}  // namespace llmos::predict
