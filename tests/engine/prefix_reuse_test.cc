// SPDX-License-Identifier: Apache-2.0
#include "engine/prefix_reuse.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "engine/cache_bench.h"
#include "support/test_seed.h"
#include "sync/counting_new.h"

namespace llmos::engine {
namespace {

using test::CacheBench;
using test::greedy;
using test::read_choice;
using Tokens = std::vector<TokenId>;

Tokens counting(size_t count) {
  Tokens tokens(count);
  for (size_t i = 0; i < count; ++i) tokens[i] = TokenId(i * 7 % 90);
  return tokens;
}

TEST(PrefixReuse, ComputesOnlyWhatIsNew) {
  CacheBench bench({.prefix = true}, 100, 4);
  const Tokens prompt = counting(30);
  EXPECT_EQ(bench.ask(prompt, greedy(6)), bench.executor.answer(prompt, 6));
  EXPECT_EQ(bench.executor.tokens, 35u);
  auto again = bench.submit(prompt, greedy(6));
  bench.run();
  EXPECT_EQ(read_choice(*again, 0), bench.executor.answer(prompt, 6));
  EXPECT_EQ(bench.executor.tokens, 35u + 6u) << "the last token of the prompt, and five drawn ones";
  EXPECT_EQ(again->outcome().usage.cached_tokens, 29u);
  // A conversation goes on: the answer was cached too, but for its last token.
  Tokens longer = prompt;
  for (const TokenId id : bench.executor.answer(prompt, 6)) longer.push_back(id);
  longer.push_back(5);
  auto turn = bench.submit(longer, greedy(3));
  bench.run();
  EXPECT_EQ(read_choice(*turn, 0), bench.executor.answer(longer, 3));
  EXPECT_EQ(turn->outcome().usage.cached_tokens, 35u);
  EXPECT_EQ(bench.meters.snapshot().cached_tokens, 29u + 35u);
}

TEST(PrefixReuse, TenantsShareNothing) {
  CacheBench bench({.prefix = true}, 100, 4);
  Request request = greedy(4);
  request.tenant = "a";
  bench.ask(counting(30), request);
  request.tenant = "b";
  auto other = bench.submit(counting(30), request);
  bench.run();
  EXPECT_EQ(other->outcome().usage.cached_tokens, 0u);
}

TEST(PrefixReuse, ChoicesComputeTheirPromptOnce) {
  for (const bool overlap : {false, true}) {
    CacheBench bench({.step_tokens = 20, .overlap = overlap, .prefix = true}, 100, 4);
    const Tokens prompt = counting(46);
    Request request = greedy(5);
    request.choices = 4;
    auto stream = bench.submit(prompt, request);
    bench.run();
    std::vector<Tokens> answers(4);
    std::vector<TokenScore> tops;
    while (const auto event = stream->try_take(tops)) answers[event->choice].push_back(event->id);
    for (const Tokens& answer : answers) EXPECT_EQ(answer, bench.executor.answer(prompt, 5));
    // Once, and for each choice the end that fills no block, and what it draws.
    EXPECT_LT(bench.executor.tokens, 46u + 4 * (4 + 6)) << "overlap " << overlap;
  }
}

// Their states are wanted for every token, so none may come from the cache.
TEST(PrefixReuse, PromptScoresAndEmbeddingsAreComputedWhole) {
  const Tokens prompt = counting(30);
  CacheBench plain({}, 100, 4);
  Request scored = greedy(2);
  scored.prompt_logprobs = true;
  for (const auto pooling : {std::optional<Pooling>(), std::optional(Pooling::kMean),
                             std::optional(Pooling::kCls), std::optional(Pooling::kLast)}) {
    CacheBench bench({.prefix = true}, 100, 4);
    bench.ask(prompt, greedy(2));
    const Request request = pooling ? greedy(1) : scored;
    auto expected = plain.submit(prompt, request, pooling);
    plain.run();
    const uint64_t before = bench.executor.tokens;
    auto stream = bench.submit(prompt, request, pooling);
    bench.run();
    const Outcome& outcome = stream->outcome();
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
    EXPECT_EQ(outcome.embedding, expected->outcome().embedding);
    ASSERT_EQ(outcome.prompt_scores.size(), expected->outcome().prompt_scores.size());
    for (size_t i = 0; i < outcome.prompt_scores.size(); ++i) {
      EXPECT_EQ(outcome.prompt_scores[i].logprob, expected->outcome().prompt_scores[i].logprob);
    }
    if (pooling == Pooling::kLast) {
      EXPECT_EQ(outcome.usage.cached_tokens, 29u);
    } else {
      EXPECT_EQ(outcome.usage.cached_tokens, 0u);
      EXPECT_GE(bench.executor.tokens - before, 30u);
    }
  }
}

TEST(PrefixReuse, BlocksOfABrokenSequenceAreForgotten) {
  CacheBench bench({.sequences_max = 4, .step_tokens = 8, .prefix = true}, 100, 4);
  const Tokens prompt = counting(30);
  bench.executor.nan_at = bench.executor.answer(prompt, 3)[2];
  auto stream = bench.submit(prompt, greedy(6));
  bench.run();
  EXPECT_EQ(stream->outcome().status.code(), Code::kInternal);
  EXPECT_EQ(bench.core().prefixes().tree()->node_count(), 0u);
  EXPECT_EQ(bench.pool().free_count(), 100u);
}

TEST(PrefixReuse, NothingOfALostDeviceIsFound) {
  CacheBench bench({.prefix = true}, 200, 4);
  Tokens prompt = counting(30);
  prompt[0] = 95;
  bench.ask(prompt, greedy(3));
  std::vector<std::shared_ptr<StreamState>> others;
  for (TokenId i = 0; i < 6; ++i) others.push_back(bench.submit({i, i + 1}, greedy(20)));
  for (int i = 0; i < 5; ++i) bench.core().turn();
  bench.executor.fail_steps = 1000;  // until it is opened again
  bench.run();
  EXPECT_EQ(bench.meters.snapshot().reopened, 1u);
  for (TokenId i = 0; i < 6; ++i) {
    EXPECT_EQ(read_choice(*others[size_t(i)], 0), bench.executor.answer({i, i + 1}, 20));
  }
  auto again = bench.submit(prompt, greedy(3));
  bench.run();
  EXPECT_EQ(read_choice(*again, 0), bench.executor.answer(prompt, 3));
  EXPECT_EQ(again->outcome().usage.cached_tokens, 0u);
}

// Cached blocks go before anybody waits: a cache full of others' does not slow or end anyone.
TEST(PrefixReuse, GivesWayToSequences) {
  CacheBench bench({.prefix = true}, 12, 4);
  for (TokenId i = 0; i < 20; ++i) {
    Tokens prompt = counting(30);
    prompt[0] = i;
    EXPECT_EQ(bench.ask(prompt, greedy(10)), bench.executor.answer(prompt, 10));
  }
  EXPECT_EQ(bench.meters.snapshot().preemptions, 0u);
  EXPECT_GT(bench.core().prefixes().tree()->stats().evicted, 100u);
}

TEST(PrefixReuse, SteadyStateAllocatesNothing) {
  for (const bool overlap : {false, true}) {
    CacheBench bench({.overlap = overlap, .prefix = true}, 400, 4);
    for (TokenId i = 0; i < 8; ++i) bench.submit({i, i + 1}, greedy(150));
    for (int i = 0; i < 40; ++i) bench.core().turn();
    const size_t before = test::allocations();
    for (int i = 0; i < 80; ++i) bench.core().turn();
    EXPECT_EQ(test::allocations(), before) << "overlap " << overlap;
    bench.run();
  }
}

// The same tokens whatever is cached, shared, evicted or computed again.
TEST(PrefixReuse, NeverChangesWhatIsSaid) {
  Rng rng(test::seed("prefix reuse"));
  uint64_t cached = 0, evicted = 0;
  for (int round = 0; round < 150; ++round) {
    const auto block_tokens = int64_t(1 + rng.below(6));
    const auto blocks = uint32_t(60 / block_tokens + 1 + int64_t(rng.below(30)));
    CacheBench bench({.policy = rng.bernoulli(0.5) ? "mlfq" : "fcfs",
                      .sequences_max = uint32_t(1 + rng.below(6)),
                      .step_tokens = uint32_t(8 + rng.below(40)),
                      .overlap = rng.bernoulli(0.5),
                      .prefix = true,
                      .preempt_every = rng.bernoulli(0.3) ? uint32_t(2 + rng.below(6)) : 0},
                     blocks, block_tokens);
    const Tokens common = counting(30);
    struct Asked {
      std::shared_ptr<StreamState> stream;
      Tokens expected;
      uint32_t choices;
    };
    std::vector<Asked> asked;
    for (int i = 0; i < 20; ++i) {
      Tokens prompt(common.begin(), common.begin() + int64_t(rng.below(30)));
      for (uint64_t more = 1 + rng.below(10); more > 0; --more) {
        prompt.push_back(TokenId(rng.below(3)));
      }
      Request request = greedy(uint32_t(1 + rng.below(12)));
      request.choices = uint32_t(1 + rng.below(2));
      request.tenant = rng.bernoulli(0.8) ? "a" : "b";
      asked.push_back({bench.submit(prompt, request),
                       bench.executor.answer(prompt, request.tokens_max), request.choices});
      for (uint64_t turns = rng.below(8); turns > 0; --turns) bench.core().turn();
      if (rng.bernoulli(0.05)) bench.executor.fail_steps = 1;
    }
    bench.run();
    for (const Asked& one : asked) {
      std::vector<Tokens> answers(one.choices);
      std::vector<TokenScore> tops;
      while (const auto event = one.stream->try_take(tops)) {
        answers[event->choice].push_back(event->id);
      }
      ASSERT_TRUE(one.stream->outcome().status.ok()) << one.stream->outcome().status.to_string();
      for (const Tokens& answer : answers) ASSERT_EQ(answer, one.expected) << "round " << round;
      cached += one.stream->outcome().usage.cached_tokens;
    }
    evicted += bench.core().prefixes().tree()->stats().evicted;
    bench.core().prefixes().clear();
    EXPECT_EQ(bench.pool().free_count(), bench.pool().capacity());
  }
  EXPECT_GT(cached, 1000u);
  EXPECT_GT(evicted, 1000u);
}

}  // namespace
}  // namespace llmos::engine
