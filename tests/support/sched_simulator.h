// SPDX-License-Identifier: Apache-2.0
// A discrete-event simulator of the engine: runs the real Scheduler and policies on a virtual
// clock, with a model of what steps and swaps cost, and measures what users would see.
//
//   step = t0 + tp x prompt tokens + tb x decodes + tc x tokens attended to       (SchedulingCosts)
//   swap   through a link that carries link_share / swap_token tokens a second, writes before reads
//          while steps go on; or, for synchronous compositions, inside the step: what exceeds it
//          stalls it
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "llmos/status.h"
#include "sched/policy.h"
#include "sched/scheduler.h"
#include "support/sched_workload.h"

namespace llmos::test {

enum class SwapMode : uint8_t { kAsPolicy, kSync, kQueued };

struct SimOptions {
  std::string policy;
  SchedulingCosts costs{};
  sched::PolicyOptions policy_options{};
  SwapMode swap{};
  double hint_sigma{-1};  // hints with this log-normal error; 0: exact; below 0: none
  uint64_t seed{1};
  bool tenants{};  // clients are tenants
  double slo_ttft{1}, slo_tpot{.1};
  double bytes_per_token{819200};    // OPT-13B, F16
  double measure_until{1e18};        // jain and service_gap: up to this time
  uint64_t steps_max{~uint64_t{0}};  // then the run ends, whoever is left
  bool time_plans{};                 // plan_p50_us, plan_p99_us
  uint32_t check_every{};            // steps between check_integrity(); 0: never
  sched::EventLog* log{};
  std::function<void(sched::Composition&)> adjust{};                 // of the policy's composition
  std::function<void(const sched::Scheduler&, double now)> watch{};  // after every step
};

struct SimResult {
  double jct_mean{}, jct_p50{}, jct_p99{};
  double normalized_latency_mean{}, slowdown_mean{};
  double ttft_mean{}, ttft_p99{};
  double tpot_mean{};
  double slo_attainment{};
  double max_gap_max{}, max_wait{};
  double preemptions{}, swap_bytes{}, recomputed_tokens{}, promotions{};
  double jain{};
  double makespan{};
  uint64_t steps{}, digest{};
  double plan_p50_us{}, plan_p99_us{};  // real time of Scheduler::plan()
  double service_gap{};           // largest difference of served tokens between backlogged clients
  std::vector<double> jct, ttft;  // per request, in order of arrival
};

Result<SimResult> simulate(std::span<const SimRequest> requests, const SimOptions& options);

// Requests per second when all are present at 0, first come first served: the rate of rho = 1.
Result<double> capacity_rate(std::span<const SimRequest> requests, const SchedulingCosts& costs);

}  // namespace llmos::test
