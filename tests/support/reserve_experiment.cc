// SPDX-License-Identifier: Apache-2.0
#include "support/reserve_experiment.h"

#include <algorithm>
#include <cmath>

namespace llmos::test {
namespace {

// The smallest value that at most `share` of `values` exceed.
double upper_quantile(std::vector<double> values, double share) {
  const auto allowed = size_t(share * double(values.size()));
  const auto at = values.end() - 1 - std::ptrdiff_t(std::min(allowed, values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Plan empty_plan(size_t periods) {
  return {std::vector<double>(periods), std::vector<double>(periods), std::vector<double>(periods)};
}

}  // namespace

Score score(const std::vector<double>& demand, const std::vector<double>& reserve, size_t first) {
  double held = 0, needed = 0, periods_short = 0;
  for (size_t t = first; t < demand.size(); ++t) {
    held += reserve[t];
    needed += demand[t];
    periods_short += demand[t] > reserve[t];
  }
  return {held / needed, periods_short / double(demand.size() - first)};
}

Plan replay(const std::vector<double>& demand, const predict::ReserveOptions& options) {
  Plan plan = empty_plan(demand.size());
  predict::ReserveForecast reserve = predict::ReserveForecast::create(options).value();
  for (size_t t = 0; t + size_t(options.horizon) < demand.size(); ++t) {
    reserve.observe(demand[t]);
    const size_t due = t + size_t(options.horizon);
    plan.forecast[due] = reserve.reason().forecast;
    plan.scale[due] = reserve.reason().scale;
    plan.reserve[due] = reserve.reserve();
  }
  return plan;
}

Plan replay(const std::vector<double>& demand, int horizon,
            const std::function<void(double)>& observe, const std::function<double()>& ahead) {
  Plan plan = empty_plan(demand.size());
  double scale = 0;
  int judged = 0;
  for (size_t t = 0; t + size_t(horizon) < demand.size(); ++t) {
    if (t >= size_t(horizon)) {
      const double rate = std::max(0.005, 2 / (++judged + 1.0));
      scale += rate * (std::abs(demand[t] - plan.forecast[t]) - scale);
    }
    observe(demand[t]);
    plan.forecast[t + size_t(horizon)] = ahead();
    plan.scale[t + size_t(horizon)] = std::max(scale, 1e-9);
  }
  return plan;
}

double choose_factor(const std::vector<double>& demand, Plan& plan, size_t first, double share) {
  std::vector<double> needed;
  for (size_t t = first; t < demand.size(); ++t) {
    needed.push_back((demand[t] - plan.forecast[t]) / std::max(plan.scale[t], 1e-9));
  }
  const double factor = upper_quantile(std::move(needed), share);
  for (size_t t = 0; t < demand.size(); ++t) {
    // One part in 1e12 more, so that the period which set the factor is not short by rounding.
    plan.reserve[t] = std::max(0.0, plan.forecast[t] + factor * plan.scale[t]) * (1 + 1e-12);
  }
  return factor;
}

double static_reserve(const std::vector<double>& demand, size_t first, double share) {
  return upper_quantile({demand.begin() + std::ptrdiff_t(first), demand.end()}, share);
}

}  // namespace llmos::test
