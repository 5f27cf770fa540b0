// SPDX-License-Identifier: Apache-2.0
#include "predict/parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.h"

namespace llmos::predict {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool not_negative(double x) { return x >= 0 && std::isfinite(x); }

Status check(const ParallelStep& step, int ranks) {
  if (ranks < 1 || ranks > kRanksMax) {
    return Status(
        Code::kInvalid,
        (Text() << "parallel: ranks must be 1 to " << kRanksMax << ", found " << ranks).str());
  }
  if (not_negative(step.serial_s) && not_negative(step.divided_s) &&
      step.serial_s + step.divided_s > 0 && not_negative(step.all_reduce_bytes) &&
      step.all_reduces >= 0 && not_negative(step.link.latency_s) && step.link.bytes_per_s > 0) {
    return {};
  }
  return Status(Code::kInvalid,
                (Text() << "parallel: expected times, bytes and latency >= 0, some work and a "
                        << "bandwidth > 0, found serial " << step.serial_s << " s, divided "
                        << step.divided_s << " s, " << step.all_reduces << " all-reduces of "
                        << step.all_reduce_bytes << " bytes, latency " << step.link.latency_s
                        << " s, bandwidth " << step.link.bytes_per_s << " bytes/s")
                    .str());
}

ParallelPoint point(const ParallelStep& step, int ranks) {
  ParallelPoint point{.ranks = ranks};
  point.communication_s = step.all_reduces * all_reduce_seconds(step.algorithm, step.link,
                                                                step.all_reduce_bytes, ranks);
  point.step_s = step.serial_s + step.divided_s / ranks + point.communication_s;
  point.speedup = (step.serial_s + step.divided_s) / point.step_s;
  point.efficiency = point.speedup / ranks;
  return point;
}

}  // namespace

double amdahl_speedup(double parallel_share, int ranks) {
  if (!(parallel_share >= 0 && parallel_share <= 1) || ranks < 1) return kNan;
  return 1 / ((1 - parallel_share) + parallel_share / ranks);
}

double amdahl_limit(double parallel_share) {
  if (!(parallel_share >= 0 && parallel_share <= 1)) return kNan;
  return 1 / (1 - parallel_share);
}

double all_reduce_seconds(AllReduce algorithm, const Link& link, double bytes, int ranks) {
  if (ranks <= 1) return 0;
  const double others = ranks - 1, transfer = bytes / link.bytes_per_s;
  const double ring = 2 * others * link.latency_s + 2 * others / ranks * transfer;
  const double one_shot = link.latency_s + others * transfer;
  switch (algorithm) {
    case AllReduce::kRing:
      return ring;
    case AllReduce::kOneShot:
      return one_shot;
    case AllReduce::kBest:
      break;
  }
  return std::min(ring, one_shot);
}

Result<ParallelPoint> parallel_point(const ParallelStep& step, int ranks) {
  if (Status status = check(step, ranks); !status.ok()) return status;
  return point(step, ranks);
}

Result<ParallelPoint> best_ranks(const ParallelStep& step, int ranks_max) {
  if (Status status = check(step, ranks_max); !status.ok()) return status;
  ParallelPoint best = point(step, 1);
  for (int ranks = 2; ranks <= ranks_max; ++ranks) {
    if (const ParallelPoint next = point(step, ranks); next.step_s < best.step_s) best = next;
  }
  return best;
}

}  // namespace llmos::predict
