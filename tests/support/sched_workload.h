// SPDX-License-Identifier: Apache-2.0
// Workloads of the scheduling simulator: requests with arrival times and lengths, made from a seed.
//
// sharegpt, alpaca  log-normal lengths with the published means, filtered as vLLM's paper does
// heavy             bounded Pareto outputs (1.1, 8 to 4096), log-normal prompts
// azure-*, mooncake drawn from the quantiles of the traces' lengths (Azure/AzurePublicDataset,
//                   CC-BY 4.0; kvcache-ai/Mooncake, Apache-2.0), prompt and output independent
// a file            *.csv as Azure's (its lengths shuffled by the seed), *.jsonl as Mooncake's
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/status.h"

namespace llmos::test {

struct SimRequest {
  double arrival{};  // seconds
  uint32_t prompt_tokens{};
  uint32_t output_tokens{};
  uint32_t client{};  // 0 to clients - 1
};

struct WorkloadOptions {
  std::string name;  // as above, or the path of a file
  uint32_t requests{5000};
  uint64_t seed{1};
  uint32_t clients{8};
  // Longer ones are left out: prompt + output beyond this.
  uint32_t tokens_max{13500};
  bool own_arrivals{};  // keep the file's arrival times (divided by nothing)
};

// Lengths and clients; arrivals are 0 unless own_arrivals. kNotFound for a name that is neither a
// workload nor a file, kCorrupt for a file without requests.
Result<std::vector<SimRequest>> make_workload(const WorkloadOptions& options);

// Gamma gaps with the given mean rate and coefficient of variation.
void set_arrivals(std::vector<SimRequest>& requests, double rate, double gap_cv, uint64_t seed);

}  // namespace llmos::test
