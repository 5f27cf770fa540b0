// SPDX-License-Identifier: Apache-2.0
// sched_bench: policies against each other, on the simulator of tests/support/sched_simulator.h.
//
//   sched_bench --policy fcfs,srpt,mlfq --workload sharegpt,azure-conv --rho 0.9 --seeds 5
//               [--slots 16 --kv-tokens 15000 --token-budget 512 --gap-cv 1] [--requests 5000]
//               [--swap policy|sync|queued] [--swap-token 32e-6] [--hint-sigma .5] [--tenants]
//               [--set name=value,...] [--steps-max N] [--goodput .9] [--fairness] [--json FILE]
//
// The same arrivals and lengths for every policy; medians over seeds; ratio_to_fcfs is the median
// of the paired ratios. Workloads and definitions: sched_workload.h, sched_simulator.h.
// --goodput SHARE looks for the highest rho at which that share of the requests is within the SLO.
// --fairness has two clients: both beyond capacity, then one of them at a fifth of it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "bench_arguments.h"
#include "support/sched_simulator.h"

namespace {

using namespace llmos;
using bench::Arguments;
using bench::fail;
using bench::split;
using test::SimResult;

struct Figure {
  const char* name;
  double SimResult::*field;
};

constexpr Figure kFigures[] = {
    {"jct_mean", &SimResult::jct_mean},
    {"jct_p50", &SimResult::jct_p50},
    {"jct_p99", &SimResult::jct_p99},
    {"normalized_latency_mean", &SimResult::normalized_latency_mean},
    {"ttft_mean", &SimResult::ttft_mean},
    {"ttft_p99", &SimResult::ttft_p99},
    {"slo_attainment", &SimResult::slo_attainment},
    {"max_gap_max", &SimResult::max_gap_max},
    {"max_wait", &SimResult::max_wait},
    {"preemptions", &SimResult::preemptions},
    {"swap_bytes", &SimResult::swap_bytes},
    {"jain", &SimResult::jain},
    {"slowdown_mean", &SimResult::slowdown_mean},
    {"promotions", &SimResult::promotions},
    {"plan_p50_us", &SimResult::plan_p50_us},
    {"plan_p99_us", &SimResult::plan_p99_us},
    {"service_gap", &SimResult::service_gap},
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t n = values.size();
  return n == 0 ? 0 : (values[(n - 1) / 2] + values[n / 2]) / 2;
}

Arguments parse(int argc, char** argv) {
  return Arguments::parse(argc, argv,
                          {"policy", "workload", "rho", "seeds", "slots", "kv-tokens",
                           "token-budget", "gap-cv", "requests", "swap", "json", "hint-sigma",
                           "swap-token", "set", "first-seed", "clients", "steps-max", "goodput"},
                          {"tenants", "own-arrivals", "fairness"});
}

// --set name=value: a field of the policy's composition, for studies.
void set_field(sched::Composition& rules, const std::string& setting) {
  const size_t equal = setting.find('=');
  const std::string name = setting.substr(0, equal);
  const double value = equal == std::string::npos ? 1 : std::atof(setting.c_str() + equal + 1);
  if (name == "promote_after")
    rules.promote_after = value;
  else if (name == "promote_hard_after")
    rules.promote_hard_after = value;
  else if (name == "promote_share")
    rules.promote_share = value;
  else if (name == "turn_steps")
    rules.turn_steps = uint32_t(value);
  else if (name == "turn_swaps")
    rules.turn_swaps = value;
  else if (name == "displacement_share")
    rules.displacement_share = value;
  else if (name == "displacement_savings")
    rules.displacement_savings = value;
  else if (name == "displacement_levels")
    rules.displacement_levels = uint32_t(value);
  else if (name == "prompt_gate")
    rules.prompt_gate = value != 0;
  else if (name == "sticky")
    rules.sticky = value != 0;
  else if (name == "backfill")
    rules.backfill = value != 0;
  else if (name == "headroom")
    rules.headroom_tokens = uint32_t(value);
  else if (name == "headroom_per_resident")
    rules.headroom_per_resident = uint32_t(value);
  else if (name == "fill_max")
    rules.fill_max = value;
  else if (name == "keeps_copies")
    rules.keeps_copies = value != 0;
  else if (name == "steps_ahead")
    rules.steps_ahead = uint32_t(value);
  else if (name == "recomputes")
    rules.recomputes = value != 0;
  else if (name == "link_bounded")
    rules.link_bounded = value != 0;
  else
    fail("--set: unknown field " + name);
}

test::SimOptions options_of(const Arguments& arguments, const std::string& policy,
                            const std::string& workload) {
  test::SimOptions options;
  options.policy = policy;
  options.costs.slots = uint32_t(arguments.number("slots", options.costs.slots));
  const bool mooncake = workload.find("mooncake") != std::string::npos;
  options.costs.kv_tokens = uint32_t(arguments.number("kv-tokens", mooncake ? 600000 : 15000));
  options.costs.tokens_per_step =
      uint32_t(arguments.number("token-budget", options.costs.tokens_per_step));
  options.costs.swap_token = arguments.number("swap-token", options.costs.swap_token);
  options.hint_sigma = arguments.number("hint-sigma", -1);
  options.tenants = arguments.number("tenants", 0) != 0 || policy == "fair";
  // Times plan() itself, over so many steps.
  options.time_plans = arguments.values.contains("steps-max");
  if (options.time_plans) options.steps_max = uint64_t(arguments.number("steps-max", 0));
  const std::string swap = arguments.text("swap", "policy");
  options.swap = swap == "sync"     ? test::SwapMode::kSync
                 : swap == "queued" ? test::SwapMode::kQueued
                                    : test::SwapMode::kAsPolicy;
  std::vector<std::string> settings = split(arguments.text("set", ""));
  if (policy.starts_with("mlfq") && !settings.empty()) {
    options.policy_options.alpha = .2;
    std::erase_if(settings, [&](const std::string& s) {
      if (s.starts_with("level_offset=")) {
        options.policy_options.level_offset = std::atof(s.c_str() + 13);
        return true;
      }
      if (!s.starts_with("alpha=")) return false;
      options.policy_options.alpha = std::atof(s.c_str() + 6);
      return true;
    });
    options.adjust = [settings](sched::Composition& rules) {
      for (const std::string& setting : settings) set_field(rules, setting);
    };
  }
  return options;
}

Json row(const std::string& policy, const std::string& workload, double rho,
         const std::vector<SimResult>& results, const std::vector<SimResult>& fcfs,
         std::map<std::string, double>& ratios) {
  Json json = Json::object();
  json.set("policy", policy);
  json.set("workload", workload);
  json.set("rho", rho);
  Json paired = Json::object();
  for (const Figure& figure : kFigures) {
    std::vector<double> values, against;
    for (size_t i = 0; i < results.size(); ++i) {
      values.push_back(results[i].*figure.field);
      if (i < fcfs.size() && fcfs[i].*figure.field > 0) {
        against.push_back(results[i].*figure.field / (fcfs[i].*figure.field));
      }
    }
    json.set(figure.name, median(values));
    if (!against.empty()) paired.set(figure.name, ratios[figure.name] = median(against));
  }
  json.set("ratio_to_fcfs", std::move(paired));
  return json;
}

using Requests = std::vector<test::SimRequest>;

SimResult run(const Requests& requests, const test::SimOptions& options) {
  auto result = test::simulate(requests, options);
  if (!result.ok()) fail(result.status().message());
  return *std::move(result);
}

Requests make_requests(const Arguments& arguments, const std::string& workload, uint64_t seed,
                       const SchedulingCosts& costs) {
  test::WorkloadOptions wanted;
  wanted.name = workload;
  wanted.requests = uint32_t(arguments.number("requests", 5000));
  wanted.seed = seed;
  wanted.clients = uint32_t(arguments.number("clients", 8));
  wanted.tokens_max = uint32_t(.9 * costs.kv_tokens);
  wanted.own_arrivals = arguments.number("own-arrivals", 0) != 0;
  auto requests = test::make_workload(wanted);
  if (!requests.ok()) fail(requests.status().message());
  return *std::move(requests);
}

double capacity(const Requests& requests, const SchedulingCosts& costs) {
  const auto rate = test::capacity_rate(requests, costs);
  if (!rate.ok()) fail(rate.status().message());
  return *rate;
}

// The highest rho, to .01, at which the share of requests within the SLO is reached.
double goodput(Requests requests, const test::SimOptions& options, double share, double gap_cv,
               uint64_t seed) {
  const double rate = capacity(requests, options.costs);
  double low = .1, high = 2.5;
  while (high - low > .01) {
    const double rho = (low + high) / 2;
    test::set_arrivals(requests, rho * rate, gap_cv, seed);
    (run(requests, options).slo_attainment >= share ? low : high) = rho;
  }
  return low;
}

struct Fairness {
  double service_gap = 0, jain = 0, ttft_p99_ratio = 0;
};

double ttft_p99(const Requests& requests, const SimResult& result, uint32_t client) {
  std::vector<double> values;
  const size_t margin = requests.size() / 10;
  for (size_t i = 0; i < result.ttft.size(); ++i) {
    if (requests[margin + i].client == client) values.push_back(result.ttft[i]);
  }
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[size_t(.99 * double(values.size() - 1))];
}

Fairness fairness(const Requests& requests, test::SimOptions options, uint64_t seed) {
  const double rate = capacity(requests, options.costs);
  options.tenants = true;
  Fairness answer;
  // Both send at twice what the engine can do, one of them three times as much as the other.
  Requests both = requests;
  test::set_arrivals(both, 4 * rate, 1, seed);
  for (size_t i = 0; i < both.size(); ++i) both[i].client = i % 4 == 0;
  test::SimOptions flooded = options;
  flooded.measure_until = both.back().arrival;
  const SimResult equal = run(both, flooded);
  answer.service_gap = equal.service_gap;
  answer.jain = equal.jain;
  // One at a fifth of the capacity, alone and beside one at twice the capacity.
  Requests mixed = requests, alone;
  test::set_arrivals(mixed, 2.2 * rate, 1, seed);
  for (size_t i = 0; i < mixed.size(); ++i) mixed[i].client = i % 11 == 0;
  for (const test::SimRequest& request : mixed) {
    if (request.client == 1) alone.push_back(request);
  }
  answer.ttft_p99_ratio = ttft_p99(mixed, run(mixed, options), 1) /
                          std::max(1e-9, ttft_p99(alone, run(alone, options), 1));
  return answer;
}

void print_goodput(const Arguments& arguments, const std::string& policy,
                   const std::string& workload, Json& rows) {
  const test::SimOptions options = options_of(arguments, policy, workload);
  const double share = arguments.number("goodput", .9);
  std::vector<double> rhos;
  for (uint64_t seed = 1; seed <= uint64_t(arguments.number("seeds", 5)); ++seed) {
    rhos.push_back(goodput(make_requests(arguments, workload, seed, options.costs), options, share,
                           arguments.number("gap-cv", 1), seed));
  }
  std::printf("%-14.14s %-15s goodput %.2f\n", workload.substr(workload.rfind('/') + 1).c_str(),
              policy.c_str(), median(rhos));
  std::fflush(stdout);
  Json json = Json::object();
  json.set("policy", policy);
  json.set("workload", workload);
  json.set("goodput_rho", median(rhos));
  rows.push_back(std::move(json));
}

void print_fairness(const Arguments& arguments, const std::string& policy,
                    const std::string& workload, Json& rows) {
  const test::SimOptions options = options_of(arguments, policy, workload);
  std::vector<double> gaps, jains, ratios;
  for (uint64_t seed = 1; seed <= uint64_t(arguments.number("seeds", 5)); ++seed) {
    const Fairness one =
        fairness(make_requests(arguments, workload, seed, options.costs), options, seed);
    gaps.push_back(one.service_gap);
    jains.push_back(one.jain);
    ratios.push_back(one.ttft_p99_ratio);
  }
  std::printf("%-14.14s %-15s service gap %.0f, jain %.4f, p99 TTFT beside a flood / alone %.2f\n",
              workload.substr(workload.rfind('/') + 1).c_str(), policy.c_str(),
              *std::max_element(gaps.begin(), gaps.end()), median(jains), median(ratios));
  std::fflush(stdout);
  Json json = Json::object();
  json.set("policy", policy);
  json.set("workload", workload);
  json.set("service_gap_max", *std::max_element(gaps.begin(), gaps.end()));
  json.set("jain", median(jains));
  json.set("ttft_p99_ratio", median(ratios));
  rows.push_back(std::move(json));
}

void write(const Arguments& arguments, Json rows) {
  const std::string path = arguments.text("json", "");
  if (path.empty()) return;
  Json report = Json::object();
  report.set("results", std::move(rows));
  std::ofstream(path) << report.dump_indented() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  const auto policies = split(arguments.text("policy", "fcfs,srpt,gittins,mlfq-skipjoin,mlfq"));
  const auto workloads = split(arguments.text("workload", "sharegpt"));
  const double rho = arguments.number("rho", .9), gap_cv = arguments.number("gap-cv", 1);
  const auto seeds = uint64_t(arguments.number("seeds", 5));
  Json rows = Json::array();
  if (arguments.values.contains("goodput") || arguments.values.contains("fairness")) {
    const bool fair = arguments.values.contains("fairness");
    for (const std::string& workload : workloads) {
      for (const std::string& policy : policies) {
        (fair ? print_fairness : print_goodput)(arguments, policy, workload, rows);
      }
    }
    write(arguments, std::move(rows));
    return 0;
  }
  std::printf(
      "%-14s %-15s  jct   norm   ttft    p99 |   slo  ttft_s  jct_s max_wait max_gap  "
      "preempt   jain  req/min\n",
      "workload", "policy");
  for (const std::string& workload : workloads) {
    std::vector<SimResult> fcfs;
    std::vector<Requests> inputs;
    // What ratios are taken against, whether its row is wanted or not.
    const test::SimOptions plain = options_of(arguments, "fcfs", workload);
    for (uint64_t seed = 0; seed < seeds; ++seed) {
      const uint64_t number = uint64_t(arguments.number("first-seed", 1)) + seed;
      Requests requests = make_requests(arguments, workload, number, plain.costs);
      if (arguments.number("own-arrivals", 0) == 0) {
        test::set_arrivals(requests, rho * capacity(requests, plain.costs), gap_cv, number);
      }
      if (!plain.time_plans) fcfs.push_back(run(requests, plain));
      inputs.push_back(std::move(requests));
    }
    for (const std::string& policy : policies) {
      const test::SimOptions options = options_of(arguments, policy, workload);
      std::vector<SimResult> results;
      const auto start = std::chrono::steady_clock::now();
      size_t count = 0;
      for (const Requests& requests : inputs) {
        results.push_back(run(requests, options));
        count += requests.size();
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      std::map<std::string, double> ratio;
      Json json = row(policy, workload, rho, results, fcfs, ratio);
      json.set("requests_per_minute", double(count) / took.count() * 60);
      const auto value = [&](const char* name) { return json.find(name)->if_double().value_or(0); };
      std::printf(
          "%-14.14s %-15s %5.2f  %5.2f  %5.3f  %5.2f | %5.3f  %6.2f %6.2f  %7.1f %7.1f %8.0f "
          " %5.3f %8.0f\n",
          workload.substr(workload.rfind('/') + 1).c_str(), policy.c_str(), ratio["jct_mean"],
          ratio["normalized_latency_mean"], ratio["ttft_mean"], ratio["jct_p99"],
          value("slo_attainment"), value("ttft_mean"), value("jct_mean"), value("max_wait"),
          value("max_gap_max"), value("preemptions"), value("jain"), value("requests_per_minute"));
      if (options.time_plans) {
        std::printf("    plan(): p50 %.2f us, p99 %.2f us\n", value("plan_p50_us"),
                    value("plan_p99_us"));
      }
      std::fflush(stdout);
      rows.push_back(std::move(json));
    }
  }
  write(arguments, std::move(rows));
  return 0;
}
