// SPDX-License-Identifier: Apache-2.0
#include "predict/mg1.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace llmos::predict {
namespace {

// Gauss-Legendre, 8 points on [-1, 1]: nodes and weights of the positive half (DLMF table 3.5.2).
constexpr double kNodes[] = {0.1834346424956498, 0.5255324099163290, 0.7966664774136267,
                             0.9602898564975363};
constexpr double kWeights[] = {0.3626837833783620, 0.3137066458778873, 0.2223810344533745,
                               0.1012285362903763};

// Integral of f over [low, high].
template <class F>
double integrate(double low, double high, F&& f) {
  const double middle = 0.5 * (low + high), half = 0.5 * (high - low);
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    sum += kWeights[i] * (f(middle - half * kNodes[i]) + f(middle + half * kNodes[i]));
  }
  return sum * half;
}

// One queue: the formulas of the header.
class Mg1 {
 public:
  Mg1(const ServiceDistribution& service, double arrival_rate)
      : service_(service), rate_(arrival_rate), rho_(arrival_rate * service.mean()) {}

  // `residence` is INT_0^x dt / (1 - rho(t)), which only srpt asks for.
  double response(Discipline discipline, double x, double residence) const {
    const double second = rate_ * service_.second_moment() / 2;
    switch (discipline) {
      case Discipline::kFcfs:
        return second / (1 - rho_) + x;
      case Discipline::kPs:
        return x / (1 - rho_);
      case Discipline::kSjf:
        return second / (left(x) * left_below(x)) + x;
      case Discipline::kLas: {
        const double share = 1 - rate_ * survival(0, x);
        return rate_ * survival(1, x) / (share * share) + x / share;
      }
      case Discipline::kSrpt:
        return rate_ * survival(1, x) / (left(x) * left_below(x)) + residence;
    }
    return 0;
  }

  // INT_low^high dt / (1 - rho(t)).
  double residence(double low, double high) const {
    return integrate(low, high, [&](double t) { return 1 / left_below(t); });
  }

  double residence(double x) const {
    double sum = 0, low = 0;
    for (const double edge : service_.panels()) {
      if (edge >= x) break;
      sum += residence(low, edge);
      low = edge;
    }
    return sum + residence(low, x);
  }

  Mg1Means means(Discipline discipline) const {
    Mg1Means means;
    double residence_low = 0, low = 0;
    for (const double edge : service_.panels()) {
      const double from = low;
      const double before = residence_low;
      const auto weighed = [&](double x, double by) {
        const double inner = discipline == Discipline::kSrpt ? before + residence(from, x) : 0;
        return service_.pdf(x) * response(discipline, x, inner) / by;
      };
      // Below the first edge lies nothing that counts, except in a histogram, whose first edge is
      // 0.
      if (edge != service_.panels().front()) {
        means.response += integrate(from, edge, [&](double x) { return weighed(x, 1); });
        means.slowdown += integrate(from, edge, [&](double x) { return weighed(x, x); });
      }
      if (discipline == Discipline::kSrpt) residence_low += residence(from, edge);
      low = edge;
    }
    return means;
  }

 private:
  double left(double x) const { return 1 - rate_ * service_.partial_moment(1, x); }
  double left_below(double x) const { return 1 - rate_ * service_.partial_moment_below(1, x); }

  // INT_0^x t^k (1 - F(t)) dt, by parts: (E[S^(k+1); S <= x] + x^(k+1) P(S > x)) / (k + 1).
  double survival(int k, double x) const {
    const double beyond = std::max(0.0, 1 - service_.cdf(x));
    return (service_.partial_moment(k + 1, x) + std::pow(x, k + 1) * beyond) / (k + 1);
  }

  const ServiceDistribution& service_;
  double rate_;
  double rho_;
};

Status check(const ServiceDistribution& service, double arrival_rate) {
  if (!(arrival_rate >= 0) || !std::isfinite(arrival_rate)) {
    return Status(
        Code::kInvalid,
        (Text() << "mg1: arrival rate must be finite and >= 0, found " << arrival_rate).str());
  }
  const double rho = arrival_rate * service.mean();
  if (rho < 1) return {};
  return Status(Code::kInvalid, (Text() << "mg1: unstable: utilisation must be below 1, found "
                                        << rho << "; shed load or serve faster")
                                    .str());
}

}  // namespace

const char* discipline_name(Discipline discipline) {
  switch (discipline) {
    case Discipline::kFcfs:
      return "fcfs";
    case Discipline::kPs:
      return "ps";
    case Discipline::kSjf:
      return "sjf";
    case Discipline::kLas:
      return "las";
    case Discipline::kSrpt:
      return "srpt";
  }
  return "unknown";
}

Result<double> mg1_response(Discipline discipline, const ServiceDistribution& service,
                            double arrival_rate, double x) {
  if (Status status = check(service, arrival_rate); !status.ok()) return status;
  if (!(x > 0) || !std::isfinite(x)) {
    return Status(Code::kInvalid,
                  (Text() << "mg1: a job's size must be positive and finite, found " << x).str());
  }
  const Mg1 queue(service, arrival_rate);
  const double residence = discipline == Discipline::kSrpt ? queue.residence(x) : 0;
  return queue.response(discipline, x, residence);
}

Result<Mg1Means> mg1_means(Discipline discipline, const ServiceDistribution& service,
                           double arrival_rate) {
  if (Status status = check(service, arrival_rate); !status.ok()) return status;
  const double mean = service.mean();
  const double rho = arrival_rate * mean;
  if (service.is_atom()) {
    const Result<double> response = mg1_response(discipline, service, arrival_rate, mean);
    return Mg1Means{*response, *response / mean};
  }
  if (discipline == Discipline::kPs) return Mg1Means{mean / (1 - rho), 1 / (1 - rho)};
  if (discipline == Discipline::kFcfs) {
    const double wait = arrival_rate * service.second_moment() / (2 * (1 - rho));
    return Mg1Means{wait + mean, 1 + (wait > 0 ? wait * service.inverse_mean() : 0)};
  }
  Mg1Means means = Mg1(service, arrival_rate).means(discipline);
  if (discipline == Discipline::kSjf && arrival_rate > 0) {
    const double inverse = service.inverse_mean();
    if (std::isinf(inverse)) means.slowdown = inverse;
  }
  return means;
}

}  // namespace llmos::predict
