// SPDX-License-Identifier: Apache-2.0
// The policies as users meet them: closed forms with one slot, the published ratios, the waiting
// bound, fairness, and what a decision costs.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <string>

#include "base/rng.h"
#include "base/rng_distributions.h"
#include "predict/mg1.h"
#include "support/sched_simulator.h"
#include "support/test_seed.h"

namespace llmos::test {
namespace {

std::vector<SimRequest> workload(const char* name, double rho, double gap_cv = 1,
                                 uint32_t count = 2000, uint64_t seed = 1,
                                 const SchedulingCosts& costs = {}) {
  auto requests = *make_workload({.name = name, .requests = count, .seed = seed});
  set_arrivals(requests, rho * *capacity_rate(requests, costs), gap_cv, seed);
  return requests;
}

SimResult run(const std::vector<SimRequest>& requests, const char* policy,
              const SchedulingCosts& costs = {}) {
  SimOptions options;
  options.policy = policy;
  options.costs = costs;
  const Result<SimResult> result = simulate(requests, options);
  EXPECT_TRUE(result.ok()) << result.status().message();
  return *result;
}

// One slot, lengths exponential: an M/G/1 queue whose formulas are known.
TEST(Simulation, OneSlotIsMG1) {
  SchedulingCosts costs;
  costs.slots = 1;
  costs.prompt_token = costs.decode = costs.context_token = costs.swap_token = 0;
  costs.step = .01;
  costs.kv_tokens = 1 << 30;  // tokens are counted, memory is no limit
  constexpr double kMean = 100, kRho = .7;
  const double rate = kRho / (kMean * costs.step);
  const auto service = *predict::ServiceDistribution::exponential(kMean * costs.step);
  // gittins: exponential lengths have no age, so it serves like anybody who is blind.
  for (const auto& [policy, discipline] : {std::pair("fcfs", predict::Discipline::kFcfs),
                                           std::pair("gittins", predict::Discipline::kFcfs),
                                           std::pair("srpt", predict::Discipline::kSrpt),
                                           std::pair("sjf", predict::Discipline::kSjf)}) {
    double sum = 0;
    constexpr int kSeeds = 4;
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      Rng rng(20 + seed);
      std::vector<SimRequest> requests(20000);
      for (SimRequest& r : requests) {
        r.prompt_tokens = 1;
        r.output_tokens = 1 + uint32_t(kMean * exponential(rng));
      }
      set_arrivals(requests, rate, 1, 40 + seed);
      sum += run(requests, policy, costs).jct_mean / kSeeds;
    }
    const double wanted = predict::mg1_means(discipline, service, rate)->response;
    EXPECT_NEAR(sum / wanted, 1, .06) << policy << ": " << sum << " s, not " << wanted << " s";
  }
}

// Lengths of varying more than exponential ones: serving the least served first pays, as the
// formulas say, and the multilevel queue comes near it.
TEST(Simulation, OneSlotWithLongTailsIsMG1) {
  SchedulingCosts costs;
  costs.slots = 1;
  costs.prompt_token = costs.decode = costs.context_token = costs.swap_token = 0;
  costs.step = .01;
  costs.kv_tokens = 1 << 30;
  constexpr double kMean = 100, kCv = 2, kRho = .7;
  const double rate = kRho / (kMean * costs.step);
  const auto service = *predict::ServiceDistribution::log_normal(kMean * costs.step, kCv);
  const auto wanted = [&](predict::Discipline discipline) {
    return predict::mg1_means(discipline, service, rate)->response;
  };
  const double sigma = std::sqrt(std::log1p(kCv * kCv));
  std::map<std::string, double> means;
  constexpr int kSeeds = 4;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Rng rng(70 + seed);
    std::vector<SimRequest> requests(20000);
    for (SimRequest& r : requests) {
      const double length = kMean * std::exp(sigma * normal(rng) - sigma * sigma / 2);
      r.prompt_tokens = 1;
      r.output_tokens = uint32_t(std::max(1.0, std::round(length)));
    }
    set_arrivals(requests, rate, 1, 90 + seed);
    for (const char* policy : {"fcfs", "srpt", "mlfq-skipjoin"}) {
      means[policy] += run(requests, policy, costs).jct_mean / kSeeds;
    }
  }
  EXPECT_NEAR(means["fcfs"] / wanted(predict::Discipline::kFcfs), 1, .2);  // its tail is long
  EXPECT_NEAR(means["srpt"] / wanted(predict::Discipline::kSrpt), 1, .06);
  const double las = wanted(predict::Discipline::kLas);
  EXPECT_NEAR(means["mlfq-skipjoin"] / las, 1, .2);  // quanta double: not quite the least served
  EXPECT_LT(means["mlfq-skipjoin"], .6 * means["fcfs"]);
}

