// SPDX-License-Identifier: Apache-2.0
// ReserveForecast says how much to hold ready so that demand exceeds it in at most a stated share
// of periods. It is fed one demand sample a period and learns everything from them, online.
//
//   ReserveForecast bytes = *ReserveForecast::create({.short_share = 0.01, .horizon = 1});
//   each second:  bytes.observe(live_bytes);  resize_to(bytes.reserve());
//
// Words
//   period     one sample to the next; the user's clock decides how long that is
//   horizon    periods between deciding a reserve and needing it: reserve() after sample t is
//              judged by sample t + horizon
//   short      a period whose demand exceeded the reserve decided for it
//   residual   (demand - forecast) / scale, scale being the decayed mean of |demand - forecast|
//
// How, each step O(1):
//   forecast = demand - reversion * (demand - mean). The decayed mean is where demand returns to;
//              the reversion over one horizon, in [0, 1], is a decayed regression through the
//              origin. Near 0 this is the last value (1 s ahead), near 1 the mean (far ahead).
//   factor   = threshold + excess * ln(kTailShare / share). The threshold is the (1 - kTailShare)
//              quantile of residuals, tracked by stochastic approximation; beyond it residuals are
//              taken as exponential with the measured mean excess (peaks over threshold). Only the
//              upper tail counts, and the rare quantile is estimated from ten times as many
//              samples as lie beyond it.
//   share    = short_share * exp(kFeedback * (credit - kCreditKept)), where credit grows by
//              short_share each period and shrinks by 1 with each short one: adaptive conformal
//              inference (Gibbs & Candes 2021) with integral action on the logarithm. It holds the
//              long-run share whatever the residuals' distribution. Over a horizon h the shorts
//              come in runs and the answer is h periods late: gain / sqrt(h), credit * sqrt(h).
//   reserve  = forecast + factor * scale, never negative.
// The scale moves slowly (kScaleRate), on purpose: at a given overall share the least mean reserve
// has equal *density* of demand at the reserve in all periods, not equal probability beyond it, so
// a reserve that widens in step with each burst of variance holds too much.
//
// The constants were chosen on generated traces and two short recorded ones. On the Azure chat
// trace and four generated ones, halving or doubling any of them moves the mean reserve by less
// than 0.8 % (kCreditKept doubled: 1.4 %, for a smaller share short). Features beside demand itself
// (requests in flight, arrivals, their tokens) were tried and left out: even with coefficients of
// hindsight they saved under 1 % at 1 s and at 5 s. Figures: bench/demand_bench.
//
// Promise  Learned mode, n periods judged after the warm-up: at most n * short_share +
//          10 sqrt(horizon) of them short (kTightenMax / kFeedback - kCreditKept, the clip of the
//          credit), as long as the tightest factor suffices. The warm-up (max(kWarmupPeriods, 4
//          horizons)) is not charged: what was missed before anything was known cannot be paid back
//          later by holding too much.
// Threads  A value with one writer; 16 slots inline, no heap.
// Failure  create() refuses options out of range. observe() answers false and changes nothing for a
//          demand that is negative or not finite.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "llmos/status.h"

namespace llmos::predict {

inline constexpr int kReserveHorizonMax = 16;

struct ReserveOptions {
  // Share of periods that may be short, in [0.0001, 0.25].
  double short_share{0.01};
  // 1 to kReserveHorizonMax periods.
  int horizon{1};
  // Use this safety factor and learn only forecast and scale. For experiments: the best one is
  // known in hindsight.
  std::optional<double> factor{};
};

// Why reserve() is what it is: reserve = max(0, forecast + factor * scale).
struct ReserveReason {
  double forecast{};
  double scale{};
  double factor{};
  double share_aimed{};  // the share that the factor was computed for
  double mean{};         // where demand returns to
  double reversion{};    // how much of the way within one horizon
  int64_t periods_judged{};
  int64_t periods_short{};
};

class ReserveForecast {
 public:
  static Result<ReserveForecast> create(ReserveOptions options);

  bool observe(double demand);
  // A period passed without a sample: nothing is judged or learned, the last forecast stands.
  void observe_missing();
  // What to hold for the period `horizon` after the latest one; 0 before the first sample.
  double reserve() const { return decided_; }
  ReserveReason reason() const;

 private:
  // Decided in one period, judged `horizon` later.
  struct Pending {
    double forecast = 0;
    double reserve = 0;
    double scale = 0;
    double demand = 0;
    double deviation = 0;  // demand - mean
    bool valid = false;
    bool sampled = false;  // false: decided in a missing period, nothing to learn reversion from
  };

  explicit ReserveForecast(ReserveOptions options);
  void judge(const Pending& decision, double demand);
  void learn_tail(double residual);
  void settle(bool is_short);
  void decide(double demand);
  double share_aimed() const;
  double factor() const;
  Pending& slot() { return pending_[size_t(periods_ % options_.horizon)]; }

  ReserveOptions options_;
  double tail_share_;
  double log_tail_;     // ln(tail_share_ / short_share)
  double feedback_;     // kFeedback / sqrt(horizon)
  double credit_kept_;  // kCreditKept * sqrt(horizon)
  int64_t warmup_;
  std::array<Pending, kReserveHorizonMax> pending_{};
  int64_t periods_ = 0;
  int64_t samples_ = 0;
  int64_t judged_ = 0;
  int64_t short_ = 0;
  double decided_ = 0;
  double mean_ = 0;
  double scale_ = 0;
  double spread_ = 0;    // decayed mean of deviation^2
  double returned_ = 0;  // decayed mean of deviation * (fall over the horizon)
  double doubt_ = 1;     // weight that the decayed sums above still give to their start at zero
  double threshold_;
  double excess_;
  double credit_ = 0;
  Pending latest_{};
};

}  // namespace llmos::predict
