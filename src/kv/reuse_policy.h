// SPDX-License-Identifier: Apache-2.0
// ReusePolicy evicts the block that is least likely to be used again soon, as learned online from
// what was used again before, evicted or not.
//
// Words   A *life* of a block lasts from one use to the next. Its *age* counts the blocks that the
//         cache took back since. Blocks of one *group* are alike: how often they were used, and
//         whether the request that made them continued a cached sequence.
// Learned per group and octave of age: lives that ended in a use there, and lives that began. A
//         block that was evicted is remembered by the cache for a while, and a request for it
//         counts as the use that it would have been, so that evicting early does not hide what
//         keeping would have brought.
// Worth   of keeping a block of age a: the best rate of uses per block-age that a further stay of
//         any length brings, max over w of P(used within w | not used until a) / w. That is the
//         hit density of LHD (Beckmann, Chen, Cidon, NSDI 2018), by ages of octaves.
// Age     Counts decay by half every kHalfLife lives of the cache, so that it follows the load.
#pragma once

#include <array>
#include <cstdint>

#include "llmos/extend.h"

namespace llmos {

class ReusePolicy final : public EvictionPolicy {
 public:
  uint32_t group(const CachedBlock& block) override;
  size_t choose(std::span<const CachedBlock> candidates) override;
  void wanted(const CachedBlock& block, bool cached) override;

  // Worth of a block of this group and age; for tests.
  double worth(uint32_t group, uint64_t age) const;

 private:
  // Two to an octave of age, up to 2^32 blocks.
  static constexpr uint32_t kAges = 64;
  // Lives until counts weigh half: some turn-overs of a cache of 10,000 blocks.
  static constexpr double kHalfLife = 1 << 18;
  static constexpr double kGrowth = 1 + 0.6931471805599453 / kHalfLife;
  static constexpr double kWeightMax = 1e100;
  // Uses that are told apart: beyond them a block's group does not change.
  static constexpr uint32_t kUsesMax = kGroupsMax / 2 - 1;
  // Of a use that a group has not seen: orders groups of which nothing is known by age.
  static constexpr double kPrior = 0.02;

  struct Group {
    std::array<double, kAges> used{};
    double begun = 0;
  };
  static uint32_t age_index(uint64_t age);
  static double age_end(uint32_t index);
  void rescale();

  std::array<Group, kGroupsMax> groups_{};
  double weight_ = 1;  // of an event now; grows, instead of all counts shrinking
};

}  // namespace llmos
