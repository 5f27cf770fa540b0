// SPDX-License-Identifier: Apache-2.0
// The pool's demand model against fixed sizes, on a recorded trace (its path as the argument) or a
// generated diurnal one: resident bytes, their peak, and allocations that waited for the backing.
#include <cstdio>

#include "support/pool_demand.h"

namespace llmos::test {
namespace {

void print(const char* name, uint64_t bytes, const PoolDemand& run) {
  std::printf("%-10s %4llu MiB  resident %6.1f MB (%.3f of live)  peak %6.1f MB  slow %llu\n", name,
              static_cast<unsigned long long>(bytes >> 20), run.resident_bytes_mean / 1e6,
              run.resident_bytes_mean / run.live_bytes_mean, run.resident_bytes_peak / 1e6,
              static_cast<unsigned long long>(run.slow_commits));
}

int run(int count, char** values) {
  std::vector<TraceRequest> requests;
  if (count > 1) {
    auto trace = read_azure_trace(values[1]);
    if (!trace.ok()) {
      std::fprintf(stderr, "%s\n", trace.status().to_string().c_str());
      return 1;
    }
    requests = *std::move(trace);
  } else {
    requests = diurnal_trace({.seconds = 3600, .day_seconds = 1800});
  }
  const PoolDemand learned = play_on_pool(requests, {});
  std::printf("live %.1f MB on average\n", learned.live_bytes_mean / 1e6);
  print("learned", 0, learned);
  for (uint64_t mib = 0; mib <= 160; mib += 16) {
    print("slack", mib << 20, play_on_pool(requests, {Sizing::kSlack, mib << 20}));
  }
  for (uint64_t mib = 0; mib <= 512; mib += 64) {
    print("threshold", mib << 20, play_on_pool(requests, {Sizing::kThreshold, mib << 20}));
  }
  return 0;
}

}  // namespace
}  // namespace llmos::test

int main(int count, char** values) { return llmos::test::run(count, values); }
