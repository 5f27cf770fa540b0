// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "support/test_seed.h"

namespace llmos {
namespace {

// The vectors that Random123 publishes for philox4x32-10.
TEST(Philox, KnownAnswers) {
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
  static_assert(philox4x32({0, 0, 0, 0}, {0, 0})[0] == 0x6627e8d5);
}

TEST(Rng, StreamIsTheBlocksInOrder) {
  Rng rng(0, 0);
  EXPECT_EQ(rng.u32(), 0x6627e8d5u);
  EXPECT_EQ(rng.u64(), 0xbc57ac4ce169c58du);
  EXPECT_EQ(rng.u32(), 0x9b00dbd8u);
  EXPECT_EQ(rng.u32(), philox4x32({1, 0, 0, 0}, {0, 0})[0]);
  EXPECT_EQ(rng.position(), 5u);
}

TEST(Rng, SeedAndStreamReachTheirOwnWords) {
  const uint64_t seed = 0x1122334455667788, stream = 0x99aabbccddeeff00;
  Rng rng(seed, stream);
  rng.seek(4 * 0x100000002ull);
  EXPECT_EQ(rng.u32(), philox4x32({2, 1, 0xddeeff00, 0x99aabbcc}, {0x55667788, 0x11223344})[0]);
}

TEST(Rng, AnyPositionMatchesTheWalk) {
  const uint64_t seed = test::seed("rng random access");
  Rng walk(seed, 3);
  std::vector<uint32_t> words(1000);
  for (uint32_t& word : words) word = walk.u32();
  Rng picks(seed, 4), jump(seed, 3);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t position = picks.below(words.size());
    EXPECT_EQ(Rng::word_at(seed, 3, position), words[position]);
    jump.seek(position);
    EXPECT_EQ(jump.u32(), words[position]) << position;
  }
}

TEST(Rng, CopyReplaysFromHere) {
  Rng rng(7);
  (void)rng.u32();
  Rng copy = rng;
  for (int i = 0; i < 9; ++i) EXPECT_EQ(rng.u64(), copy.u64());
}

TEST(Rng, NearbySeedsAndStreamsAreUnrelated) {
  Rng first(1, 0), second(2, 0), third(1, 1);
  int equal_bits_second = 0, equal_bits_third = 0;
  constexpr int kDraws = 10000;
  for (int i = 0; i < kDraws; ++i) {
    const uint32_t word = first.u32();
    equal_bits_second += std::popcount(~(word ^ second.u32()));
    equal_bits_third += std::popcount(~(word ^ third.u32()));
  }
  // 320,000 coins: deviation 283; six of them.
  EXPECT_NEAR(equal_bits_second, 16 * kDraws, 1700);
  EXPECT_NEAR(equal_bits_third, 16 * kDraws, 1700);
}

TEST(Rng, UniformStaysBelowOneAndFillsTheInterval) {
  Rng rng(test::seed("uniform"));
  constexpr int kDraws = 200000, kBins = 50;
  std::vector<int> bins(kBins);
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++bins[int(u * kBins)];
  }
  double chi_square = 0;
  for (const int count : bins) {
    const double expected = double(kDraws) / kBins;
    chi_square += (count - expected) * (count - expected) / expected;
  }
  EXPECT_LT(chi_square, 49 + 6 * 9.9);  // mean 49, deviation sqrt(98)
  EXPECT_GT(chi_square, 49 - 4.5 * 9.9);
}

TEST(Rng, BelowHasNoModuloBias) {
  Rng rng(test::seed("below"));
  // With % the first third of this bound would come up twice as often as the rest.
  const uint64_t bound = (uint64_t{3} << 62);
  int low = 0;
  constexpr int kDraws = 30000;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t pick = rng.below(bound);
    ASSERT_LT(pick, bound);
    low += pick < bound / 3;
  }
  EXPECT_NEAR(low, kDraws / 3, 6 * 82);
}

TEST(Rng, BelowReachesEveryValueEqually) {
  Rng rng(5);
  std::map<uint64_t, int> counts;
  for (int i = 0; i < 7000; ++i) ++counts[rng.below(7)];
  ASSERT_EQ(counts.size(), 7u);
  for (const auto& [value, count] : counts) EXPECT_NEAR(count, 1000, 6 * 29.3) << value;
  EXPECT_EQ(rng.below(1), 0u);
}

TEST(Rng, BetweenIncludesBothEnds) {
  Rng rng(6);
  std::map<int64_t, int> counts;
  for (int i = 0; i < 1000; ++i) ++counts[rng.between(-2, 1)];
  EXPECT_EQ(counts.size(), 4u);
  EXPECT_EQ(counts.begin()->first, -2);
  EXPECT_EQ(counts.rbegin()->first, 1);
  EXPECT_EQ(rng.between(9, 9), 9);
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  bool negative = false, positive = false;
  for (int i = 0; i < 100; ++i) (rng.between(kLeast, kMost) < 0 ? negative : positive) = true;
  EXPECT_TRUE(negative && positive);
}

TEST(Rng, BernoulliClampsItsProbability) {
  Rng rng(8);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) {
    EXPECT_FALSE(rng.bernoulli(-0.5));
    EXPECT_TRUE(rng.bernoulli(1.5));
    hits += rng.bernoulli(0.3);
  }
  EXPECT_NEAR(hits, 3000, 6 * 46);
}

TEST(Rng, ShuffleMakesEveryOrderEquallyLikely) {
  Rng rng(test::seed("shuffle"));
  std::map<std::vector<int>, int> counts;
  constexpr int kDraws = 24000;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<int> items = {0, 1, 2, 3};
    rng.shuffle(items);
    ++counts[items];
  }
  ASSERT_EQ(counts.size(), 24u);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 6 * 31);
  std::vector<int> none;
  rng.shuffle(none);
}

TEST(Rng, IsAStandardBitGenerator) {
  static_assert(std::uniform_random_bit_generator<Rng>);
  Rng rng(1);
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  std::shuffle(items.begin(), items.end(), rng);
  std::vector<int> ordered = items;
  std::sort(ordered.begin(), ordered.end());
  EXPECT_NE(items, ordered);
}

}  // namespace
}  // namespace llmos
