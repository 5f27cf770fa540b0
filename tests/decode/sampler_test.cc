// SPDX-License-Identifier: Apache-2.0
#include "decode/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "base/rng.h"
#include "decode/logprob.h"
#include "decode/naive_sampler.h"
#include "support/test_seed.h"
#include "sync/counting_new.h"

namespace llmos::test {
namespace {

constexpr uint32_t kContext = 256;

// One answer's sampler with a room of its own; the answer's length is what it is told.
class Answer {
 public:
  Answer(const Sampling& options, uint32_t vocabulary, uint32_t choice = 0,
         std::vector<TokenId> breakers = {})
      : sampler_(Sampler::create(options, vocabulary, choice, breakers).value()),
        room_(vocabulary, kContext) {}

  TokenId at(std::span<const float> logits, uint64_t position) {
    text_.resize(position, 0);
    return sampler_.sample({.logits = logits, .tokens = text_}, room_);
  }
  TokenId sample(const SamplerInput& input) { return sampler_.sample(input, room_); }
  Sampler& sampler() { return sampler_; }

 private:
  Sampler sampler_;
  SamplerRoom room_;
  std::vector<TokenId> text_;
};

std::map<TokenId, int> counts(Answer& answer, const std::vector<float>& logits, int draws) {
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[answer.at(logits, uint64_t(i))];
  return counts;
}

const std::vector<float> kLogits{std::log(0.5f), std::log(0.1f), std::log(0.3f), std::log(0.1f)};

TEST(Sampler, IsGreedyAtZero) {
  Answer answer({.temperature = 0}, 4);
  EXPECT_EQ(answer.at(std::vector<float>{1, 7, 7, 2}, 0), 1);
  EXPECT_EQ(answer.at({}, 0), kNoToken);
}

TEST(Sampler, DrawsByProbability) {
  Answer answer({.seed = 7}, 4);
  const int draws = 100'000;
  const auto drawn = counts(answer, kLogits, draws);
  const double expected[] = {0.5, 0.1, 0.3, 0.1};
  for (TokenId id = 0; id < 4; ++id) {
    const double p = expected[id];
    EXPECT_NEAR(double(drawn.at(id)) / draws, p, 5 * std::sqrt(p * (1 - p) / draws)) << id;
  }
}

float pick(Rng& rng, std::initializer_list<double> of) {
  return float(*(of.begin() + rng.below(of.size())));
}

Sampling random_sampling(Rng& rng, uint32_t vocabulary) {
  Sampling s{.temperature = pick(rng, {0.3, 1, 1, 2}),
             .top_k = uint32_t(pick(rng, {0, 0, 3, 7})),
             .top_p = pick(rng, {1, 1, 0.5, 0.9}),
             .min_p = pick(rng, {0, 0, 0.1, 0.3}),
             .typical_p = pick(rng, {1, 1, 0.4, 0.8}),
             .repetition_penalty = pick(rng, {1, 1, 1.3, 0.8}),
             .presence_penalty = pick(rng, {0, 0, 1, -0.5}),
             .frequency_penalty = pick(rng, {0, 0, 0.5}),
             .penalty_window = uint32_t(pick(rng, {0, 0, 5, 40})),
             .seed = rng.u64()};
  s.dry = {.multiplier = pick(rng, {0, 0.8, 2}),
           .base = 1.75f,
           .allowed_length = uint32_t(1 + rng.below(3)),
           .window = uint32_t(pick(rng, {0, 0, 8}))};
  if (rng.bernoulli(0.3)) s.mirostat = {.tau = pick(rng, {0.5, 2, 3})};
  if (rng.bernoulli(0.3)) s.bias = {{TokenId(rng.below(vocabulary)), 2}};
  if (rng.bernoulli(0.3)) s.banned = {TokenId(rng.below(vocabulary))};
  return s;
}

// Draws at many seeds against the distribution of the oracle: a chi-square test.
TEST(Sampler, AgreesWithTheOracle) {
  Rng rng(test::seed("sampler oracle"));
  constexpr int kRounds = 300, kDraws = 3000;
  for (int round = 0; round < kRounds; ++round) {
    const auto vocabulary = uint32_t(2 + rng.below(12));
    Sampling options = random_sampling(rng, vocabulary);
    if (rng.bernoulli(0.3)) options.xtc = {.probability = 1, .threshold = pick(rng, {0.05, 0.2})};
    std::vector<float> logits(vocabulary);
    for (float& logit : logits) logit = float(rng.uniform() * 6 - 3);
    std::vector<TokenId> text(rng.below(40)), breakers;
    for (TokenId& id : text) id = TokenId(rng.below(vocabulary));
    if (rng.bernoulli(0.5)) breakers = {TokenId(rng.below(vocabulary))};
    const size_t prompt = rng.below(text.size() + 1);

    const bool xtc = options.xtc.probability > 0 && options.mirostat.tau == 0;
    const auto expected = naive_distribution(naive_logits(logits, options, text, prompt, breakers),
                                             options, xtc, 2 * double(options.mirostat.tau));
    std::map<TokenId, int> drawn;
    for (int i = 0; i < kDraws; ++i) {
      options.seed = rng.u64();
      Answer answer(options, vocabulary, 0, breakers);
      ++drawn[answer.sample({.logits = logits, .tokens = text, .prompt_tokens = uint32_t(prompt)})];
    }
    double chi = 0;
    for (const auto& [id, count] : drawn) ASSERT_TRUE(expected.contains(id)) << round << ' ' << id;
    for (const auto& [id, p] : expected) {
      const double seen = drawn.contains(id) ? drawn[id] : 0;
      chi += (seen - p * kDraws) * (seen - p * kDraws) / std::max(p * kDraws, 1.0);
    }
    // Mean 11 at most, deviation 4.7: 60 is never reached by chance.
    EXPECT_LT(chi, 60) << "round " << round;
  }
}

TEST(Sampler, XtcTossesItsCoin) {
  Answer answer({.xtc = {.probability = 0.25f, .threshold = 0.2f}, .seed = 3}, 4);
  const int draws = 40'000;
  // With the coin (1 in 4) token 0 is gone, and 0.3 of 0.5 are left for token 2.
  const double p = 0.75 * 0.5;
  EXPECT_NEAR(counts(answer, kLogits, draws)[0] / double(draws), p,
              5 * std::sqrt(p * (1 - p) / draws));
}

TEST(Sampler, MirostatHoldsTheSurprise) {
  constexpr uint32_t kVocabulary = 1000;
  std::vector<float> logits(kVocabulary);
  for (uint32_t i = 0; i < kVocabulary; ++i) logits[i] = -1.2f * std::log(float(i + 1));
  double total = log_sum_exp(logits), surprise = 0;
  Answer answer({.mirostat = {.tau = 3}, .seed = 5}, kVocabulary);
  constexpr int kWarm = 200, kDraws = 8000;
  for (int i = 0; i < kWarm + kDraws; ++i) {
    const double limit = std::max(answer.sampler().state(), -1e9);
    double kept = 0;
    for (const float logit : logits) {
      if ((total - double(logit)) / std::log(2) <= limit) kept += std::exp(double(logit) - total);
    }
    const TokenId id = answer.at(logits, uint64_t(i % 200));
    const double p = std::exp(double(logits[size_t(id)]) - total) / std::max(kept, 1e-9);
    if (i >= kWarm) surprise += -std::log2(p);
  }
  EXPECT_NEAR(surprise / kDraws, 3, 0.15);
}

TEST(Sampler, StateIsAllThatMustBeKept) {
  const Sampling options{.mirostat = {.tau = 1}, .seed = 9};
  Answer whole(options, 4);
  std::vector<TokenId> expected;
  for (uint64_t i = 0; i < 40; ++i) expected.push_back(whole.at(kLogits, i));
  Answer first(options, 4);
  for (uint64_t i = 0; i < 17; ++i) EXPECT_EQ(first.at(kLogits, i), expected[i]);
  Answer second(options, 4);
  second.sampler().set_state(first.sampler().state());
  for (uint64_t i = 17; i < 40; ++i) EXPECT_EQ(second.at(kLogits, i), expected[i]);
}

TEST(Sampler, DependsOnSeedChoiceAndPositionOnly) {
  Answer one({.seed = 1}, 4), same({.seed = 1}, 4), other({.seed = 2}, 4),
      choice({.seed = 1}, 4, 1);
  int different = 0, choices = 0;
  for (uint64_t position = 200; position-- > 0;) {
    const TokenId id = one.at(kLogits, position);
    EXPECT_EQ(same.at(kLogits, position), id);
    different += other.at(kLogits, position) != id;
    choices += choice.at(kLogits, position) != id;
  }
  EXPECT_GT(different, 50);
  EXPECT_GT(choices, 50);
}

TEST(Sampler, ForbidsWhatItIsTold) {
  const std::vector<TokenId> forbidden{0, 2};
  const std::vector<uint64_t> mask{0b1010};
  for (const float temperature : {0.0f, 1.0f}) {
    Answer answer({.temperature = temperature, .banned = {1}}, 4);
    EXPECT_EQ(answer.sample({.logits = kLogits, .forbidden = forbidden}), 3);
    EXPECT_EQ(answer.sample({.logits = kLogits, .mask = mask}), 3);
    const std::vector<uint64_t> none{0};
    EXPECT_EQ(answer.sample({.logits = kLogits, .mask = none}), kNoToken);
  }
}

TEST(Sampler, AsksTheHook) {
  Answer answer({.temperature = 0}, 4);
  const auto invert = [](std::span<float> logits) {
    for (float& logit : logits) logit = -logit;
  };
  const FunctionRef<void(std::span<float>)> hook(invert);
  EXPECT_EQ(answer.sample({.logits = kLogits, .hook = &hook}), 1);
  const auto throws = [](std::span<float>) { throw 1; };
  const FunctionRef<void(std::span<float>)> bad(throws);
  EXPECT_THROW(answer.sample({.logits = kLogits, .hook = &bad}), int);
  EXPECT_EQ(answer.sample({.logits = kLogits}), 0);
}

TEST(Sampler, SurvivesAnyLogits) {
  const float odd[] = {std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity(),
                       -std::numeric_limits<float>::infinity(),
                       0,
                       3e38f,
                       -3e38f};
  Rng rng(test::seed("logits"));
  for (int round = 0; round < 20'000; ++round) {
    std::vector<float> logits(1 + rng.below(6));
    for (float& logit : logits) logit = odd[rng.below(6)];
    Sampling options = random_sampling(rng, uint32_t(logits.size()));
    options.xtc.probability = 0.5f;
    std::vector<TokenId> text(rng.below(9));
    for (TokenId& id : text) id = TokenId(rng.below(8)) - 1;  // also ids that are none
    Answer answer(options, uint32_t(logits.size()));
    const TokenId id = answer.sample({.logits = logits, .tokens = text});
    EXPECT_TRUE(id >= kNoToken && id < TokenId(logits.size()));
  }
}

TEST(Sampler, AllocatesNothing) {
  Rng rng(test::seed("allocation"));
  constexpr uint32_t kVocabulary = 500;
  std::vector<float> logits(kVocabulary);
  for (float& logit : logits) logit = float(rng.uniform() * 6);
  std::vector<TokenId> text(100);
  for (TokenId& id : text) id = TokenId(rng.below(kVocabulary));
  for (int round = 0; round < 50; ++round) {
    Answer answer(random_sampling(rng, kVocabulary), kVocabulary);
    const size_t before = allocations();
    for (size_t i = 0; i < text.size(); ++i) {
      answer.sample({.logits = logits, .tokens = std::span(text).first(i)});
    }
    EXPECT_EQ(allocations(), before);
  }
}

}  // namespace
}  // namespace llmos::test
