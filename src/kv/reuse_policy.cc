// SPDX-License-Identifier: Apache-2.0
#include "kv/reuse_policy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace llmos {

uint32_t ReusePolicy::group(const CachedBlock& block) {
  const uint32_t group = std::min(block.uses, kUsesMax) * 2 + (block.continues ? 1 : 0);
  groups_[group].begun += weight_;
  weight_ *= kGrowth;
  if (weight_ > kWeightMax) rescale();
  return group;
}

void ReusePolicy::rescale() {
  for (Group& group : groups_) {
    group.begun /= weight_;
    for (double& used : group.used) used /= weight_;
  }
  weight_ = 1;
}

// Ages in half octaves: index 2k from 2^k - 1 on, 2k + 1 from 1.5 * 2^k - 1.
uint32_t ReusePolicy::age_index(uint64_t age) {
  const uint64_t x = std::min<uint64_t>(age, (uint64_t{1} << 31) - 2) + 1;
  const auto octave = uint32_t(std::bit_width(x)) - 1;
  const uint32_t upper_half = octave > 0 ? uint32_t(x >> (octave - 1)) & 1 : 0;
  return octave * 2 + upper_half;
}

double ReusePolicy::age_end(uint32_t index) {
  const double octave = std::ldexp(1, int(index / 2));
  return index == 0 ? 1 : (index % 2 == 0 ? 1.5 : 2) * octave - 1;
}

void ReusePolicy::wanted(const CachedBlock& block, bool /*cached*/) {
  groups_[block.group].used[age_index(block.age)] += weight_;
}

double ReusePolicy::worth(uint32_t index, uint64_t age) const {
  const Group& group = groups_[index];
  const uint32_t first = age_index(age);
  const double begin = first == 0 ? 0 : age_end(first - 1);
  double left = group.begun;
  for (uint32_t i = 0; i < first; ++i) left -= group.used[i];
  left = std::max(left, weight_);  // the block itself
  double used = kPrior * weight_, best = 0;
  for (uint32_t i = first; i < kAges; ++i) {
    used += group.used[i];
    best = std::max(best, used / (left * (age_end(i) - begin)));
  }
  return best;
}

size_t ReusePolicy::choose(std::span<const CachedBlock> candidates) {
  size_t least = 0;
  double least_worth = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < candidates.size(); ++i) {
    const double worth = this->worth(candidates[i].group, candidates[i].age);
    if (worth > least_worth) continue;
    if (worth == least_worth && candidates[i].age <= candidates[least].age) continue;
    least = i, least_worth = worth;
  }
  return least;
}

}  // namespace llmos
