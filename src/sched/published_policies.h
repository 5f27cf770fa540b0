// SPDX-License-Identifier: Apache-2.0
// The policies that others published, each a few lines over the same interface; policy.h says what
// each is.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "llmos/extend.h"
#include "sched/length_model.h"
#include "sched/value_index.h"

namespace llmos::sched {

// Order of arrival. Also what stands inside a tenant of `fair`.
class ArrivalPolicy final : public SchedulingPolicy {
 public:
  SchedulingRank rank(const SequenceView&, const SchedulingCosts&) override { return {}; }
};

// Seconds that a sequence of `output_tokens` with `prompt_left` takes of a slot, in output tokens.
double work_tokens(double output_tokens, uint32_t prompt_left, const SchedulingCosts& costs);

// Shortest expected job first: by the hint, else by the running mean of the lengths that ended.
class ShortestPolicy final : public SchedulingPolicy {
 public:
  enum class Measure : uint8_t { kWhole, kLeft };  // sjf, srpt
  explicit ShortestPolicy(Measure measure) : measure_(measure) {}
  SchedulingRank rank(const SequenceView& sequence, const SchedulingCosts& costs) override;
  void ended(const SequenceView& sequence, bool censored) override;

 private:
  Measure measure_;
  double mean_ = 128;  // a guess until the first have ended
};

// Request::priority, one level better for each `aging` seconds unserved.
class PriorityPolicy final : public SchedulingPolicy {
 public:
  explicit PriorityPolicy(double aging_seconds) : aging_(aging_seconds) {}
  SchedulingRank rank(const SequenceView& sequence, const SchedulingCosts& costs) override;
  uint64_t epoch(double now) override { return aging_ > 0 ? uint64_t(now / aging_) : 0; }

 private:
  double aging_;
};

// A quantum of service, then behind all others.
class RoundRobinPolicy final : public SchedulingPolicy {
 public:
  explicit RoundRobinPolicy(double quantum_seconds) : quantum_(quantum_seconds) {}
  SchedulingRank rank(const SequenceView& sequence, const SchedulingCosts& costs) override;

 private:
  double quantum_;
};

// Skip-join MLFQ (FastServe): queue i has the quantum q0 r^i; a request joins the first whose
// quantum covers its prompt, and falls by one when it has used a quantum up.
class SkipJoinPolicy final : public SchedulingPolicy {
 public:
  SkipJoinPolicy(double quantum_seconds, double ratio) : quantum_(quantum_seconds), ratio_(ratio) {}
  SchedulingRank rank(const SequenceView& sequence, const SchedulingCosts& costs) override;

 private:
  double quantum_, ratio_;
};

// The Gittins index, told the true lengths: a table in steps of 16 tokens.
class GittinsPolicy final : public SchedulingPolicy {
 public:
  explicit GittinsPolicy(std::span<const uint32_t> lengths);
  SchedulingRank rank(const SequenceView& sequence, const SchedulingCosts& costs) override;

 private:
  static constexpr uint32_t kStep = 16;
  ValueIndex index_;
  uint32_t bins_ = 1;
};

}  // namespace llmos::sched
