// SPDX-License-Identifier: Apache-2.0
#include "predict/queueing.h"

#include <cmath>

#include "base/text.h"

namespace llmos::predict {
namespace {

Status invalid(const Text& text) { return Status(Code::kInvalid, text.str()); }

Status check_servers(int servers) {
  if (servers >= 1 && servers <= kServersMax) return {};
  return invalid(Text() << "queueing: servers must be 1 to " << kServersMax << ", found "
                        << servers);
}

Status check_rates(double arrival_rate, double service_rate, int servers) {
  if (!(arrival_rate >= 0) || !std::isfinite(arrival_rate) || !(service_rate > 0) ||
      !std::isfinite(service_rate)) {
    return invalid(Text() << "queueing: expected a finite arrival rate >= 0 and service rate > 0, "
                          << "found " << arrival_rate << " and " << service_rate);
  }
  if (Status status = check_servers(servers); !status.ok()) return status;
  if (arrival_rate < service_rate * servers) return {};
  return invalid(Text() << "queueing: unstable: " << arrival_rate << " arrivals exceed the "
                        << service_rate * servers << " that " << servers
                        << " servers can serve; shed load or add servers");
}

// B(0) = 1, B(c) = load B(c-1) / (c + load B(c-1)): every term in [0, 1], nothing overflows.
double blocking(double load, int servers) {
  double b = 1;
  for (int c = 1; c <= servers; ++c) b = load * b / (c + load * b);
  return b;
}

double waiting(double load, int servers) {
  const double b = blocking(load, servers);
  return b / (1 - load / servers * (1 - b));
}

}  // namespace

Result<double> erlang_b(double load, int servers) {
  if (!(load >= 0) || !std::isfinite(load)) {
    return invalid(Text() << "queueing: load must be finite and >= 0, found " << load);
  }
  if (Status status = check_servers(servers); !status.ok()) return status;
  return blocking(load, servers);
}

Result<double> erlang_c(double load, int servers) {
  if (Status status = check_rates(load, 1, servers); !status.ok()) return status;
  return waiting(load, servers);
}

Result<QueueMeans> mm1(double arrival_rate, double service_rate) {
  return mmc(arrival_rate, service_rate, 1);
}

Result<QueueMeans> mmc(double arrival_rate, double service_rate, int servers) {
  if (Status status = check_rates(arrival_rate, service_rate, servers); !status.ok()) return status;
  const double load = arrival_rate / service_rate;
  QueueMeans means;
  means.utilisation = load / servers;
  means.wait_probability = waiting(load, servers);
  means.wait = means.wait_probability / (servers * service_rate - arrival_rate);
  means.response = means.wait + 1 / service_rate;
  means.queue_length = little_in_system(arrival_rate, means.wait);
  means.in_system = little_in_system(arrival_rate, means.response);
  return means;
}

Result<double> mmc_wait_quantile(double arrival_rate, double service_rate, int servers,
                                 double quantile) {
  if (Status status = check_rates(arrival_rate, service_rate, servers); !status.ok()) return status;
  if (!(quantile >= 0 && quantile < 1)) {
    return invalid(Text() << "queueing: quantile must lie in [0, 1), found " << quantile);
  }
  const double waits = waiting(arrival_rate / service_rate, servers);
  if (waits <= 1 - quantile) return 0.0;
  return std::log(waits / (1 - quantile)) / (servers * service_rate - arrival_rate);
}

}  // namespace llmos::predict
