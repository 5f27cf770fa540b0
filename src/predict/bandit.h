// SPDX-License-Identifier: Apache-2.0
// Bandits: which of several arms to use while learning what each is worth.
//
//   Ucb1 models = *Ucb1::create({.arms_max = 8});
//   ArmId small = *models.add_arm(), large = *models.add_arm();
//   ArmId chosen = *models.choose();
//   models.reward(chosen, quality);
//
// Ucb1 (Auer, Cesa-Bianchi & Fischer 2002) is deterministic. ThompsonBernoulli and ThompsonGaussian
// (Thompson 1933; Agrawal & Goyal 2013) draw from their posterior through a UniformSource, so that
// equal seeds give equal decisions. LinUcb (Li et al. 2010, disjoint models) sees a context.
//
// Arms     Added and removed at run time, up to arms_max (kArmsMax). An ArmId is never used twice
//          (32 bits); a reward for an arm that is gone is dropped (false), because it may arrive
//          late.
// Cost     choose() is O(arms) (LinUcb: O(arms d^2)), reward() O(1) (O(d^2)) after an O(arms)
//          look-up of the id; neither allocates. Memory is taken by create().
// Threads  A value with one writer.
// Failure  create() kInvalid; add_arm() kExhausted at arms_max; choose() nullopt without arms;
//          reward() false and nothing learned for an unknown arm or a reward that is not finite
//          (Ucb1, ThompsonBernoulli: outside [0, 1]).
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "llmos/status.h"

namespace llmos::predict {

enum class ArmId : uint32_t {};

inline constexpr int kArmsMax = 1 << 12;

// A reference to anything callable that answers uniform doubles in [0, 1), such as
// [&] { return rng.uniform(); }. It must outlive the call. A generator of whole numbers does not
// convert.
class UniformSource {
 public:
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, UniformSource> &&
           std::floating_point<std::invoke_result_t<F&>>) UniformSource(F&& source)
      : source_(const_cast<void*>(static_cast<const void*>(&source))), draw_([](void* state) {
          return double((*static_cast<std::remove_reference_t<F>*>(state))());
        }) {}

  double operator()() const { return draw_(source_); }

 private:
  void* source_;
  double (*draw_)(void*);
};

// What every kind of arm remembers.
struct ArmRecord {
  ArmId id{};
  int64_t pulls = 0;
  double reward_sum = 0;
  double mean() const { return pulls > 0 ? reward_sum / double(pulls) : 0; }
};

// The arms of a bandit, in order of their addition.
class ArmTable {
 public:
  explicit ArmTable(int arms_max);
  Result<ArmId> add();
  bool remove(ArmId arm);
  int index(ArmId arm) const;  // -1: not there
  bool record(ArmId arm, double reward);
  std::vector<ArmRecord>& records() { return records_; }
  std::span<const ArmRecord> records() const { return records_; }

 private:
  std::vector<ArmRecord> records_;
  size_t arms_max_;
  uint32_t next_id_ = 0;
};

struct Ucb1Options {
  int arms_max{64};
  // Width of the bound: sqrt(exploration ln t / pulls). 2 is UCB1, for rewards in [0, 1], with its
  // proven regret; less explores less, and proves less.
  double exploration{2};
};

class Ucb1 {
 public:
  static Result<Ucb1> create(Ucb1Options options);
  Result<ArmId> add_arm() { return arms_.add(); }
  bool remove_arm(ArmId arm) { return arms_.remove(arm); }
  // An arm without pulls first, then the highest upper bound; ties to the oldest arm.
  std::optional<ArmId> choose() const;
  bool reward(ArmId arm, double reward);
  std::span<const ArmRecord> arms() const { return arms_.records(); }

 private:
  explicit Ucb1(Ucb1Options options) : options_(options), arms_(options.arms_max) {}
  Ucb1Options options_;
  ArmTable arms_;
};

struct ThompsonBernoulliOptions {
  int arms_max{64};
  double successes{1};  // prior Beta(successes, failures); 1, 1 is uniform
  double failures{1};
};

// Rewards are probabilities of success in [0, 1]; a fractional one counts as that much success.
class ThompsonBernoulli {
 public:
  static Result<ThompsonBernoulli> create(ThompsonBernoulliOptions options);
  Result<ArmId> add_arm() { return arms_.add(); }
  bool remove_arm(ArmId arm) { return arms_.remove(arm); }
  std::optional<ArmId> choose(UniformSource uniform) const;
  bool reward(ArmId arm, double reward);
  std::span<const ArmRecord> arms() const { return arms_.records(); }

 private:
  explicit ThompsonBernoulli(ThompsonBernoulliOptions options)
      : options_(options), arms_(options.arms_max) {}
  ThompsonBernoulliOptions options_;
  ArmTable arms_;
};

struct ThompsonGaussianOptions {
  int arms_max{64};
  double prior_mean{0};
  double prior_stddev{1};  // what is believed of an arm's mean before its first pull
  double noise_stddev{1};  // of one reward around its arm's mean
};

class ThompsonGaussian {
 public:
  static Result<ThompsonGaussian> create(ThompsonGaussianOptions options);
  Result<ArmId> add_arm() { return arms_.add(); }
  bool remove_arm(ArmId arm) { return arms_.remove(arm); }
  std::optional<ArmId> choose(UniformSource uniform) const;
  bool reward(ArmId arm, double reward);
  std::span<const ArmRecord> arms() const { return arms_.records(); }

 private:
  explicit ThompsonGaussian(ThompsonGaussianOptions options)
      : options_(options), arms_(options.arms_max) {}
  ThompsonGaussianOptions options_;
  ArmTable arms_;
};

inline constexpr int kContextMax = 64;

struct LinUcbOptions {
  int context{};  // features, 1 to kContextMax; no default
  int arms_max{16};
  double exploration{1};  // alpha: the bound is alpha * sqrt(x' A^-1 x)
  double ridge{1};        // A starts as ridge * I
};

// One ridge regression per arm. A^-1 is kept by Sherman-Morrison rank-one updates and recomputed
// from A by Cholesky every kRefreshUpdates rewards of an arm, so that rounding cannot accumulate.
class LinUcb {
 public:
  static constexpr int kRefreshUpdates = 1024;

  static Result<LinUcb> create(LinUcbOptions options);
  Result<ArmId> add_arm();
  bool remove_arm(ArmId arm);
  // nullopt also when a feature is not finite. context.size() == options.context, here and below.
  std::optional<ArmId> choose(std::span<const double> context) const;
  bool reward(ArmId arm, std::span<const double> context, double reward);
  // The expected reward of an arm in this context; nullopt for an unknown arm.
  std::optional<double> expected(ArmId arm, std::span<const double> context) const;
  std::span<const ArmRecord> arms() const { return arms_.records(); }

 private:
  struct Model {                  // d = context
    std::vector<double> gram;     // [d, d] A = ridge I + sum of x x'
    std::vector<double> inverse;  // [d, d]
    std::vector<double> target;   // [d] sum of reward * x
    std::vector<double> theta;    // [d] A^-1 target
  };

  explicit LinUcb(LinUcbOptions options);
  void reset(Model& model) const;
  void refresh(Model& model) const;

  LinUcbOptions options_;
  ArmTable arms_;
  std::vector<Model> models_;  // [arms_max]; the first arms().size() are in use, in the same order
};

}  // namespace llmos::predict
