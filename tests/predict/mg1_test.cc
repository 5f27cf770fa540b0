// SPDX-License-Identifier: Apache-2.0
#include "predict/mg1.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "predict/queue_simulator.h"

namespace llmos::predict {
namespace {

constexpr Discipline kAll[] = {Discipline::kFcfs, Discipline::kPs, Discipline::kSjf,
                               Discipline::kLas, Discipline::kSrpt};

double response(Discipline discipline, const ServiceDistribution& service, double rho) {
  return mg1_means(discipline, service, rho / service.mean())->response / service.mean();
}

double slowdown(Discipline discipline, const ServiceDistribution& service, double rho) {
  return mg1_means(discipline, service, rho / service.mean())->slowdown;
}

// "Mean response in units of mean service, M/G/1": rows as computed for the project's goals, with
// an independent program. A cell passes when it rounds to what stands there.
struct TableRow {
  double cv;  // 0: exponential
  double rho;
  std::array<const char*, 5> cells;  // fcfs, ps, sjf, las, srpt
};

double half_last_digit(const std::string& cell) {
  const size_t point = cell.find('.');
  return point == std::string::npos ? 0.5 : 0.5 * std::pow(10, -double(cell.size() - point - 1));
}

TEST(Mg1, ReproducesTheTableOfMeanResponses) {
  const TableRow table[] = {
      {0, .7, {"3.33", "3.33", "2.31", "3.33", "1.87"}},
      {0, .9, {"10.0", "10", "4.20", "10.0", "3.55"}},
      {.87, .7, {"3.05", "3.33", "2.25", "3.27", "1.87"}},
      {.87, .9, {"8.91", "10", "4.06", "9.10", "3.44"}},
      {1.16, .7, {"3.74", "3.33", "2.50", "3.03", "1.84"}},
      {1.16, .9, {"11.6", "10", "4.33", "7.82", "3.27"}},
      {2.0, .7, {"6.83", "3.33", "3.67", "2.71", "1.80"}},
      {2.0, .9, {"23.5", "10", "5.91", "6.25", "3.03"}},
      {3.33, .7, {"15.1", "3.33", "6.65", "2.52", "1.78"}},
      {3.33, .9, {"55.4", "10", "10.1", "5.42", "2.91"}},
  };
  for (const TableRow& row : table) {
    const ServiceDistribution service = row.cv == 0 ? *ServiceDistribution::exponential(1)
                                                    : *ServiceDistribution::log_normal(1, row.cv);
    for (size_t i = 0; i < 5; ++i) {
      const std::string cell = row.cells[i];
      EXPECT_NEAR(response(kAll[i], service, row.rho), std::stod(cell),
                  half_last_digit(cell) * 1.0001)
          << discipline_name(kAll[i]) << " cv " << row.cv << " rho " << row.rho;
    }
  }
}

TEST(Mg1, ReproducesTheMeanSlowdowns) {
  struct Row {
    double cv;
    std::array<const char*, 4> cells;  // fcfs, ps, las, srpt
  };
  const Row table[] = {{.87, {"14.9", "10", "5.2", "2.0"}},
                       {1.16, {"25.8", "10", "3.9", "1.8"}},
                       {3.33, {"659", "10", "1.8", "1.3"}}};
  const Discipline columns[] = {Discipline::kFcfs, Discipline::kPs, Discipline::kLas,
                                Discipline::kSrpt};
  for (const Row& row : table) {
    const ServiceDistribution service = *ServiceDistribution::log_normal(1, row.cv);
    for (size_t i = 0; i < 4; ++i) {
      const std::string cell = row.cells[i];
      EXPECT_NEAR(slowdown(columns[i], service, 0.9), std::stod(cell),
                  half_last_digit(cell) * 1.0001)
          << discipline_name(columns[i]) << " cv " << row.cv;
    }
  }
}

TEST(Mg1, ExponentialIsMm1UnderEveryBlindDiscipline) {
  const ServiceDistribution service = *ServiceDistribution::exponential(2);
  for (const double rho : {0.1, 0.5, 0.9, 0.99}) {
    for (const Discipline d : {Discipline::kFcfs, Discipline::kPs, Discipline::kLas}) {
      EXPECT_NEAR(response(d, service, rho) * (1 - rho), 1, 1e-6) << discipline_name(d) << rho;
    }
  }
}

TEST(Mg1, DeterministicClosedForms) {
  const ServiceDistribution service = *ServiceDistribution::deterministic(3);
  const double rho = 0.8, wait = rho / (2 * (1 - rho));  // M/D/1, in units of service
  for (const Discipline d : {Discipline::kFcfs, Discipline::kSjf, Discipline::kSrpt}) {
    EXPECT_NEAR(response(d, service, rho), 1 + wait, 1e-9) << discipline_name(d);
  }
  EXPECT_NEAR(response(Discipline::kPs, service, rho), 5, 1e-12);
  EXPECT_NEAR(response(Discipline::kLas, service, rho), rho / 2 / 0.04 + 5, 1e-9);
}

// A job longer than all others, under a discipline that lets all others pass: a busy period.
TEST(Mg1, SizesAtTheEndsBehaveAsTheyMust) {
  const ServiceDistribution service = *ServiceDistribution::bounded_pareto(1.1, 8, 4096);
  const double rate = 0.8 / service.mean();
  const double wait = rate * service.second_moment() / 2;
  EXPECT_NEAR(*mg1_response(Discipline::kFcfs, service, rate, 1), wait / 0.2 + 1, 1e-9 * wait);
  EXPECT_NEAR(*mg1_response(Discipline::kSjf, service, rate, 1), wait + 1, 1e-9 * wait);
  EXPECT_NEAR(*mg1_response(Discipline::kSjf, service, rate, 5000), wait / 0.04 + 5000,
              1e-6 * wait);
  EXPECT_NEAR(*mg1_response(Discipline::kSrpt, service, rate, 1e9), 1e9 / 0.2, 1e9 / 0.2 * 0.01);
  EXPECT_NEAR(*mg1_response(Discipline::kLas, service, rate, 1e9), 1e9 / 0.2, 1e9 / 0.2 * 0.01);
}

TEST(Mg1, SrptIsBestAndLasBeatsPsWhereTheHazardFalls) {
  const ServiceDistribution pareto = *ServiceDistribution::bounded_pareto(1.1, 8, 4096);
  for (const double rho : {0.3, 0.6, 0.9}) {
    const double best = response(Discipline::kSrpt, pareto, rho);
    for (const Discipline d : kAll) EXPECT_LE(best, response(d, pareto, rho) * (1 + 1e-9));
    EXPECT_LT(response(Discipline::kLas, pareto, rho), response(Discipline::kPs, pareto, rho));
  }
}

TEST(Mg1, InfiniteSlowdownIsSaidSo) {
  const ServiceDistribution service = *ServiceDistribution::exponential(1);
  EXPECT_TRUE(std::isinf(slowdown(Discipline::kFcfs, service, 0.5)));
  EXPECT_TRUE(std::isinf(slowdown(Discipline::kSjf, service, 0.5)));
  EXPECT_EQ(slowdown(Discipline::kFcfs, service, 0), 1);
  EXPECT_TRUE(std::isfinite(slowdown(Discipline::kLas, service, 0.5)));
  EXPECT_TRUE(std::isfinite(slowdown(Discipline::kSrpt, service, 0.5)));
}

TEST(Mg1, IdleServerServesAtOnce) {
  const ServiceDistribution service = *ServiceDistribution::log_normal(5, 1.2);
  for (const Discipline d : kAll) {
    EXPECT_NEAR(mg1_means(d, service, 0)->response, 5, 5e-6) << discipline_name(d);
    EXPECT_NEAR(mg1_means(d, service, 0)->slowdown, 1, 1e-6) << discipline_name(d);
  }
}

TEST(Mg1, UnstableOrSenselessInputIsInvalid) {
  const ServiceDistribution service = *ServiceDistribution::exponential(1);
  for (const Discipline d : kAll) {
    EXPECT_EQ(mg1_means(d, service, 1).status().code(), Code::kInvalid);
    EXPECT_EQ(mg1_means(d, service, -1).status().code(), Code::kInvalid);
    EXPECT_EQ(mg1_means(d, service, NAN).status().code(), Code::kInvalid);
    EXPECT_EQ(mg1_response(d, service, 0.5, 0).status().code(), Code::kInvalid);
    EXPECT_EQ(mg1_response(d, service, 0.5, INFINITY).status().code(), Code::kInvalid);
  }
}

TEST(ServiceDistribution, RefusesNonsense) {
  using D = ServiceDistribution;
  EXPECT_EQ(D::exponential(0).status().code(), Code::kInvalid);
  EXPECT_EQ(D::exponential(1e300).status().code(), Code::kInvalid);  // no second moment
  EXPECT_EQ(D::log_normal(1, 0).status().code(), Code::kInvalid);
  EXPECT_EQ(D::bounded_pareto(1, 2, 2).status().code(), Code::kInvalid);
  EXPECT_EQ(D::deterministic(NAN).status().code(), Code::kInvalid);
  const std::vector<double> edges{0, 1, 2}, falling{0, 2, 1};
  EXPECT_EQ(D::histogram(edges, std::vector<double>{1}).status().code(), Code::kInvalid);
  EXPECT_EQ(D::histogram(falling, std::vector<double>{1, 1}).status().code(), Code::kInvalid);
  EXPECT_EQ(D::histogram(edges, std::vector<double>{0, 0}).status().code(), Code::kInvalid);
  EXPECT_EQ(D::histogram(edges, std::vector<double>{1, -1}).status().code(), Code::kInvalid);
}

std::vector<std::pair<const char*, ServiceDistribution>> distributions() {
  const std::vector<double> edges{0, 1, 3, 10}, weights{5, 3, 2};
  return {{"exponential", *ServiceDistribution::exponential(2)},
          {"log-normal", *ServiceDistribution::log_normal(3, 1.5)},
          {"bounded Pareto", *ServiceDistribution::bounded_pareto(1.1, 1, 100)},
          {"bounded Pareto, shape 1", *ServiceDistribution::bounded_pareto(1, 1, 100)},
          {"histogram", *ServiceDistribution::histogram(edges, weights)}};
}

// Oracle: the trapezium rule over the density.
TEST(ServiceDistribution, PartialMomentsAreIntegralsOfTheDensity) {
  for (const auto& [name, d] : distributions()) {
    double moments[3] = {0, 0, 0};
    double x = 1e-9;
    for (int i = 0; i < 400000; ++i) {
      const double next = x * 1.0001, middle = 0.5 * (x + next);
      for (int k = 0; k < 3; ++k) moments[k] += (next - x) * d.pdf(middle) * std::pow(middle, k);
      x = next;
      if (i % 20000 != 0) continue;
      // Midpoints next to a jump of the density are wrong by up to its height times one step.
      for (int k = 0; k < 3; ++k) {
        ASSERT_NEAR(moments[k], d.partial_moment(k, x), 2e-4 * (1 + d.partial_moment(k, x)))
            << name << " k " << k << " x " << x;
      }
    }
    EXPECT_NEAR(d.cdf(1e12), 1, 1e-12) << name;
    EXPECT_NEAR(d.mean(), d.partial_moment(1, 1e12), 1e-9 * d.mean()) << name;
    EXPECT_EQ(d.cdf(-1), 0) << name;
  }
}

TEST(ServiceDistribution, InverseMean) {
  EXPECT_TRUE(std::isinf(ServiceDistribution::exponential(1)->inverse_mean()));
  EXPECT_NEAR(ServiceDistribution::deterministic(4)->inverse_mean(), 0.25, 1e-15);
  const std::vector<double> edges{1, 3}, from_zero{0, 3}, one{1};
  EXPECT_NEAR(ServiceDistribution::histogram(edges, one)->inverse_mean(), std::log(3) / 2, 1e-12);
  EXPECT_TRUE(std::isinf(ServiceDistribution::histogram(from_zero, one)->inverse_mean()));
  // Shape 1 on [1, 100]: integral of x^-3 over its norm.
  const double norm = 1 - 0.01;
  EXPECT_NEAR(ServiceDistribution::bounded_pareto(1, 1, 100)->inverse_mean(), (1 - 1e-4) / 2 / norm,
              1e-12);
}

// A histogram fine enough is the distribution it was made of: two independent code paths.
TEST(Mg1, FineHistogramAgreesWithTheLogNormal) {
  const ServiceDistribution smooth = *ServiceDistribution::log_normal(1, 1.16);
  std::vector<double> edges, weights;
  for (int i = 0; i <= 1500; ++i) edges.push_back(1e-3 * std::pow(1e6, i / 1500.0));
  for (int i = 0; i < 1500; ++i)
    weights.push_back(smooth.cdf(edges[size_t(i) + 1]) - smooth.cdf(edges[size_t(i)]));
  const ServiceDistribution binned = *ServiceDistribution::histogram(edges, weights);
  for (const Discipline d : kAll) {
    const double rate = 0.9;
    EXPECT_NEAR(mg1_means(d, binned, rate)->response / mg1_means(d, smooth, rate)->response, 1,
                2e-3)
        << discipline_name(d);
  }
}

struct Sizes {
  const char* name;
  ServiceDistribution service;
  double (*draw)(Random&);
};

std::vector<Sizes> simulated() {
  const std::vector<double> edges{0, 1, 4}, weights{3, 1};
  return {{"exponential", *ServiceDistribution::exponential(1),
           [](Random& r) { return r.exponential(1); }},
          {"log-normal cv 1.3", *ServiceDistribution::log_normal(1, 1.3),
           [](Random& r) {
             const double variance = std::log1p(1.3 * 1.3);
             return std::exp(-variance / 2 + std::sqrt(variance) * r.normal());
           }},
          {"bounded Pareto", *ServiceDistribution::bounded_pareto(1.5, 1, 50),
           [](Random& r) {
             const double span = 1 - std::pow(50, -1.5);
             return std::pow(1 - r.uniform() * span, -1 / 1.5);
           }},
          {"deterministic", *ServiceDistribution::deterministic(1), [](Random&) { return 1.0; }},
          {"histogram", *ServiceDistribution::histogram(edges, weights),
           [](Random& r) { return r.uniform() < 0.75 ? r.uniform() : 1 + 3 * r.uniform(); }}};
}

class Mg1Oracle : public testing::TestWithParam<Discipline> {};

TEST_P(Mg1Oracle, AgreesWithASimulation) {
  const Discipline discipline = GetParam();
  constexpr int kJobs = 12000, kSkipped = 1000;
  constexpr double kRho = 0.7;
  for (const Sizes& sizes : simulated()) {
    const double rate = kRho / sizes.service.mean();
    const auto run = [&](auto&& statistic) {
      return estimate(16, test_seed(500), [&](Random& random) {
        auto jobs = draw_jobs(kJobs, rate, sizes.draw, random);
        simulate_single_server(discipline, jobs);
        double sum = 0;
        for (int i = kSkipped; i < kJobs; ++i) sum += statistic(jobs[size_t(i)]);
        return sum / (kJobs - kSkipped);
      });
    };
    const Mg1Means means = *mg1_means(discipline, sizes.service, rate);
    const Estimate mean = run([](const Job& job) { return job.response; });
    EXPECT_NEAR(mean.mean, means.response, mean.half_width) << sizes.name;
    EXPECT_LT(mean.half_width, 0.15 * means.response) << sizes.name;
    if (!std::isfinite(means.slowdown)) continue;
    const Estimate slow = run([](const Job& job) { return job.response / job.size; });
    EXPECT_NEAR(slow.mean, means.slowdown, slow.half_width) << sizes.name;
  }
}

TEST_P(Mg1Oracle, ResponseBySizeAgreesWithASimulation) {
  const Discipline discipline = GetParam();
  const Sizes sizes = simulated()[1];
  const double rate = 0.7;
  // The response averaged over a narrow band of sizes around x.
  for (const double x : {0.3, 1.0, 3.0}) {
    const Estimate band = estimate(16, test_seed(900), [&](Random& random) {
      auto jobs = draw_jobs(12000, rate, sizes.draw, random);
      simulate_single_server(discipline, jobs);
      double sum = 0, count = 0;
      for (size_t i = 1000; i < jobs.size(); ++i) {
        if (std::abs(jobs[i].size / x - 1) > 0.1) continue;
        sum += jobs[i].response - *mg1_response(discipline, sizes.service, rate, jobs[i].size);
        ++count;
      }
      return sum / count;
    });
    EXPECT_NEAR(band.mean, 0, band.half_width) << x;
    EXPECT_LT(band.half_width, 0.2 * *mg1_response(discipline, sizes.service, rate, x)) << x;
  }
}

INSTANTIATE_TEST_SUITE_P(Disciplines, Mg1Oracle, testing::ValuesIn(kAll),
                         [](const auto& tested) { return discipline_name(tested.param); });

}  // namespace
}  // namespace llmos::predict
