// SPDX-License-Identifier: Apache-2.0
#include "kv/eviction.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace llmos {
namespace {

// 0, 1, 2 to 3, 4 to 7, ...: by octaves of uses.
uint32_t use_octave(const CachedBlock& block) {
  return std::min(uint32_t(std::bit_width(block.uses)), EvictionPolicy::kGroupsMax - 1);
}

class LeastFrequentlyUsed final : public EvictionPolicy {
 public:
  uint32_t group(const CachedBlock& block) override { return use_octave(block); }
  size_t choose(std::span<const CachedBlock> candidates) override {
    const auto least = std::min_element(candidates.begin(), candidates.end(), goes_before);
    return size_t(least - candidates.begin());
  }

 private:
  static bool goes_before(const CachedBlock& a, const CachedBlock& b) {
    return a.uses != b.uses ? a.uses < b.uses : a.age > b.age;
  }
};

// Greedy by rate of saving: what a use saves, times how often it is to be expected.
//
// First guess: a block that was used u times, the last of them a while ago, comes again at the rate
// (u + kUsesBefore) / age, as if its uses were spread evenly. How far that is right depends on what
// kind of request holds the block, and is learned for each kind (a group): the uses that were seen
// over those that the guess had counted on, up to the block's use or eviction. Blocks that come
// again after they went are counted too, as far as the cache remembers them.
class LeastCost final : public EvictionPolicy {
 public:
  uint32_t group(const CachedBlock& block) override {
    const uint32_t answer = std::min(block.answer_bits / 2, kAnswers - 1);
    const uint32_t uses = std::min(use_octave(block), kUses - 1);
    const uint32_t kind = uses == 0 ? block.continues : uses + 1;
    return kind * kAnswers + answer;
  }
  size_t choose(std::span<const CachedBlock> candidates) override {
    const auto least =
        std::min_element(candidates.begin(), candidates.end(),
                         [this](const auto& a, const auto& b) { return worth(a) < worth(b); });
    count(*least, 0);
    return size_t(least - candidates.begin());
  }
  void wanted(const CachedBlock& block, bool) override { count(block, 1); }

 private:
  // By octaves: no use, 1, 2 to 3, more; answers of 0 to 1 token, 3, 15, 63, 255, more... in steps
  // of four times.
  static constexpr uint32_t kUses = 4, kAnswers = 6;
  static_assert((kUses + 1) * kAnswers <= kGroupsMax);
  // Computing a token costs the model's matrices once and attention to all before it. The two are
  // equal near 4,096 tokens, 256 blocks, of a model of 4,096 wide layers; the shape matters, not
  // the number.
  static constexpr double kAttentionBlocks = 256;
  // Uses that a block without any is credited with: most are never found again, so less than one.
  // From 0.1 to 1 the hit shares differ by 0.002.
  static constexpr double kUsesBefore = 0.25;
  // Expected uses after which a kind is judged by itself rather than like all others: a request or
  // two of a few thousand tokens. From 3 to 100 the hit shares differ by 0.002.
  static constexpr double kPrior = 30;
  // Beyond so many expected uses both are halved, so that what is learned follows the hour.
  static constexpr double kExpectedMax = 1e5;

  struct Kind {
    double seen = 0, expected = 0;
    void add(double uses, double guess) {
      seen += uses;
      expected += guess;
      if (expected > kExpectedMax) seen /= 2, expected /= 2;
    }
  };

  // A block was used again, or went without. The guess's rate is summed up over the block's age.
  void count(const CachedBlock& block, double uses) {
    const double guess = (block.uses + kUsesBefore) * std::log1p(double(block.age));
    kinds_[block.group].add(uses, guess);
    all_.add(uses, guess);
  }

  double worth(const CachedBlock& block) const {
    const Kind& kind = kinds_[block.group];
    const double usual = (all_.seen + 1) / (all_.expected + 1);
    const double share = (kind.seen + kPrior * usual) / (kind.expected + kPrior);
    const double cost = double(block.tokens) * (1 + block.depth / kAttentionBlocks);
    return share * (block.uses + kUsesBefore) * cost / (double(block.age) + 1);
  }

  Kind all_;
  std::array<Kind, kGroupsMax> kinds_{};
};

}  // namespace

std::unique_ptr<EvictionPolicy> make_eviction_policy(Eviction eviction) {
  switch (eviction) {
    case Eviction::kLru:
      return nullptr;
    case Eviction::kLfu:
      return std::make_unique<LeastFrequentlyUsed>();
    case Eviction::kCost:
      return std::make_unique<LeastCost>();
  }
  return nullptr;
}

}  // namespace llmos
