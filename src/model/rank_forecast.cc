// SPDX-License-Identifier: Apache-2.0
#include "model/rank_forecast.h"

namespace llmos {

predict::ParallelStep decode_step(const ModelConfig& config, uint64_t weight_bytes,
                                  const RankCosts& costs) {
  return {.serial_s = costs.step_s,
          .divided_s = double(weight_bytes) / costs.weight_bytes_per_s,
          .all_reduce_bytes = double(config.dim) * sizeof(float),
          .all_reduces = int(2 * config.layer_count() + 2),
          .link = costs.link,
          .algorithm = predict::AllReduce::kOneShot};
}

Result<RankForecast> forecast_ranks(const ModelConfig& config, const ShardShape& shape,
                                    uint64_t weight_bytes, const RankCosts& costs, int ranks_max) {
  if (ranks_max < 1 || ranks_max > kShardRanksMax)
    return Status(Code::kInvalid, "forecast: expected 1 to 1024 ranks");
  const predict::ParallelStep step = decode_step(config, weight_bytes, costs);
  RankForecast forecast;
  for (int ranks = 1; ranks <= ranks_max; ++ranks) {
    if (!plan_shards(shape, ranks).ok()) continue;
    const Result<predict::ParallelPoint> point = predict::parallel_point(step, ranks);
    if (!point.ok()) return point.status();
    if (forecast.points.empty() || point->step_s < forecast.best.step_s) forecast.best = *point;
    forecast.points.push_back(*point);
  }
  return forecast;
}

}  // namespace llmos
