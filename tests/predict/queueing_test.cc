// SPDX-License-Identifier: Apache-2.0
#include "predict/queueing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "predict/queue_simulator.h"

namespace llmos::predict {
namespace {

TEST(Mm1, ClosedForms) {
  const QueueMeans means = *mm1(0.8, 1);
  EXPECT_NEAR(means.response, 5, 1e-12);
  EXPECT_NEAR(means.wait, 4, 1e-12);
  EXPECT_NEAR(means.in_system, 4, 1e-12);
  EXPECT_NEAR(means.queue_length, 3.2, 1e-12);
  EXPECT_NEAR(means.wait_probability, 0.8, 1e-12);
}

// Values of Erlang's published tables.
TEST(Erlang, MatchesPublishedTables) {
  EXPECT_NEAR(*erlang_b(1, 1), 0.5, 1e-15);
  EXPECT_NEAR(*erlang_b(10, 10), 0.21458, 1e-5);
  EXPECT_NEAR(*erlang_b(4.461, 10), 0.01, 1e-5);   // the 1 % table: 10 trunks carry 4.461 Erl
  EXPECT_NEAR(*erlang_b(84.06, 100), 0.01, 1e-5);  // and 100 carry 84.06
  EXPECT_NEAR(*erlang_c(2, 3), 4.0 / 9, 1e-12);    // a textbook's three servers at load 2
  EXPECT_NEAR(*erlang_c(1, 2), 1.0 / 3, 1e-12);
}

TEST(Erlang, AgreesWithTheSumOfItsSeries) {
  for (const int servers : {1, 2, 7, 30}) {
    for (const double rho : {0.1, 0.5, 0.9, 0.99}) {
      const double load = rho * servers;
      double term = 1, sum = 0;
      for (int k = 0; k < servers; ++k) sum += term, term *= load / (k + 1);
      EXPECT_NEAR(*erlang_b(load, servers), term / (sum + term), 1e-12);
      const double waiting = term / (1 - rho);
      EXPECT_NEAR(*erlang_c(load, servers), waiting / (sum + waiting), 1e-12);
    }
  }
}

TEST(Erlang, AMillionServersDoNotOverflow) {
  EXPECT_GT(*erlang_b(1e6, 1000000), 0);
  EXPECT_LT(*erlang_b(1e6, 1000000), 1e-3 * 2);
  EXPECT_NEAR(*erlang_b(1e300, 10), 1, 1e-12);
}

TEST(Mmc, UnstableOrSenselessInputIsInvalid) {
  EXPECT_EQ(mm1(1, 1).status().code(), Code::kInvalid);
  EXPECT_NE(mm1(2, 1).status().message().find("unstable"), std::string::npos);
  EXPECT_EQ(mm1(-1, 1).status().code(), Code::kInvalid);
  EXPECT_EQ(mm1(NAN, 1).status().code(), Code::kInvalid);
  EXPECT_EQ(mm1(1, 0).status().code(), Code::kInvalid);
  EXPECT_EQ(mm1(1, INFINITY).status().code(), Code::kInvalid);
  EXPECT_EQ(mmc(1, 1, 0).status().code(), Code::kInvalid);
  EXPECT_EQ(mmc(1, 1, kServersMax + 1).status().code(), Code::kInvalid);
  EXPECT_EQ(erlang_b(-1, 3).status().code(), Code::kInvalid);
  EXPECT_EQ(erlang_c(3, 3).status().code(), Code::kInvalid);
  EXPECT_EQ(mmc_wait_quantile(1, 2, 1, 1).status().code(), Code::kInvalid);
}

TEST(Mmc, IdleQueueNeverWaits) {
  EXPECT_EQ(mmc(0, 1, 4)->wait, 0);
  EXPECT_EQ(*mmc_wait_quantile(0, 1, 4, 0.99), 0);
}

TEST(Mmc, WaitQuantileIsTheExponentialTail) {
  EXPECT_NEAR(*mmc_wait_quantile(0.5, 1, 1, 0.9), std::log(5) / 0.5, 1e-12);
  EXPECT_EQ(*mmc_wait_quantile(0.5, 1, 1, 0.4), 0);  // half of all do not wait
}

TEST(Little, SolvesBothWays) {
  EXPECT_EQ(little_in_system(2, 3), 6);
  EXPECT_EQ(little_response(6, 2), 3);
}

class MmcOracle : public testing::TestWithParam<int> {};

TEST_P(MmcOracle, AgreesWithASimulation) {
  const int servers = GetParam();
  const double arrival = 0.8 * servers;
  const QueueMeans means = *mmc(arrival, 1, servers);
  const double quantile = *mmc_wait_quantile(arrival, 1, servers, 0.95);
  constexpr int kJobs = 20000, kSkipped = 2000;
  const auto run = [&](auto&& statistic) {
    return estimate(20, test_seed(100), [&](Random& random) {
      auto jobs = draw_jobs(
          kJobs, arrival, [](Random& r) { return r.exponential(1); }, random);
      simulate_servers(servers, jobs);
      double sum = 0;
      for (int i = kSkipped; i < kJobs; ++i) sum += statistic(jobs[size_t(i)]);
      return sum / (kJobs - kSkipped);
    });
  };
  const Estimate response = run([](const Job& job) { return job.response; });
  EXPECT_NEAR(response.mean, means.response, response.half_width);
  EXPECT_LT(response.half_width, 0.15 * means.response);  // or the line above says nothing
  const Estimate waits = run([](const Job& job) { return job.response - job.size > 1e-9; });
  EXPECT_NEAR(waits.mean, means.wait_probability, waits.half_width);
  const Estimate within = run([&](const Job& job) { return job.response - job.size <= quantile; });
  EXPECT_NEAR(within.mean, 0.95, within.half_width);
}

INSTANTIATE_TEST_SUITE_P(Servers, MmcOracle, testing::Values(1, 2, 8));

}  // namespace
}  // namespace llmos::predict
