// SPDX-License-Identifier: Apache-2.0
#include "engine/suspended.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/rng.h"
#include "kv/checksum.h"
#include "support/test_seed.h"

namespace llmos::engine {
namespace {

constexpr ModelDigest kDigest{std::byte{1}, std::byte{2}};

SuspendedRequest example() {
  SuspendedRequest s;
  s.request.sampling.temperature = 0.5f;
  s.request.sampling.dry.breakers = {"\n", "ab"};
  s.request.sampling.bias = {{3, 1.5f}};
  s.request.sampling.seed = 99;
  s.request.tokens_max = 30;
  s.request.stop = {"stop", ""};
  s.request.stop_tokens = {4, 5};
  s.request.choices = 2;
  s.request.logprobs = true;
  s.request.logprobs_top = 1;
  s.request.tenant = "t";
  s.request.deadline = Millis(1234);
  s.prompt = {1, 2, 3};
  s.choices.resize(2);
  s.choices[0].answer = {7, 8};
  s.choices[0].sampler_state = 2.5;
  s.choices[0].blocks.tokens = 4;
  s.choices[0].blocks.bytes.assign(100, std::byte{9});
  s.choices[1].answer = {6};
  s.choices[1].over = true;
  s.choices[1].finish = Finish::kStop;
  s.prompt_scores.push_back({.id = 2, .logprob = -1.5, .top = {{2, -1.5}}});
  s.usage.preemptions = 3;
  s.scores.resize(2);
  s.scores[0].push_back({.id = 7, .logprob = -2, .top = {{7, -2}}});
  s.seen = {1, 0};
  s.unread.push_back({{.id = 6, .choice = 1, .last = true}, {}});
  s.unread.push_back({{.id = 8, .choice = 0, .logprob = -1}, {{8, -1.0}}});
  return s;
}

TEST(Suspended, ComesBackAsItWas) {
  const std::vector<std::byte> image = to_image(example(), kDigest);
  const SuspendedRequest s = from_image(image, kDigest).value();
  EXPECT_EQ(s.request.sampling.temperature, 0.5f);
  EXPECT_EQ(s.request.sampling.dry.breakers, (std::vector<std::string>{"\n", "ab"}));
  EXPECT_EQ(s.request.stop, (std::vector<std::string>{"stop", ""}));
  EXPECT_EQ(s.request.deadline, Millis(1234));
  EXPECT_EQ(s.choices[0].answer, (std::vector<TokenId>{7, 8}));
  EXPECT_EQ(s.choices[0].sampler_state, 2.5);
  EXPECT_EQ(s.choices[0].blocks.bytes.size(), 100u);
  EXPECT_TRUE(s.choices[1].over);
  EXPECT_EQ(s.prompt_scores[0].top[0].id, 2);
  EXPECT_EQ(s.unread[1].tops[0].logprob, -1.0);
  EXPECT_EQ(s.usage.preemptions, 3u);
  // All of it: the same bytes again.
  EXPECT_EQ(to_image(s, kDigest), image);
}

TEST(Suspended, OtherModelsRefuseIt) {
  EXPECT_EQ(from_image(to_image(example(), kDigest), ModelDigest{}).status().code(),
            Code::kInvalid);
}

TEST(Suspended, EveryDamageIsFound) {
  const std::vector<std::byte> image = to_image(example(), kDigest);
  for (size_t size = 0; size < image.size(); ++size) {
    EXPECT_EQ(from_image(std::span(image).first(size), kDigest).status().code(), Code::kCorrupt);
  }
  for (size_t i = 0; i < image.size(); ++i) {
    std::vector<std::byte> damaged = image;
    damaged[i] ^= std::byte{0x40};
    EXPECT_EQ(from_image(damaged, kDigest).status().code(), Code::kCorrupt) << i;
  }
}

// Damage with a checksum that fits: an error or a request, never more memory than bytes.
TEST(Suspended, SurvivesForgery) {
  Rng rng(test::seed("forged images"));
  const std::vector<std::byte> image = to_image(example(), kDigest);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> forged = image;
    for (uint64_t changes = 1 + rng.below(4); changes > 0; --changes) {
      forged[44 + rng.below(forged.size() - 52)] = std::byte(rng.u32());
    }
    const uint64_t sum = checksum64(std::span(forged).first(forged.size() - 8));
    std::memcpy(forged.data() + forged.size() - 8, &sum, 8);
    const auto made = from_image(forged, kDigest);
    if (!made.ok()) {
      EXPECT_EQ(made.status().code(), Code::kCorrupt);
    }
  }
}

}  // namespace
}  // namespace llmos::engine
