// SPDX-License-Identifier: Apache-2.0
#include "predict/step_cost.h"

#include <algorithm>
#include <cmath>

namespace llmos::predict {
namespace {

// Part of an error that is learned from one step: fast at first, so that 50 steps do, then slow
// enough to average over the noise of single steps (a few percent).
constexpr double kRateFirst = 0.7;
constexpr double kRateLast = 0.05;
// The rate after n steps is about kSettling / n.
constexpr double kSettling = 20;
// One step changes a term by at most this factor: it may have waited for another process.
constexpr double kChangeMost = 2;

}  // namespace

StepCost::StepCost(const ModelWork& work, const MachineRates& rates)
    : fixed_(work.barriers * rates.barrier_s),
      read_(work.weight_bytes / rates.read_bytes_per_s),
      token_(work.token_ops / rates.ops_per_s),
      key_(work.key_bytes / rates.read_bytes_per_s) {}

double StepCost::Terms::shared() const {
  return std::cbrt(read * read * read + compute * compute * compute);
}

StepCost::Terms StepCost::terms(const StepBatch& batch) const {
  const double tokens = double(batch.prompt_tokens) + double(batch.decodes);
  return {fixed_, read_, tokens * token_, double(batch.context_keys) * key_};
}

double StepCost::predict(const StepBatch& batch) const { return terms(batch).sum(); }

void StepCost::observe(const StepBatch& batch, double seconds) {
  const Terms now = terms(batch);
  const double predicted = now.sum();
  if (!(seconds > 0) || !std::isfinite(seconds) || !(predicted > 0)) return;
  const double rate = std::clamp(kSettling / (double(observed_) + 1), kRateLast, kRateFirst);
  const double error =
      std::clamp(std::log(seconds / predicted), -std::log(kChangeMost), std::log(kChangeMost));
  // d log(predicted) / d log(term): the terms' parts, which sum to 1. Dividing by the sum of their
  // squares makes a rate of 1 remove the whole error.
  const double shared = now.shared();
  const double cube = shared > 0 ? 1 / (shared * shared) : 0;
  const double parts[4] = {now.fixed / predicted, std::pow(now.read, 3) * cube / predicted,
                           std::pow(now.compute, 3) * cube / predicted, now.keys / predicted};
  double squares = 0;
  for (const double part : parts) squares += part * part;
  if (!(squares > 0)) return;
  double* const learned[4] = {&fixed_, &read_, &token_, &key_};
  for (int i = 0; i < 4; ++i) *learned[i] *= std::exp(rate * error * parts[i] / squares);
  ++observed_;
}

}  // namespace llmos::predict
