// SPDX-License-Identifier: Apache-2.0
// Demand watches how much of a pool is live and says how much should be ready before the next look.
//
// Once a period (Pool::maintain) every class in use and the pool as a whole give one sample to a
// predict::ReserveForecast of their own, which forecasts the next period and adds a margin learned
// from its past errors, so that demand exceeds it in one period of four hundred. Classes are
// prepared up to theirs (spans cut and touched, so that their blocks cost neither commit nor page
// fault); the pool's free pages are filled up or returned until live, cached and free bytes
// together are the pool's.
//
// Threads  the pool's upkeep lock.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>

#include "llmos/memory.h"
#include "predict/reserve.h"

namespace llmos::memory {

class Demand {
 public:
  // `slack_bytes`: instead of learning, always keep this much above what is live.
  explicit Demand(std::optional<uint64_t> slack_bytes) : slack_(slack_bytes) {}

  // One sample per period and class. Bytes to hold for the class in the coming period, live ones
  // included.
  double observe_class(uint32_t size_class, double live_bytes);
  // The same for everything live in the pool.
  double observe_pool(double live_bytes);
  // Whether a class was ever observed (then it must be again, though nothing of it is live).
  bool knows(uint32_t size_class) const { return classes_[size_class] != nullptr; }

  static DemandPlan explain(std::span<const double> history);

 private:
  static predict::ReserveForecast make_forecast();

  std::optional<uint64_t> slack_;
  predict::ReserveForecast pool_ = make_forecast();
  std::array<std::unique_ptr<predict::ReserveForecast>, detail::kClassEnd> classes_;
};

}  // namespace llmos::memory