// The rows of the design's table, medians of 5 seeds there. Single seeds differ by .1: .1 is what
// 3 seeds can be held to; the bench's 20 seeds are within .03 where bench/README.md says so.
TEST(Simulation, ReferenceRatiosAreReproduced) {
  struct Row {
    const char* workload;
    double jct, normalised;
  };
  for (const Row& row : {Row{"sharegpt", .84, .63}, {"alpaca", .79, .50}, {"heavy", .63, .35}}) {
    std::vector<double> jct, normalised;
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      const auto requests = workload(row.workload, .9, 1, 5000, seed);
      const SimResult fcfs = run(requests, "fcfs"), srpt = run(requests, "srpt");
      jct.push_back(srpt.jct_mean / fcfs.jct_mean);
      normalised.push_back(srpt.normalized_latency_mean / fcfs.normalized_latency_mean);
    }
    std::sort(jct.begin(), jct.end());
    std::sort(normalised.begin(), normalised.end());
    EXPECT_NEAR(jct[1], row.jct, .1) << row.workload;
    EXPECT_NEAR(normalised[1], row.normalised, .1) << row.workload;
  }
}

TEST(Simulation, SameSeedSameDecisions) {
  const auto requests = workload("azure-conv", .9, 3, 800);
  EXPECT_EQ(run(requests, "mlfq").digest, run(requests, "mlfq").digest);
  EXPECT_NE(run(requests, "mlfq").digest, run(requests, "fcfs").digest);
}

// A burst of short requests over long ones: nobody waits beyond the promise.
TEST(Simulation, TheWaitingBoundHoldsUnderBursts) {
  Rng rng(3);
  std::vector<SimRequest> requests;
  for (int burst = 0; burst < 12; ++burst) {
    for (int i = 0; i < 150; ++i) {
      const bool large = i % 15 == 0;
      requests.push_back({burst * 14.0, large ? 3000u : 50 + uint32_t(rng.below(100)),
                          large ? 800u : 5 + uint32_t(rng.below(60)), 0});
    }
  }
  SimOptions options;
  options.policy = "mlfq";
  double bound = 0;
  options.watch = [&](const sched::Scheduler& scheduler, double) {
    bound = std::max(bound, scheduler.waiting_bound());
  };
  const SimResult result = *simulate(requests, options);
  EXPECT_GT(result.max_wait, 10);  // the promotion had to work
  EXPECT_LT(result.max_wait, bound);
  EXPECT_TRUE(std::isfinite(bound));
}

// Whatever arrives: what was promised to a request when it came is kept, as long as nobody comes
// after it who makes the promise larger.
TEST(Simulation, TheWaitingBoundHoldsWhateverArrives) {
  const uint64_t base = seed("waiting bound");
  for (uint64_t round = 0; round < 12; ++round) {
    Rng rng(base, round);
    SchedulingCosts costs;
    costs.slots = 2 + uint32_t(rng.below(16));
    costs.kv_tokens = 3000 + uint32_t(rng.below(12000));
    costs.swap_token *= std::exp(2 * rng.uniform());
    std::vector<SimRequest> requests;
    double now = 0;
    while (requests.size() < 400) {
      now += rng.uniform() * 20;
      const uint64_t burst = rng.below(80);
      const uint32_t longest = 1 + uint32_t(rng.below(costs.kv_tokens / 2));
      for (uint64_t i = 0; i < burst; ++i) {
        const bool large = rng.bernoulli(.1);
        requests.push_back({now, 1 + uint32_t(rng.below(large ? longest : 100)),
                            1 + uint32_t(rng.below(large ? longest / 2 + 1 : 60)), 0});
      }
    }
    SimOptions options;
    options.policy = "mlfq";
    options.costs = costs;
    double bound = 0;
    options.watch = [&](const sched::Scheduler& scheduler, double) {
      bound = std::max(bound, scheduler.waiting_bound());
    };
    const Result<SimResult> result = simulate(requests, options);
    ASSERT_TRUE(result.ok());
    EXPECT_LT(result->max_wait, bound) << "round " << round;
  }
}

