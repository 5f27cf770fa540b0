// SPDX-License-Identifier: Apache-2.0
// LearnedPolicy: ranks by ValueIndex over a LengthModel learned as requests run and end. With
// alpha .2 and levels it is `mlfq`, with alpha 1 and exact keys `gittins-learned`.
//
// Levels are floor(-log2(index x seconds of a slot's step)), so they do not depend on how fast the
// engine is; kLevelOffset puts the best of them (a finished prompt, one token to go: near 1) above
// the first list, and 64 lists reach down to a value 2^-50 of that. Its fraction is where levels
// part: .25 is the best of 0, .15, .25, .35, .5, .75 on KV-limited chat (normalised latency .74 of
// FCFS's, the others .75 to .81), and the other mixes do not care.
//
// Hints. A request that says what it expects is ranked by a second model, of how its kind comes out
// against the hint: ages and lengths count in units of a kHintUnits-th of it. How far hints can be
// trusted is learned like everything else; useless ones give a flat distribution.
#pragma once

#include <array>
#include <cstdint>

#include "llmos/extend.h"
#include "sched/length_model.h"
#include "sched/value_index.h"

namespace llmos::sched {

class LearnedPolicy final : public SchedulingPolicy {
 public:
  enum class Order : uint8_t { kLevels, kKeys };

  static constexpr double kLevelOffset = 13.25;

  LearnedPolicy(double alpha, Order order, double level_offset = kLevelOffset);

  SchedulingRank rank(const SequenceView& sequence, const SchedulingCosts& costs) override;
  void ended(const SequenceView& sequence, bool censored) override;
  uint64_t epoch(double now) override;

  const LengthModel& lengths() const { return lengths_; }

 private:
  // Tables follow the counts once in so many endings: a quarter of what a bin remembers.
  static constexpr uint64_t kRebuildEnds = 64;

  // A hint is so many units of age: bins near it are a fifth of it wide.
  static constexpr double kHintUnits = 64;

  void rebuild();
  static uint32_t age(const SequenceView& sequence, uint32_t output_tokens);
  static uint32_t tokens_at(const SequenceView& sequence, uint32_t age);
  LengthModel& model_of(const SequenceView& s) {
    return s.output_tokens_hint > 0 ? hinted_ : lengths_;
  }

  double alpha_;
  Order order_;
  double level_offset_;
  LengthModel lengths_, hinted_;
  ValueIndex index_, hinted_index_;
  double mean_ = 128;      // of all that ended; a guess until the first have
  uint64_t built_at_ = 0;  // endings, of both
  uint64_t epoch_ = 0;
};

}  // namespace llmos::sched
