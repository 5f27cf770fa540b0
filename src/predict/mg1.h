// SPDX-License-Identifier: Apache-2.0
// The M/G/1 queue under five disciplines: mean response of a job of size x, mean over all jobs, and
// mean slowdown E[T / S]. Poisson arrivals, one server, sizes from a ServiceDistribution.
//
//   fcfs  W + x, W = lambda E[S^2] / (2 (1 - rho))                      (Pollaczek-Khinchine)
//   ps    x / (1 - rho)
//   sjf   lambda E[S^2] / (2 (1 - rho(x-)) (1 - rho(x))) + x             non-preemptive
//   las   lambda INT_0^x t F'(t) dt / (1 - rho_x)^2 + x / (1 - rho_x)    foreground-background
//   srpt  lambda INT_0^x t F'(t) dt / ((1 - rho(x-)) (1 - rho(x))) + INT_0^x dt / (1 - rho(t))
// with F' = 1 - F, rho(x) = lambda INT_0^x t dF(t), rho_x = lambda INT_0^x F'(t) dt. (Kleinrock,
// "Queueing Systems" vol. 2; Schrage & Miller 1966; Harchol-Balter, "Performance Modeling and
// Design of Computer Systems", ch. 29-33.) Jobs of equal size are served in order of arrival,
// except under las, which shares between them.
//
// Accuracy  Means integrate over panels of at most 10 % in x, 8-point Gauss-Legendre each: relative
//           error below 1e-6 (the tests hold it against closed forms and against refined panels).
//           fcfs, ps and all single sizes except srpt are closed forms.
// Failure   kInvalid for rho >= 1, a negative rate, or an x that is not positive and finite. A mean
//           slowdown that does not exist (fcfs and sjf when E[1/S] is infinite) is +infinity.
// Cost      O(1) for one size (srpt: O(panels)); O(panels) for a mean; panels number about 300.
#pragma once

#include <cstdint>

#include "llmos/status.h"
#include "predict/service.h"

namespace llmos::predict {

enum class Discipline : uint8_t { kFcfs, kPs, kSjf, kLas, kSrpt };

// "fcfs", "ps", "sjf", "las", "srpt".
const char* discipline_name(Discipline discipline);

// Mean response of a job of size x.
Result<double> mg1_response(Discipline discipline, const ServiceDistribution& service,
                            double arrival_rate, double x);

struct Mg1Means {
  double response{};
  double slowdown{};
};

Result<Mg1Means> mg1_means(Discipline discipline, const ServiceDistribution& service,
                           double arrival_rate);

}  // namespace llmos::predict
