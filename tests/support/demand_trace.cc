// SPDX-License-Identifier: Apache-2.0
#include "support/demand_trace.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numbers>
#include <random>

#include "base/text.h"

namespace llmos::test {
namespace {

// std::distributions differ between libraries; these do not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  double uniform() { return (double(engine_() >> 11) + 0.5) * 0x1p-53; }  // (0, 1)
  double exponential() { return -std::log(uniform()); }
  double normal() {
    const double radius = std::sqrt(2 * exponential());
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 engine_;
};

double log_normal_tokens(Random& random, double mu, double sigma, double tokens_max) {
  return 1 + std::floor(std::min(std::exp(mu + sigma * random.normal()), tokens_max));
}

}  // namespace

Result<std::vector<TraceRequest>> read_azure_trace(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Status(Code::kNotFound, path + ": cannot be read");
  std::vector<TraceRequest> requests;
  std::string line;
  std::getline(file, line);
  for (int64_t number = 2; std::getline(file, line); ++number) {
    int day = 0, hour = 0, minute = 0;
    double second = 0;
    TraceRequest request;
    if (std::sscanf(line.c_str(), "%*d-%*d-%d %d:%d:%lf,%lf,%lf", &day, &hour, &minute, &second,
                    &request.context_tokens, &request.output_tokens) != 6) {
      return Status(
          Code::kCorrupt,
          (Text() << path << ":" << number << ": expected \"date time,context,generated\"").str());
    }
    request.start_s = ((day * 24.0 + hour) * 60 + minute) * 60 + second;
    requests.push_back(request);
  }
  if (requests.empty()) return Status(Code::kCorrupt, path + ": no requests");
  std::sort(requests.begin(), requests.end(),
            [](const auto& a, const auto& b) { return a.start_s < b.start_s; });
  const double first = requests.front().start_s;
  for (TraceRequest& request : requests) request.start_s -= first;
  return requests;
}

std::vector<TraceRequest> diurnal_trace(const DiurnalOptions& options) {
  Random random(options.seed);
  const double peak = options.requests_per_s * (1 + options.swing);
  std::vector<TraceRequest> requests;
  for (double t = random.exponential() / peak; t < options.seconds;
       t += random.exponential() / peak) {
    const double phase = 2 * std::numbers::pi * t / options.day_seconds - std::numbers::pi / 2;
    const double rate = options.requests_per_s * (1 + options.swing * std::sin(phase));
    if (random.uniform() * peak >= rate) continue;  // thinning of the peak-rate Poisson process
    const double context =
        log_normal_tokens(random, options.context_mu, options.context_sigma, 16000);
    const double output = log_normal_tokens(random, options.output_mu, options.output_sigma, 2000);
    requests.push_back({t, context, output});
  }
  return requests;
}

double end_s(const TraceRequest& request, const ServiceRate& rate) {
  return request.start_s + request.context_tokens / rate.prefill_tokens_per_s +
         request.output_tokens * rate.seconds_per_token;
}

double tokens_held(const TraceRequest& request, double at_s, const ServiceRate& rate) {
  if (at_s < request.start_s || at_s >= end_s(request, rate)) return 0;
  const double decoding_s =
      at_s - request.start_s - request.context_tokens / rate.prefill_tokens_per_s;
  return request.context_tokens + std::max(0.0, std::floor(decoding_s / rate.seconds_per_token));
}

std::vector<double> demand_per_second(const std::vector<TraceRequest>& requests,
                                      const ServiceRate& rate) {
  if (requests.empty()) return {};
  std::vector<double> demand(size_t(std::ceil(requests.back().start_s)) + 1);
  for (const TraceRequest& request : requests) {
    const double end = end_s(request, rate);
    for (auto s = size_t(std::ceil(request.start_s)); s < demand.size() && double(s) < end; ++s) {
      demand[s] += tokens_held(request, double(s), rate);
    }
  }
  return demand;
}

}  // namespace llmos::test
