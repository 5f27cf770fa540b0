// SPDX-License-Identifier: Apache-2.0
#include "sched/length_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "base/rng_distributions.h"
#include "support/test_seed.h"

namespace llmos::sched {
namespace {

TEST(LengthModel, BinsCoverAllAgesOnce) {
  EXPECT_EQ(LengthModel::edge(0), 0u);
  EXPECT_EQ(LengthModel::edge(LengthModel::kBins), 16384u);
  for (uint32_t bin = 0; bin < LengthModel::kBins; ++bin) {
    ASSERT_LT(LengthModel::edge(bin), LengthModel::edge(bin + 1));
    EXPECT_EQ(LengthModel::bin_of(LengthModel::edge(bin)), bin);
    EXPECT_EQ(LengthModel::bin_of(LengthModel::edge(bin + 1) - 1), bin);
    EXPECT_GE(bin_length(bin), LengthModel::edge(bin));
    EXPECT_LE(bin_length(bin), LengthModel::edge(bin + 1) + .5);
  }
  EXPECT_EQ(LengthModel::bin_of(1u << 30), LengthModel::kBins - 1);
}

void learn(LengthModel& model, uint32_t length) {
  const uint32_t last = LengthModel::bin_of(length - 1);
  for (uint32_t bin = 0; bin < last; ++bin) model.left(bin);
  model.ended(last);
}

TEST(LengthModel, MeanIsLearned) {
  Rng rng(test::seed("length model"));
  LengthModel model;
  for (int i = 0; i < 4000; ++i) learn(model, 1 + uint32_t(200 * exponential(rng)));
  EXPECT_NEAR(model.mean(), 200, 40);  // 256 visits a bin remember to some 7 %
  // No memory: the hazard of a bin is 1 - exp(-width / mean).
  const uint32_t bin = LengthModel::bin_of(100);
  const double width = LengthModel::edge(bin + 1) - LengthModel::edge(bin);
  EXPECT_NEAR(model.hazard(bin), 1 - std::exp(-width / 200), .06);
}

// Counting only those that ended would take survivors for short: they are what is long.
TEST(LengthModel, TheUnfinishedCountForWhatIsKnown) {
  LengthModel with, without;
  for (int i = 0; i < 100; ++i) {
    learn(with, 10);
    learn(without, 10);
    for (uint32_t bin = 0; bin < LengthModel::bin_of(500); ++bin) with.left(bin);  // still running
  }
  EXPECT_GT(with.mean(), 5 * without.mean());
}

TEST(LengthModel, OldCountsFade) {
  LengthModel model;
  for (int i = 0; i < 2000; ++i) learn(model, 8);
  const double before = model.mean();
  for (int i = 0; i < 1500; ++i) learn(model, 400);
  EXPECT_LT(before, 12);
  EXPECT_GT(model.mean(), 250);
}

}  // namespace
}  // namespace llmos::sched
