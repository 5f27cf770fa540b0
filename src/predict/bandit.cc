// SPDX-License-Identifier: Apache-2.0
#include "predict/bandit.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "base/check.h"
#include "base/text.h"

namespace llmos::predict {
namespace {

bool positive(double x) { return x > 0 && std::isfinite(x); }

Status check(int arms_max, bool rest, const char* wanted) {
  if (arms_max < 1 || arms_max > kArmsMax) {
    return Status(
        Code::kInvalid,
        (Text() << "bandit: arms_max must be 1 to " << kArmsMax << ", found " << arms_max).str());
  }
  if (!rest) return Status(Code::kInvalid, (Text() << "bandit: expected " << wanted).str());
  return {};
}

// In (0, 1): a logarithm of it is finite.
double open_uniform(UniformSource uniform) { return std::max(uniform(), 0x1p-54); }

double normal(UniformSource uniform) {  // Box & Muller
  const double radius = std::sqrt(-2 * std::log(open_uniform(uniform)));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

// Gamma(shape, 1): Marsaglia & Tsang 2000, with their boost below shape 1.
double gamma(double shape, UniformSource uniform) {
  if (shape < 1) {
    return gamma(shape + 1, uniform) * std::pow(open_uniform(uniform), 1 / shape);
  }
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal(uniform);
    const double cube = std::pow(1 + c * x, 3);
    if (cube <= 0) continue;
    const double bound = 0.5 * x * x + d - d * cube + d * std::log(cube);
    if (std::log(open_uniform(uniform)) < bound) return d * cube;
  }
}

double beta(double a, double b, UniformSource uniform) {
  const double x = gamma(a, uniform), y = gamma(b, uniform);
  return x + y > 0 ? x / (x + y) : a / (a + b);
}

// The arm with the highest index_of(record); the first of equals.
template <class F>
std::optional<ArmId> highest(std::span<const ArmRecord> arms, F&& index_of) {
  std::optional<ArmId> best;
  double best_index = -std::numeric_limits<double>::infinity();
  for (const ArmRecord& arm : arms) {
    const double index = index_of(arm);
    if (best && index <= best_index) continue;
    best = arm.id;
    best_index = index;
  }
  return best;
}

using Square = Eigen::Map<Eigen::MatrixXd>;
using ConstSquare = Eigen::Map<const Eigen::MatrixXd>;
using Column = Eigen::Map<Eigen::VectorXd>;
using ConstColumn = Eigen::Map<const Eigen::VectorXd>;
// On the stack: a decision allocates nothing.
using Scratch = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, kContextMax, 1>;

bool finite(std::span<const double> context) {
  return std::all_of(context.begin(), context.end(), [](double x) { return std::isfinite(x); });
}

}  // namespace

ArmTable::ArmTable(int arms_max) : arms_max_(size_t(arms_max)) { records_.reserve(arms_max_); }

Result<ArmId> ArmTable::add() {
  if (records_.size() == arms_max_) {
    return Status(Code::kExhausted, (Text() << "bandit: all " << arms_max_
                                            << " arms are in use; remove one or raise arms_max")
                                        .str());
  }
  records_.push_back({.id = ArmId(next_id_++)});
  return records_.back().id;
}

bool ArmTable::remove(ArmId arm) {
  const int at = index(arm);
  if (at < 0) return false;
  records_.erase(records_.begin() + at);
  return true;
}

int ArmTable::index(ArmId arm) const {
  // Ids rise in order of addition, and removal keeps the order.
  const auto at =
      std::lower_bound(records_.begin(), records_.end(), arm,
                       [](const ArmRecord& record, ArmId id) { return record.id < id; });
  return at != records_.end() && at->id == arm ? int(at - records_.begin()) : -1;
}

bool ArmTable::record(ArmId arm, double reward) {
  const int at = index(arm);
  if (at < 0) return false;
  ++records_[size_t(at)].pulls;
  records_[size_t(at)].reward_sum += reward;
  return true;
}

Result<Ucb1> Ucb1::create(Ucb1Options options) {
  Status bad = check(options.arms_max, positive(options.exploration), "exploration > 0");
  if (!bad.ok()) return bad;
  return Ucb1(options);
}

std::optional<ArmId> Ucb1::choose() const {
  int64_t pulls = 0;
  for (const ArmRecord& arm : arms()) pulls += arm.pulls;
  const double budget = options_.exploration * std::log(double(std::max<int64_t>(pulls, 1)));
  return highest(arms(), [&](const ArmRecord& arm) {
    if (arm.pulls == 0) return std::numeric_limits<double>::infinity();
    return arm.mean() + std::sqrt(budget / double(arm.pulls));
  });
}

bool Ucb1::reward(ArmId arm, double reward) {
  return reward >= 0 && reward <= 1 && arms_.record(arm, reward);
}

Result<ThompsonBernoulli> ThompsonBernoulli::create(ThompsonBernoulliOptions options) {
  Status bad = check(options.arms_max, positive(options.successes) && positive(options.failures),
                     "a prior with successes > 0 and failures > 0");
  if (!bad.ok()) return bad;
  return ThompsonBernoulli(options);
}

std::optional<ArmId> ThompsonBernoulli::choose(UniformSource uniform) const {
  return highest(arms(), [&](const ArmRecord& arm) {
    const double failures = double(arm.pulls) - arm.reward_sum;
    return beta(options_.successes + arm.reward_sum, options_.failures + std::max(0.0, failures),
                uniform);
  });
}

bool ThompsonBernoulli::reward(ArmId arm, double reward) {
  return reward >= 0 && reward <= 1 && arms_.record(arm, reward);
}

Result<ThompsonGaussian> ThompsonGaussian::create(ThompsonGaussianOptions options) {
  Status bad = check(options.arms_max,
                     std::isfinite(options.prior_mean) && positive(options.prior_stddev) &&
                         positive(options.noise_stddev),
                     "a finite prior_mean, prior_stddev > 0 and noise_stddev > 0");
  if (!bad.ok()) return bad;
  return ThompsonGaussian(options);
}

std::optional<ArmId> ThompsonGaussian::choose(UniformSource uniform) const {
  const double prior = 1 / (options_.prior_stddev * options_.prior_stddev);
  const double noise = 1 / (options_.noise_stddev * options_.noise_stddev);
  return highest(arms(), [&](const ArmRecord& arm) {
    const double precision = prior + double(arm.pulls) * noise;
    const double mean = (options_.prior_mean * prior + arm.reward_sum * noise) / precision;
    return mean + normal(uniform) / std::sqrt(precision);
  });
}

bool ThompsonGaussian::reward(ArmId arm, double reward) {
  return std::isfinite(reward) && arms_.record(arm, reward);
}

Result<LinUcb> LinUcb::create(LinUcbOptions options) {
  const bool sensible = options.context >= 1 && options.context <= kContextMax &&
                        options.exploration >= 0 && std::isfinite(options.exploration) &&
                        positive(options.ridge);
  Status bad =
      check(options.arms_max, sensible, "context 1 to 64 features, exploration >= 0 and ridge > 0");
  if (!bad.ok()) return bad;
  return LinUcb(options);
}

LinUcb::LinUcb(LinUcbOptions options)
    : options_(options), arms_(options.arms_max), models_(size_t(options.arms_max)) {
  const auto d = size_t(options.context);
  for (Model& model : models_) {
    model.gram.resize(d * d);
    model.inverse.resize(d * d);
    model.target.resize(d);
    model.theta.resize(d);
  }
}

void LinUcb::reset(Model& model) const {
  const int d = options_.context;
  Square(model.gram.data(), d, d).setIdentity() *= options_.ridge;
  Square(model.inverse.data(), d, d).setIdentity() /= options_.ridge;
  std::fill(model.target.begin(), model.target.end(), 0.0);
  std::fill(model.theta.begin(), model.theta.end(), 0.0);
}

Result<ArmId> LinUcb::add_arm() {
  Result<ArmId> arm = arms_.add();
  if (arm.ok()) reset(models_[arms_.records().size() - 1]);
  return arm;
}

bool LinUcb::remove_arm(ArmId arm) {
  const int at = arms_.index(arm);
  if (at < 0) return false;
  // The freed model goes behind those in use; vectors are swapped, not copied.
  std::rotate(models_.begin() + at, models_.begin() + at + 1,
              models_.begin() + std::ptrdiff_t(arms_.records().size()));
  return arms_.remove(arm);
}

std::optional<ArmId> LinUcb::choose(std::span<const double> context) const {
  const int d = options_.context;
  LLMOS_DCHECK(int(context.size()) == d);
  if (!finite(context)) return std::nullopt;
  const ConstColumn x(context.data(), d);
  const Model* model = models_.data();
  return highest(arms(), [&](const ArmRecord&) {
    Scratch spread(d);
    spread.noalias() = ConstSquare(model->inverse.data(), d, d) * x;
    const double mean = ConstColumn(model->theta.data(), d).dot(x);
    ++model;
    return mean + options_.exploration * std::sqrt(std::max(0.0, x.dot(spread)));
  });
}

bool LinUcb::reward(ArmId arm, std::span<const double> context, double reward) {
  const int d = options_.context;
  LLMOS_DCHECK(int(context.size()) == d);
  if (!finite(context) || !std::isfinite(reward) || !arms_.record(arm, reward)) return false;
  const int at = arms_.index(arm);
  Model& model = models_[size_t(at)];
  const ConstColumn x(context.data(), d);
  Square inverse(model.inverse.data(), d, d);
  Column target(model.target.data(), d);
  Square(model.gram.data(), d, d).noalias() += x * x.transpose();
  target += reward * x;
  if (arms_.records()[size_t(at)].pulls % kRefreshUpdates == 0) {
    refresh(model);
  } else {
    Scratch moved(d);
    moved.noalias() = inverse * x;
    inverse.noalias() -= moved * (moved.transpose() / (1 + x.dot(moved)));
  }
  Column(model.theta.data(), d).noalias() = inverse * target;
  return true;
}

void LinUcb::refresh(Model& model) const {
  const int d = options_.context;
  using Factor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, kContextMax, kContextMax>;
  const Eigen::LLT<Factor> factor(ConstSquare(model.gram.data(), d, d));
  Square inverse(model.inverse.data(), d, d);
  inverse.setIdentity();
  factor.solveInPlace(inverse);
}

std::optional<double> LinUcb::expected(ArmId arm, std::span<const double> context) const {
  const int d = options_.context;
  LLMOS_DCHECK(int(context.size()) == d);
  const int at = arms_.index(arm);
  if (at < 0) return std::nullopt;
  return ConstColumn(models_[size_t(at)].theta.data(), d).dot(ConstColumn(context.data(), d));
}

}  // namespace llmos::predict
