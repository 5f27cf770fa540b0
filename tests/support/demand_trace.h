// SPDX-License-Identifier: Apache-2.0
// Request traces, recorded or generated, and the KV demand per second that they mean. Shared by
// tests/predict, bench/demand_bench and the memory pool's demand experiment.
//
// Demand = context plus tokens so far of all requests in flight, without queueing: a request holds
// its whole context from its arrival, is prefilled at `prefill_tokens_per_s`, then gains a token
// every `seconds_per_token`, and leaves with its last one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "llmos/status.h"

namespace llmos::test {

struct TraceRequest {
  double start_s{};  // from the trace's first arrival
  double context_tokens{};
  double output_tokens{};
};

struct ServiceRate {
  double prefill_tokens_per_s{8000};
  double seconds_per_token{0.030};
};

// A CSV with a header line and "date time,context,generated" lines (the Azure LLM inference
// traces). Lines out of order are sorted by time. Not found and malformed lines are errors that
// name them.
Result<std::vector<TraceRequest>> read_azure_trace(const std::string& path);

struct DiurnalOptions {
  uint64_t seed{1};
  double seconds{7200};
  double day_seconds{3600};    // two "days" in the default run
  double requests_per_s{5.5};  // mean over a day
  double swing{0.6};           // rate = mean * (1 + swing * sin(2 pi t / day - pi / 2))
  double context_mu{6.633}, context_sigma{0.985};  // log-normal fits of the Azure chat trace
  double output_mu{5.019}, output_sigma{0.859};
};

// Poisson arrivals with a rate that swings over the day; equal seeds give equal traces.
std::vector<TraceRequest> diurnal_trace(const DiurnalOptions& options);

// When the request has its last token.
double end_s(const TraceRequest& request, const ServiceRate& rate = {});
// Tokens that it holds at time `at_s`; 0 outside of its life.
double tokens_held(const TraceRequest& request, double at_s, const ServiceRate& rate = {});

// Demand at 0 s, 1 s, ... up to the second after the last arrival.
std::vector<double> demand_per_second(const std::vector<TraceRequest>& requests,
                                      const ServiceRate& rate = {});

}  // namespace llmos::test