// Hints help as far as they are right, and wrong ones are found out.
TEST(Simulation, HintsHelpAndUselessOnesDoNoHarm) {
  const auto requests = workload("sharegpt", .9, 1, 4000);
  const auto with = [&](double sigma) {
    SimOptions options;
    options.policy = "mlfq";
    options.hint_sigma = sigma;
    return simulate(requests, options)->jct_mean;
  };
  const double none = with(-1);
  EXPECT_LT(with(.5), .97 * none);
  EXPECT_LT(with(5), 1.1 * none);
}

TEST(Simulation, LevelsBeatArrivalOrderWhereTheyShould) {
  for (const char* name : {"sharegpt", "alpaca", "heavy", "azure-conv"}) {
    const auto requests = workload(name, .9, 1, 3000);
    const SimResult fcfs = run(requests, "fcfs"), mlfq = run(requests, "mlfq");
    EXPECT_LT(mlfq.ttft_mean, .35 * fcfs.ttft_mean) << name;
    EXPECT_LT(mlfq.normalized_latency_mean, .85 * fcfs.normalized_latency_mean) << name;
    EXPECT_LT(mlfq.jct_mean, 1.1 * fcfs.jct_mean) << name;
  }
}

// Nobody idles while work could be done: as much is done per second as first come, first served.
TEST(Simulation, WorkIsConserved) {
  auto requests = workload("alpaca", .9, 1, 1500);
  for (SimRequest& r : requests) r.arrival = 0;
  const double fcfs = run(requests, "fcfs").makespan;
  EXPECT_NEAR(run(requests, "mlfq").makespan / fcfs, 1, .05);
  EXPECT_NEAR(run(requests, "fair").makespan / fcfs, 1, .05);
}

TEST(Simulation, TenantsShareWhenBothAreBacklogged) {
  auto requests = *make_workload({.name = "alpaca", .requests = 2000, .seed = 3});
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].client = i % 5 == 0 ? 1 : 0;  // one sends four times as many
    requests[i].arrival = double(i) * .004;   // far beyond capacity
  }
  for (const char* policy : {"fair", "mlfq"}) {
    SimOptions options;
    options.policy = policy;
    options.tenants = true;
    options.measure_until = 15;
    const SimResult result = *simulate(requests, options);
    EXPECT_GT(result.jain, .99) << policy;
    EXPECT_LT(result.service_gap, 2.0 * 2 * 15000) << policy;  // VTC's bound: 2 max(L, 2 M)
  }
}

// A step is not slower for what waits: 100,000 queued requests against 1,000. Medians of real time,
// so the bound is loose here; bench/README.md has the figure.
TEST(Simulation, AHundredThousandMayWait) {
  const auto plan_us = [](uint32_t count) {
    auto requests = *make_workload({.name = "alpaca", .requests = count, .seed = 2});
    for (SimRequest& r : requests) r.arrival = 0;
    SimOptions options;
    options.policy = "mlfq";
    options.steps_max = 300;
    options.time_plans = true;
    return simulate(requests, options)->plan_p50_us;
  };
  // Of a step of 17 ms a tenth would be 1.7 ms; a plan takes some microseconds whatever waits.
  EXPECT_LT(plan_us(100000), plan_us(1000) + 300);
}

// What a plan costs with 256 running and 10,000 waiting. The bound is loose: other programs share
// the machine, and the checks of this build are on; bench/README.md has the figure.
TEST(Simulation, ADecisionIsCheapWhateverWaits) {
  SchedulingCosts costs;
  costs.slots = 256;
  costs.tokens_per_step = 2048;
  costs.kv_tokens = 400000;
  auto requests = *make_workload({.name = "sharegpt", .requests = 10500, .seed = 2});
  for (SimRequest& r : requests) r.arrival = 0;
  SimOptions options;
  options.policy = "mlfq";
  options.costs = costs;
  options.steps_max = 600;
  options.time_plans = true;
  const SimResult result = *simulate(requests, options);
  EXPECT_LT(result.plan_p50_us, 400);
  EXPECT_GT(result.plan_p50_us, 0);
}

}  // namespace
}  // namespace llmos::test
