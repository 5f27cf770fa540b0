// SPDX-License-Identifier: Apache-2.0
// Replays a demand series against a way of sizing reserves and scores it: mean reserve held over
// mean demand, and the share of periods short. Shared by tests/predict and bench/demand_bench.
#pragma once

#include <functional>
#include <vector>

#include "predict/reserve.h"

namespace llmos::test {

// One entry per period of the series; the first `horizon` of them, for which nothing could have
// been decided, are 0.
struct Plan {
  std::vector<double> forecast;
  std::vector<double> scale;
  std::vector<double> reserve;
};

struct Score {
  double ratio{};        // mean reserve / mean demand
  double short_share{};  // periods with demand > reserve
};

// Scores the periods from `first` on.
Score score(const std::vector<double>& demand, const std::vector<double>& reserve, size_t first);

// Runs ReserveForecast over the series, each reserve decided from the past alone.
Plan replay(const std::vector<double>& demand, const predict::ReserveOptions& options);

// Any forecaster: `observe` takes a sample, `ahead` answers the forecast. The scale is the decayed
// mean of |error| (rate 0.005, faster at first), known when the reserve was decided.
Plan replay(const std::vector<double>& demand, int horizon,
            const std::function<void(double)>& observe, const std::function<double()>& ahead);

// Sets plan.reserve = forecast + k * scale with the smallest k that is short in at most `share` of
// the periods from `first` on, and returns k: hindsight.
double choose_factor(const std::vector<double>& demand, Plan& plan, size_t first, double share);

// The smallest constant reserve that is short in at most `share` of the periods from `first` on.
double static_reserve(const std::vector<double>& demand, size_t first, double share);

}  // namespace llmos::test
