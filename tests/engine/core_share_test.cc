// SPDX-License-Identifier: Apache-2.0
// Requests that begin alike at the same time: computed once, and as urgently as the most urgent.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "engine/core.h"
#include "engine/core_bench.h"
#include "engine/fake_executor.h"
#include "support/test_seed.h"

namespace llmos::engine {
namespace {

using test::FakeExecutor;
using test::read_all;

constexpr int64_t kVocabulary = 97;

struct Parts {
  FakeExecutor executor{kVocabulary};
  std::unique_ptr<ComputeDevice> device = ComputeDevice::create({.threads = 1}).value();
  BlockPool pool = FakeExecutor::make_pool(*device, 400, 4);
};

CoreOptions options_of(const char* policy, uint32_t step_tokens = 16) {
  CoreOptions options;
  options.policy = policy;
  options.sequences_max = 8;
  options.step_tokens = step_tokens;
  options.prefix = true;
  return options;
}

Request of(int32_t priority, const std::string& tenant = {}, uint32_t tokens = 3) {
  Request request{.sampling = {.temperature = 0}, .tokens_max = tokens};
  request.priority = priority;
  request.tenant = tenant;
  return request;
}

std::vector<TokenId> prompt_of(TokenId first, size_t tokens) {
  std::vector<TokenId> prompt(tokens);
  for (size_t i = 0; i < tokens; ++i) prompt[i] = TokenId((size_t(first) * 31 + i * 7) % 97);
  return prompt;
}

std::vector<TokenId> expected_tokens(std::vector<TokenId> text, uint32_t count) {
  const size_t before = text.size();
  while (text.size() < before + count) {
    text.push_back(FakeExecutor::next(text[text.size() - 2], text.back(), kVocabulary));
  }
  return {text.begin() + std::ptrdiff_t(before), text.end()};
}

TEST(CoreShare, ABurstThatBeginsAlikeIsComputedOnce) {
  for (const char* policy : {"fcfs", "mlfq", "sjf", "priority"}) {
    for (const bool overlap : {false, true}) {
      Parts parts;
      CoreOptions options = options_of(policy, 60);
      options.overlap = overlap;
      test::CoreBench bench(options, parts.executor, parts.pool);
      std::vector<std::shared_ptr<StreamState>> streams;
      std::vector<std::vector<TokenId>> prompts;
      for (TokenId i = 0; i < 6; ++i) {
        prompts.push_back(prompt_of(1, 48));
        prompts.back().push_back(i);
        streams.push_back(bench.submit(prompts.back(), of(0)));
      }
      const auto stranger = bench.submit(prompts[0], of(0, "other"));
      bench.run();
      for (size_t i = 0; i < streams.size(); ++i) {
        EXPECT_EQ(read_all(*streams[i]), expected_tokens(prompts[i], 3));
      }
      EXPECT_EQ(stranger->outcome().usage.cached_tokens, 0u);
      // 49 of the first and of the other tenant's, one of each of the rest.
      EXPECT_EQ(bench.meters.snapshot().prompt_tokens, 49u + 49u + 5u) << policy;
    }
  }
}

// Somebody unimportant computes what somebody urgent needs, and two that are more important than it
// have both places: without its urgency lent, the urgent one would wait until one of them ends.
TEST(CoreShare, WhoWaitsLendsItsUrgency) {
  Parts parts;
  CoreOptions options = options_of("priority");
  options.sequences_max = 2;
  test::CoreBench bench(options, parts.executor, parts.pool);
  const std::vector<TokenId> shared = prompt_of(1, 60);
  const auto low = bench.submit(shared, of(0));
  for (int i = 0; i < 3; ++i) bench.core().turn();  // 48 of its tokens
  std::vector<std::shared_ptr<StreamState>> busy;
  for (TokenId i = 2; i < 4; ++i) busy.push_back(bench.submit(prompt_of(i, 16), of(5, {}, 50)));
  const size_t room = low->room();  // of a stream without tokens
  for (int i = 0; i < 6; ++i) bench.core().turn();
  for (const auto& stream : busy) EXPECT_LT(stream->room(), room);  // they answer
  EXPECT_EQ(low->room(), room);                                     // it has got no further
  std::vector<TokenId> prompt = shared;
  prompt.push_back(9);
  const auto urgent = bench.submit(prompt, of(9));
  int turns = 0;
  for (; turns < 100 && urgent->room() == room; ++turns) {
    bench.core().turn();
    bench.clock.advance(std::chrono::milliseconds(1));
    bench.core().check_integrity();
  }
  EXPECT_LE(turns, 6);
  bench.run();
  EXPECT_EQ(read_all(*urgent), expected_tokens(prompt, 3));
  EXPECT_EQ(urgent->outcome().usage.cached_tokens, 60u);
}

// Whoever computes for others may end, fail or be put out at any time: the others go on.
TEST(CoreShare, WhoWaitsGoesOnWhateverBecomesOfTheOther) {
  Rng rng(test::seed("shared beginnings"));
  int failed = 0;
  for (int round = 0; round < 60; ++round) {
    Parts parts;
    const char* const policies[] = {"fcfs", "priority", "mlfq", "sjf", "round-robin"};
    CoreOptions options = options_of(policies[rng.below(5)], uint32_t(9 + rng.below(30)));
    options.overlap = rng.bernoulli(0.5);
    options.preempt_every = uint32_t(rng.below(4));
    test::CoreBench bench(options, parts.executor, parts.pool);
    struct Asked {
      std::vector<TokenId> prompt;
      std::shared_ptr<StreamState> stream;
      bool cancelled = false;
    };
    std::vector<Asked> asked;
    for (int i = 0; i < 12; ++i) {
      std::vector<TokenId> prompt = prompt_of(TokenId(rng.below(2)), 4 + rng.below(50));
      prompt.push_back(TokenId(rng.below(90)));
      Request request = of(int32_t(rng.below(3)));
      request.choices = uint32_t(1 + rng.below(2));
      asked.push_back({prompt, bench.submit(prompt, request)});
      for (uint64_t turns = rng.below(3); turns > 0; --turns) bench.core().turn();
      if (rng.below(5) == 0) parts.executor.fail_steps = int(1 + rng.below(5));
      if (rng.below(3) > 0) continue;
      Asked& victim = asked[rng.below(asked.size())];
      victim.cancelled = true;
      bench.cancel(*victim.stream);
    }
    bench.run();
    for (const Asked& one : asked) {
      if (one.cancelled) continue;
      const Status& status = one.stream->outcome().status;
      // One that ran alone may have been in all the steps that failed.
      ASSERT_TRUE(status.ok() || status.code() == Code::kInternal) << status.to_string();
      failed += !status.ok();
      if (!status.ok()) continue;
      ASSERT_EQ(read_all(*one.stream), expected_tokens(one.prompt, 3)) << round;
    }
    EXPECT_EQ(bench.core().scheduler().stats().parked, 0u);
  }
  EXPECT_LT(failed, 60);
}

}  // namespace
}  // namespace llmos::engine
