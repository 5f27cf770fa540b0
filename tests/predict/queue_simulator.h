// SPDX-License-Identifier: Apache-2.0
// Discrete-event simulation of one preemptive server under each discipline, and of c servers in
// order of arrival: the oracle of predict/queueing and predict/mg1. Written for plainness: every
// event walks all jobs in the system.
#pragma once

#include <functional>
#include <vector>

#include "predict/mg1.h"
#include "predict/random.h"

namespace llmos::predict {

struct Job {
  double arrival;
  double size;
  double response;  // filled in
};

// Poisson arrivals with sizes drawn by `size`.
std::vector<Job> draw_jobs(int count, double arrival_rate,
                           const std::function<double(Random&)>& size, Random& random);

void simulate_single_server(Discipline discipline, std::vector<Job>& jobs);
void simulate_servers(int servers, std::vector<Job>& jobs);

// The mean of `runs` independent runs of a statistic, and half its confidence interval
// (Student's t; coverage 99.9 %, so that a suite of fifty such tests fails by chance once in twenty
// seeds, and never with a fixed one that passes).
struct Estimate {
  double mean;
  double half_width;
};
Estimate estimate(int runs, uint64_t seed, const std::function<double(Random&)>& run);

}  // namespace llmos::predict
