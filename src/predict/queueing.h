// SPDX-License-Identifier: Apache-2.0
// Queues in closed form: M/M/1 and M/M/c (Erlang), and Little's law. M/G/1 is in mg1.h, the
// parallel-efficiency model in parallel.h.
//
// Rates are per unit of time, whichever the caller uses. Pure functions, any thread. A negative,
// not finite or otherwise senseless argument, and a load that the servers cannot carry (utilisation
// >= 1: the queue grows without bound), is kInvalid with the reason.
#pragma once

#include "llmos/status.h"

namespace llmos::predict {

// Servers beyond this are refused: Erlang's recursion is O(servers).
inline constexpr int kServersMax = 1 << 20;

struct QueueMeans {
  double utilisation{};       // share of time that a server is busy
  double wait_probability{};  // an arrival finds all servers busy
  double wait{};              // mean time before service
  double response{};          // wait + service
  double queue_length{};      // mean number waiting
  double in_system{};         // waiting and in service
};

Result<QueueMeans> mm1(double arrival_rate, double service_rate);
Result<QueueMeans> mmc(double arrival_rate, double service_rate, int servers);

// The wait that a share `quantile` (in [0, 1)) of arrivals does not exceed, M/M/c FCFS:
// P(wait > t) = ErlangC exp(-(servers mu - lambda) t). 0 where that share does not wait at all.
Result<double> mmc_wait_quantile(double arrival_rate, double service_rate, int servers,
                                 double quantile);

// Erlang B: share of arrivals lost with `servers` servers and no queue; `load` = lambda / mu may
// exceed the servers.
Result<double> erlang_b(double load, int servers);
// Erlang C: share of arrivals that wait; needs load < servers.
Result<double> erlang_c(double load, int servers);

// Little's law, L = lambda W, solved for each side.
inline double little_in_system(double arrival_rate, double response) {
  return arrival_rate * response;
}
inline double little_response(double in_system, double arrival_rate) {
  return in_system / arrival_rate;
}

}  // namespace llmos::predict
