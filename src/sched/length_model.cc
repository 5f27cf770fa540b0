// SPDX-License-Identifier: Apache-2.0
#include "sched/length_model.h"

#include <algorithm>
#include <cmath>

namespace llmos::sched {
namespace {

constexpr uint32_t kUnitBins = 8;  // bins of one token
constexpr uint32_t kPerDoubling = 4;

std::array<uint32_t, LengthModel::kBins + 1> make_edges() {
  std::array<uint32_t, LengthModel::kBins + 1> edges{};
  for (uint32_t i = 0; i < edges.size(); ++i) {
    const double power = (double(i) - kUnitBins) / kPerDoubling;
    edges[i] = i <= kUnitBins ? i : uint32_t(std::lround(kUnitBins * std::exp2(power)));
  }
  return edges;
}

const std::array<uint32_t, LengthModel::kBins + 1>& edges() {
  static const auto kEdges = make_edges();
  return kEdges;
}

double prior(uint32_t bin) {
  if (bin == 0) return .02;  // hardly anybody asks for one token
  return std::max(.02, 1 - double(edges()[bin]) / edges()[bin + 1]);
}

}  // namespace

LengthModel::LengthModel() = default;

uint32_t LengthModel::edge(uint32_t bin) { return edges()[std::min(bin, kBins)]; }

uint32_t LengthModel::bin_of(uint32_t output_tokens) {
  if (output_tokens < kUnitBins) return output_tokens;
  const auto& all = edges();
  const auto above = std::upper_bound(all.begin(), all.end(), output_tokens);
  return std::min(uint32_t(above - all.begin()) - 1, kBins - 1);
}

void LengthModel::left(uint32_t bin) {
  if (visits_[bin] >= kMemoryVisits) {
    ends_in_[bin] *= 1 - 1 / kMemoryVisits;
  } else {
    ++visits_[bin];
  }
}

void LengthModel::ended(uint32_t bin) {
  left(bin);
  ++ends_in_[bin];
  ++ends_;
}

double LengthModel::hazard(uint32_t bin) const {
  if (bin + 1 >= kBins) return 1;
  return (ends_in_[bin] + kPriorVisits * prior(bin)) / (visits_[bin] + kPriorVisits);
}

double LengthModel::mean() const {
  double alive = 1, mean = 0;
  for (uint32_t bin = 0; bin < kBins; ++bin) {
    mean += alive * hazard(bin) * bin_length(bin);
    alive *= 1 - hazard(bin);
  }
  return mean;
}

double bin_length(uint32_t bin) {
  const uint32_t low = LengthModel::edge(bin), high = LengthModel::edge(bin + 1);
  return high - low == 1 ? high : (low + high) / 2.0 + .5;
}

}  // namespace llmos::sched
