// SPDX-License-Identifier: Apache-2.0
// RankForecast: into how many ranks a model is best divided, before anything is loaded.
//
// A decode step is bound by the bytes that each rank reads: its share of the weights (norms and
// routers, which all repeat, are too small to count). Between them stand two all_reduces a layer
// and one for the embedding, of one token's stream each, and the gather of the logits.
#pragma once

#include <cstdint>
#include <vector>

#include "comm/shard_plan.h"
#include "model/model_config.h"
#include "predict/parallel.h"

namespace llmos {

// What one rank is: measured (bench/comm_bench, bench/kernel_bench), or from data sheets.
struct RankCosts {
  double weight_bytes_per_s = 0;  // that a rank reads while it multiplies
  double step_s = 0;              // of each step, divided by nothing: plan, launches, sampling
  predict::Link link{};
};

struct RankForecast {
  std::vector<predict::ParallelPoint> points;  // of every number of ranks that is possible
  predict::ParallelPoint best;                 // the shortest step; of equal ones the fewest ranks
};

// `weight_bytes` are those read for one token: all but the embedding table and, of experts, the
// chosen share.
predict::ParallelStep decode_step(const ModelConfig& config, uint64_t weight_bytes,
                                  const RankCosts& costs);
// Failure: kInvalid as predict::parallel_point(), and for ranks_max beyond kShardRanksMax.
Result<RankForecast> forecast_ranks(const ModelConfig& config, const ShardShape& shape,
                                    uint64_t weight_bytes, const RankCosts& costs, int ranks_max);

}  // namespace llmos
