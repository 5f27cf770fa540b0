// SPDX-License-Identifier: Apache-2.0
// The built-in policies, by name.
//
//   fcfs             first come, first served; never preempts
//   sjf              shortest expected output first (hint, else learned mean); no preemption
//   priority         higher priority first, preemptive, one better per `aging` waited
//   fair             a virtual token counter per tenant (VTC), arrival order inside; no preemption
//   round-robin      a quantum of service each
//   gittins          best expected completions per second; told the true length distribution
//   gittins-learned  the same, from lengths learned as requests end
//   srpt             least work left; needs exact hints (benchmarks)
//   mlfq-skipjoin    skip-join multilevel feedback queue as published
//   mlfq             the default: levels from learned value per engine second
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "llmos/extend.h"
#include "llmos/status.h"
#include "sched/composition.h"

namespace llmos::sched {

struct NamedPolicy {
  std::unique_ptr<SchedulingPolicy> policy;
  Composition composition;
};

struct PolicyOptions {
  double alpha{.2};            // mlfq: weight of mean latency against normalised latency
  double level_offset{13.25};  // mlfq: where levels begin, see learned_policy.h
  double aging_seconds{5};     // priority
  double quantum_seconds{.5};  // round-robin
  double skipjoin_quantum{.02};
  double skipjoin_ratio{2};
  std::span<const uint32_t> true_lengths{};  // gittins: output lengths to take its table from
};

// kNotFound, with all names, for another name.
Result<NamedPolicy> make_policy(std::string_view name, const PolicyOptions& options = {});
std::span<const std::string_view> policy_names();

}  // namespace llmos::sched
