// SPDX-License-Identifier: Apache-2.0
#include "decode/penalties.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "decode/naive_sampler.h"
#include "support/test_seed.h"

namespace llmos::test {
namespace {

using ::testing::Each;

TEST(Penalties, RepetitionCountsThePromptTheOthersTheAnswer) {
  PenaltyRoom room(4, 16);
  std::vector<float> logits{2, -2, 2, 2};
  const std::vector<TokenId> text{0, 1, 2, 2};
  apply_penalties({.repetition_penalty = 2, .presence_penalty = 0.5f, .frequency_penalty = 0.25f},
                  text, 2, logits, room);
  EXPECT_EQ(logits, (std::vector<float>{1, -4, 0, 2}));
}

TEST(Penalties, DryPunishesWhatContinuesARepetition) {
  PenaltyRoom room(10, 64);
  std::vector<float> logits(10, 0);
  const std::vector<TokenId> text{1, 2, 3, 4, 9, 1, 2, 3};
  apply_dry({.multiplier = 1, .base = 2, .allowed_length = 2}, {}, text, logits, room);
  EXPECT_EQ(logits[4], -2);  // three tokens repeat: 2^(3 - 2)
  logits.assign(10, 0);
  const std::vector<TokenId> breakers{2};
  apply_dry({.multiplier = 1, .base = 2, .allowed_length = 2}, breakers, text, logits, room);
  EXPECT_THAT(logits, Each(0));
}

TEST(Penalties, DryFindsWhatAQuadraticSearchFinds) {
  Rng rng(test::seed("dry"));
  PenaltyRoom room(4, 64);
  for (int round = 0; round < 3000; ++round) {
    std::vector<TokenId> text(rng.below(60)), breakers;
    const uint64_t kinds = 1 + rng.below(4);
    for (TokenId& id : text) id = TokenId(rng.below(kinds));
    if (rng.bernoulli(0.5)) breakers = {TokenId(rng.below(4))};
    Sampling s;
    s.dry = {.multiplier = 1,
             .base = 1.1f,
             .allowed_length = uint32_t(1 + rng.below(5)),
             .window = uint32_t(rng.below(2) * rng.below(40))};
    std::vector<float> logits(4, 0);
    apply_dry(s.dry, breakers, text, logits, room);
    const auto expected = naive_logits(std::vector<float>(4, 0), s, text, text.size(), breakers);
    for (size_t i = 0; i < 4; ++i) ASSERT_FLOAT_EQ(logits[i], float(expected[i])) << round;
    ASSERT_THAT(room.repeats, Each(0u));
  }
}

}  // namespace
}  // namespace llmos::test
