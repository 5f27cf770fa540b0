// SPDX-License-Identifier: Apache-2.0
#include "sched/policy.h"

#include <array>

#include "base/text.h"
#include "sched/learned_policy.h"
#include "sched/published_policies.h"

namespace llmos::sched {
namespace {

constexpr std::array<std::string_view, 12> kNames = {
    "fcfs", "sjf",           "priority", "fair",       "round-robin", "gittins", "gittins-learned",
    "srpt", "mlfq-skipjoin", "mlfq-ws",  "mlfq-ws-r4", "mlfq"};

// Nobody is ever displaced; the youngest leave when memory is short.
Composition waiting_rules() {
  Composition rules;
  rules.displacement = Displacement::kNone;
  rules.swap_synchronous = true;
  rules.keeps_copies = false;
  rules.recomputes = false;
  rules.steps_ahead = 0;
  rules.prompt_gate = false;
  rules.sticky = false;
  rules.fair = false;
  rules.backfill = false;
  rules.headroom_tokens = 16;
  rules.fill_max = .98;
  rules.promote_after = 0;
  return rules;
}

// The best run, whatever it takes.
Composition direct_rules() {
  Composition rules = waiting_rules();
  rules.displacement = Displacement::kDirect;
  rules.displacement_levels = 0;
  rules.headroom_tokens = 0;
  rules.fill_max = 1;
  rules.link_bounded = false;
  rules.backfill = true;
  return rules;
}

Composition keyed(Composition rules) {
  rules.keyed = true;
  return rules;
}

// Skip-join with working-set control: two levels to displace, a cap on traffic, head-room.
Composition working_set_rules() {
  Composition rules = direct_rules();
  rules.displacement_levels = 2;
  rules.headroom_per_resident = 64;
  rules.link_bounded = true;
  return rules;
}

Composition fair_rules() {
  Composition rules = waiting_rules();
  rules.fair = true;
  return rules;
}

}  // namespace

std::span<const std::string_view> policy_names() { return kNames; }

Result<NamedPolicy> make_policy(std::string_view name, const PolicyOptions& options) {
  using Measure = ShortestPolicy::Measure;
  using Order = LearnedPolicy::Order;
  const auto skip_join = [&](double ratio) {
    return std::make_unique<SkipJoinPolicy>(options.skipjoin_quantum, ratio);
  };
  if (name == "fcfs") return NamedPolicy{std::make_unique<ArrivalPolicy>(), waiting_rules()};
  if (name == "fair") return NamedPolicy{std::make_unique<ArrivalPolicy>(), fair_rules()};
  if (name == "sjf") {
    return NamedPolicy{std::make_unique<ShortestPolicy>(Measure::kWhole), keyed(waiting_rules())};
  }
  if (name == "srpt") {
    return NamedPolicy{std::make_unique<ShortestPolicy>(Measure::kLeft), keyed(direct_rules())};
  }
  if (name == "priority") {
    return NamedPolicy{std::make_unique<PriorityPolicy>(options.aging_seconds), Composition{}};
  }
  if (name == "round-robin") {
    return NamedPolicy{std::make_unique<RoundRobinPolicy>(options.quantum_seconds),
                       keyed(direct_rules())};
  }
  if (name == "gittins") {
    return NamedPolicy{std::make_unique<GittinsPolicy>(options.true_lengths),
                       keyed(direct_rules())};
  }
  if (name == "gittins-learned") {
    return NamedPolicy{std::make_unique<LearnedPolicy>(1.0, Order::kKeys), keyed(direct_rules())};
  }
  if (name == "mlfq-skipjoin") {
    return NamedPolicy{skip_join(options.skipjoin_ratio), direct_rules()};
  }
  if (name == "mlfq-ws") return NamedPolicy{skip_join(2), working_set_rules()};
  if (name == "mlfq-ws-r4") return NamedPolicy{skip_join(4), working_set_rules()};
  if (name == "mlfq") {
    return NamedPolicy{
        std::make_unique<LearnedPolicy>(options.alpha, Order::kLevels, options.level_offset),
        Composition{}};
  }
  Text text;
  text << "policy '" << name << "' does not exist; expected one of";
  for (const std::string_view each : kNames) text << ' ' << each;
  return Status(Code::kNotFound, std::move(text).str());
}

}  // namespace llmos::sched
