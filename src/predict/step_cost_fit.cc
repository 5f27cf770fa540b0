// SPDX-License-Identifier: Apache-2.0
#include "predict/step_cost_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace llmos::predict {
namespace {

using Costs = StepCostFit::Costs;
using Matrix = std::array<std::array<double, StepCostFit::kTerms>, StepCostFit::kTerms>;

// Solves the rows and columns of `terms`, by Cholesky; false when they are not independent.
bool solve(const Matrix& a, const Costs& b, unsigned terms, Costs& x) {
  std::array<size_t, StepCostFit::kTerms> of{};
  size_t n = 0;
  for (size_t i = 0; i < StepCostFit::kTerms; ++i) {
    if (terms >> i & 1) of[n++] = i;
  }
  Matrix l{};
  Costs y{};
  for (size_t i = 0; i < n; ++i) {
    double sum = b[of[i]];
    for (size_t j = 0; j <= i; ++j) {
      double product = a[of[i]][of[j]];
      for (size_t k = 0; k < j; ++k) product -= l[i][k] * l[j][k];
      if (j < i) {
        l[i][j] = product / l[j][j];
      } else if (!(product > 1e-14 * a[of[i]][of[i]])) {
        return false;
      } else {
        l[i][i] = std::sqrt(product);
      }
    }
    for (size_t k = 0; k < i; ++k) sum -= l[i][k] * y[k];
    y[i] = sum / l[i][i];
  }
  x = Costs{};
  for (size_t i = n; i-- > 0;) {
    double sum = y[i];
    for (size_t k = i + 1; k < n; ++k) sum -= l[k][i] * x[of[k]];
    x[of[i]] = sum / l[i][i];
  }
  return true;
}

}  // namespace

StepCostFit::StepCostFit(const Costs& first, double kept)
    : first_(first), costs_(first), kept_(kept) {}

double StepCostFit::predict(const Work& work) const {
  double seconds = costs_[0];
  for (size_t i = 0; i < work.size(); ++i) seconds += costs_[i + 1] * work[i];
  return seconds;
}

bool StepCostFit::observe(const Work& work, double seconds) {
  if (!(seconds >= 0) || !std::isfinite(seconds)) return false;
  for (const double x : work) {
    if (!(x >= 0) || !std::isfinite(x)) return false;
  }
  if (steps_ >= kStepsToExpect) seconds = std::min(seconds, kOutlier * predict(work));
  Costs row{1, work[0], work[1], work[2]};
  double guess = 0;
  for (size_t i = 0; i < kTerms; ++i) guess += first_[i] * row[i];
  if (!(guess > 0) || !std::isfinite(guess)) return false;
  for (double& x : row) x /= guess;
  seconds /= guess;
  for (size_t i = 0; i < kTerms; ++i) {
    for (size_t j = 0; j < kTerms; ++j) {
      products_[i][j] = kept_ * products_[i][j] + row[i] * row[j];
    }
    targets_[i] = kept_ * targets_[i] + row[i] * seconds;
  }
  // Outliers are judged by what is known, so that has to exist by then.
  if (++steps_ == kStepsToExpect) refit();
  return true;
}

void StepCostFit::refit() {
  if (steps_ == 0) return;
  // How much slower this machine is than the guess, over all steps.
  double guessed = 0, measured = 0;
  for (size_t i = 0; i < kTerms; ++i) {
    measured += first_[i] * targets_[i];
    for (size_t j = 0; j < kTerms; ++j) guessed += first_[i] * first_[j] * products_[i][j];
  }
  const double speed = measured > 0 ? measured / guessed : 1;
  Matrix a = products_;
  Costs b = targets_;
  for (size_t i = 0; i < kTerms; ++i) {
    const double unit = std::max(first_[i], kCostLeast);
    a[i][i] += kPriorSteps / (unit * unit);
    b[i] += kPriorSteps * speed / unit;
  }
  double best = std::numeric_limits<double>::infinity();
  for (unsigned terms = 1; terms < 1u << kTerms; ++terms) {
    Costs x;
    if (!solve(a, b, terms, x)) continue;
    if (std::any_of(x.begin(), x.end(), [](double cost) { return cost < 0; })) continue;
    double value = 0;  // of the objective, but for a constant
    for (size_t i = 0; i < kTerms; ++i) {
      value -= 2 * x[i] * b[i];
      for (size_t j = 0; j < kTerms; ++j) value += x[i] * x[j] * a[i][j];
    }
    if (value >= best) continue;
    best = value;
    costs_ = x;
  }
}

bool TransferCostFit::observe(double tokens, double seconds) {
  if (!(tokens > 0) || !(seconds >= 0) || !std::isfinite(tokens) || !std::isfinite(seconds)) {
    return false;
  }
  tokens_ = kKept * tokens_ + tokens;
  seconds_ = kKept * seconds_ + seconds;
  cost_ = seconds_ / tokens_;
  return true;
}

}  // namespace llmos::predict
