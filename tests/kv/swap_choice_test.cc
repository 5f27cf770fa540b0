// SPDX-License-Identifier: Apache-2.0
#include "kv/swap_choice.h"

#include <gtest/gtest.h>

namespace llmos {
namespace {

constexpr SwapRates kRates{.out_bytes_per_s = 1e9,
                           .in_bytes_per_s = 2e9,
                           .bytes_waiting = 0,
                           .prefill_s = 0.01,
                           .prefill_s_per_token = 1e-3,
                           .prefill_s_per_token_pair = 1e-6,
                           .exposed = 1};
constexpr SwapVictim kVictim{.tokens = 1000, .tokens_cached = 0, .bytes = 100'000'000};

TEST(SwapChoice, EstimatesAreTheClosedForms) {
  const SwapEstimate estimate = choose_swap(kVictim, kRates, true);
  EXPECT_DOUBLE_EQ(estimate.swap_s, 0.1 + 0.05);
  EXPECT_DOUBLE_EQ(estimate.recompute_s, 0.01 + 1 + 0.5);
  EXPECT_EQ(estimate.choice, SwapChoice::kSwap);
}

TEST(SwapChoice, ACachedBeginningMakesRecomputingCheap) {
  SwapVictim victim = kVictim;
  victim.tokens_cached = 950;
  const SwapEstimate estimate = choose_swap(victim, kRates, true);
  EXPECT_NEAR(estimate.recompute_s, 0.01 + 0.05 + (1e6 - 950.0 * 950) / 2 * 1e-6, 1e-12);
  EXPECT_EQ(estimate.choice, SwapChoice::kRecompute);
  victim.tokens_cached = 1000;
  EXPECT_EQ(choose_swap(victim, kRates, true).recompute_s, 0);
}

TEST(SwapChoice, AQueueBeforeItCounts) {
  SwapRates rates = kRates;
  rates.bytes_waiting = 2e9;
  EXPECT_EQ(choose_swap(kVictim, rates, true).choice, SwapChoice::kRecompute);
  rates.exposed = 0.1;
  EXPECT_EQ(choose_swap(kVictim, rates, true).choice, SwapChoice::kSwap);
}

TEST(SwapChoice, WithoutATierOrARateItIsRecomputed) {
  EXPECT_EQ(choose_swap(kVictim, kRates, false).choice, SwapChoice::kRecompute);
  SwapRates rates = kRates;
  rates.in_bytes_per_s = 0;
  EXPECT_EQ(choose_swap(kVictim, rates, true).choice, SwapChoice::kRecompute);
}

}  // namespace
}  // namespace llmos
