// SPDX-License-Identifier: Apache-2.0
#include "engine/core.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "engine/core_bench.h"
#include "engine/fake_executor.h"
#include "support/test_seed.h"
#include "sync/counting_new.h"

namespace llmos::engine {
namespace {

using test::FakeExecutor;
using test::read_all;

constexpr int64_t kVocabulary = 97;

struct FakeParts {
  FakeParts(uint32_t blocks, int64_t block_tokens)
      : blocks_(FakeExecutor::make_pool(*device_, blocks, block_tokens)) {}

  FakeExecutor executor{kVocabulary};

 private:
  std::unique_ptr<ComputeDevice> device_ = ComputeDevice::create({.threads = 1}).value();

 protected:
  BlockPool blocks_;
};

// A core over a fake model.
class Bench : public FakeParts, public test::CoreBench {
 public:
  Bench(const CoreOptions& options, uint32_t blocks, int64_t block_tokens)
      : FakeParts(blocks, block_tokens), CoreBench(options, executor, blocks_) {}
  BlockPool& pool() { return blocks_; }
};

// What the fake model continues a prompt with, greedily.
std::vector<TokenId> expected_tokens(std::vector<TokenId> text, uint32_t count) {
  std::vector<TokenId> answer;
  for (uint32_t i = 0; i < count; ++i) {
    const TokenId before = text.size() > 1 ? text[text.size() - 2] : 0;
    text.push_back(FakeExecutor::next(before, text.back(), kVocabulary));
    answer.push_back(text.back());
  }
  return answer;
}

std::vector<TokenId> random_prompt(Rng& rng, uint64_t most) {
  std::vector<TokenId> prompt(1 + rng.below(most));
  for (TokenId& id : prompt) id = TokenId(rng.below(uint64_t(kVocabulary)));
  return prompt;
}

Request greedy(uint32_t tokens) { return {.sampling = {.temperature = 0}, .tokens_max = tokens}; }

const char* const kPolicies[] = {
    "fcfs", "sjf", "priority", "fair", "round-robin", "gittins-learned", "mlfq-skipjoin", "mlfq"};

// Thousands of requests under every policy, memory size, chunk size and depth, with evictions of
// everybody thrown in: always the same tokens.
TEST(Core, GivesTheSameTokensWhateverHappens) {
  Rng rng(test::seed("core equivalence"));
  for (int round = 0; round < 60; ++round) {
    const int64_t block_tokens = 1 + int64_t(rng.below(8));
    CoreOptions options{.policy = kPolicies[rng.below(std::size(kPolicies))],
                        .sequences_max = uint32_t(1 + rng.below(8)),
                        .overlap = rng.bernoulli(0.5),
                        .preempt_every = uint32_t(rng.bernoulli(0.5) ? 1 + rng.below(5) : 0)};
    options.step_tokens = options.sequences_max + 1 + uint32_t(rng.below(30));
    // The largest request has 20 + 15 tokens.
    const auto blocks = uint32_t((35 + block_tokens - 1) / block_tokens + int64_t(rng.below(20)));
    Bench bench(options, blocks, block_tokens);
    std::vector<std::pair<std::shared_ptr<StreamState>, std::vector<TokenId>>> running;
    for (int i = 0; i < 16; ++i) {
      const std::vector<TokenId> prompt = random_prompt(rng, 20);
      Request request = greedy(uint32_t(1 + rng.below(15)));
      request.choices = uint32_t(1 + rng.below(2));
      request.tenant = std::string(1, char('a' + rng.below(3)));
      running.emplace_back(bench.submit(prompt, request),
                           expected_tokens(prompt, request.tokens_max));
      for (uint64_t turns = rng.below(4); turns > 0; --turns) bench.core().turn();
    }
    bench.run();
    for (auto& [stream, expected] : running) {
      ASSERT_TRUE(stream->ended() || stream->outcome().status.ok());
      ASSERT_EQ(read_all(*stream), expected)
          << round << ' ' << options.policy << " overlap " << options.overlap << " blocks "
          << blocks << " of " << block_tokens << ' ' << stream->outcome().status.to_string();
    }
    EXPECT_EQ(bench.pool().free_count(), bench.pool().capacity());
  }
}

TEST(Core, EndsAtStopTokensWhileAnotherStepIsInFlight) {
  for (const bool overlap : {false, true}) {
    Bench bench({.overlap = overlap}, 40, 4);
    const std::vector<TokenId> prompt{5, 6, 7};
    const std::vector<TokenId> all = expected_tokens(prompt, 30);
    Request request = greedy(30);
    request.stop_tokens = {all[9]};
    const auto stop = size_t(std::find(all.begin(), all.end(), all[9]) - all.begin());
    auto stream = bench.submit(prompt, request);
    bench.run();
    EXPECT_EQ(read_all(*stream),
              std::vector<TokenId>(all.begin(), all.begin() + ptrdiff_t(stop) + 1));
    EXPECT_EQ(bench.pool().free_count(), 40u);
  }
}

TEST(Core, AFailingStepEndsOnlyTheRequestAtFault) {
  for (const bool overlap : {false, true}) {
    Bench bench({.overlap = overlap}, 200, 4);
    bench.executor.poison = 96;
    std::vector<std::shared_ptr<StreamState>> good;
    std::vector<std::vector<TokenId>> expected;
    Rng rng(test::seed("poison"));
    while (good.size() < 10) {
      std::vector<TokenId> prompt = random_prompt(rng, 10);
      const auto answer = expected_tokens(prompt, 10);
      if (std::find(prompt.begin(), prompt.end(), 96) != prompt.end()) continue;
      if (std::find(answer.begin(), answer.end(), 96) != answer.end()) continue;
      good.push_back(bench.submit(prompt, greedy(10)));
      expected.push_back(answer);
    }
    auto bad = bench.submit({1, 2, 96, 3}, greedy(10));
    bench.run();
    EXPECT_EQ(bad->outcome().status.code(), Code::kInternal);
    for (size_t i = 0; i < good.size(); ++i) {
      EXPECT_TRUE(good[i]->outcome().status.ok());
      EXPECT_EQ(read_all(*good[i]), expected[i]);
    }
    EXPECT_GT(bench.meters.snapshot().steps_failed, 0u);
  }
}

TEST(Core, OpensTheDeviceAgainAndComputesEverythingAnew) {
  for (const bool overlap : {false, true}) {
    Bench bench({.overlap = overlap}, 100, 4);
    std::vector<std::shared_ptr<StreamState>> streams;
    for (TokenId i = 0; i < 6; ++i) streams.push_back(bench.submit({i, i + 1}, greedy(20)));
    for (int i = 0; i < 5; ++i) bench.core().turn();
    bench.executor.fail_steps = 1000;  // until it is opened again
    bench.run();
    EXPECT_EQ(bench.executor.reopened, 1);
    for (TokenId i = 0; i < 6; ++i) {
      EXPECT_EQ(read_all(*streams[size_t(i)]), expected_tokens({i, i + 1}, 20));
    }
  }
}

TEST(Core, NotANumberEndsItsOwnRequest) {
  Bench bench({}, 100, 4);
  const auto answer = expected_tokens({3, 4}, 10);
  bench.executor.nan_at = answer[5];
  auto bad = bench.submit({3, 4}, greedy(10));
  bench.run();
  EXPECT_EQ(bad->outcome().status.code(), Code::kInternal);
  EXPECT_EQ(read_all(*bad).size(),
            size_t(std::find(answer.begin(), answer.end(), answer[5]) - answer.begin()));
}

TEST(Core, ThrowingExecutorsAreSurvived) {
  Bench bench({}, 100, 4);
  bench.executor.throws = true;
  auto stream = bench.submit({3, 4}, greedy(10));
  bench.run();
  EXPECT_EQ(stream->outcome().status.code(), Code::kInternal);
  bench.executor.throws = false;
  auto next = bench.submit({3, 4}, greedy(10));
  bench.run();
  EXPECT_EQ(read_all(*next), expected_tokens({3, 4}, 10));
}

TEST(Core, ParksAndGoesOn) {
  for (const bool overlap : {false, true}) {
    Bench bench({.reader_stall_seconds = 0, .overlap = overlap}, 100, 4);
    auto slow = bench.submit({3, 4}, greedy(100), 4);
    auto quick = bench.submit({8, 9}, greedy(50));
    std::vector<TokenId> tokens;
    std::vector<TokenScore> tops;
    for (int i = 0; i < 500; ++i) bench.core().turn();
    EXPECT_EQ(read_all(*quick), expected_tokens({8, 9}, 50));
    EXPECT_FALSE(slow->ended());
    bench.core().check_integrity();
    for (int turn = 0; turn < 5000 && tokens.size() < 100; ++turn) {
      while (const auto event = slow->try_take(tops)) tokens.push_back(event->id);
      if (slow->take_parked()) bench.mailbox().post_note({slow->id(), Mailbox::Note::kRoom});
      bench.core().turn();
    }
    EXPECT_EQ(tokens, expected_tokens({3, 4}, 100));
  }
}

// One tenant may hold three blocks of four tokens: it never takes more, its tokens are the same,
// and the other one does not wait for it.
TEST(Core, TenantsKeepTheirQuotas) {
  for (const char* policy : kPolicies) {
    for (const bool overlap : {false, true}) {
      CoreOptions options;
      options.policy = policy;
      options.overlap = overlap;
      options.prefix = true;
      options.tenants.name("small", {.blocks_max = 3});
      Bench bench(options, 100, 4);
      Request request = greedy(6);
      request.tenant = "small";
      std::vector<std::shared_ptr<StreamState>> small;
      for (TokenId i = 0; i < 8; ++i) small.push_back(bench.submit({i, 1, 2, 3, 4}, request));
      request.tenant = "other";
      const auto other = bench.submit({50, 1, 2, 3, 4}, request);
      const size_t room = other->room();
      int turns = 0;
      for (; turns < 40 && other->room() > room - 6; ++turns) {
        bench.core().turn();
        EXPECT_LE(bench.core().scheduler().tenant_blocks(0), 3u);
        bench.core().check_integrity();
      }
      EXPECT_LT(turns, 12) << policy;
      EXPECT_EQ(read_all(*other), expected_tokens({50, 1, 2, 3, 4}, 6));
      bench.run();
      for (TokenId i = 0; i < 8; ++i) {
        EXPECT_EQ(read_all(*small[size_t(i)]), expected_tokens({i, 1, 2, 3, 4}, 6)) << policy;
      }
    }
  }
}

TEST(Core, EndsWhoNeverReads) {
  Bench bench({.reader_stall_seconds = 0.05}, 100, 4);
  auto slow = bench.submit({3, 4}, greedy(100), 4);
  bench.run();
  EXPECT_EQ(slow->outcome().status.code(), Code::kCancelled);
  EXPECT_EQ(bench.pool().free_count(), 100u);
}

TEST(Core, HonoursDeadlines) {
  Bench bench({}, 100, 4);
  Request request = greedy(1000);
  request.deadline = Millis(20);
  auto stream = bench.submit({3, 4}, request, 2000);
  bench.run();
  EXPECT_EQ(stream->outcome().status.code(), Code::kDeadline);
}

TEST(Core, CancelsAtEveryMoment) {
  for (const bool overlap : {false, true}) {
    for (int when = 0; when < 30; ++when) {
      Bench bench({.step_tokens = 20, .overlap = overlap}, 100, 4);
      Request request = greedy(10);
      request.choices = 3;
      auto stream = bench.submit(std::vector<TokenId>(50, 3), request);
      auto other = bench.submit({8, 9}, greedy(20));
      for (int i = 0; i < when; ++i) bench.core().turn();
      stream->cancel();
      bench.mailbox().post_note({stream->id(), Mailbox::Note::kCancel});
      bench.run();
      EXPECT_TRUE(stream->ended() || read_all(*stream).size() <= 10);
      EXPECT_EQ(read_all(*other), expected_tokens({8, 9}, 20));
      EXPECT_EQ(bench.pool().free_count(), 100u);
    }
  }
}

// Random submits, cancels, faults, stalls and deadlines: every request ends exactly once, and its
// tokens are a beginning of the right ones.
TEST(Core, SoaksInChaos) {
  Rng rng(test::seed("soak"));
  for (int round = 0; round < 20; ++round) {
    Bench bench({.policy = kPolicies[rng.below(std::size(kPolicies))],
                 .sequences_max = uint32_t(1 + rng.below(6)),
                 .step_tokens = 24,
                 .reader_stall_seconds = 0.05,
                 .overlap = rng.bernoulli(0.5)},
                uint32_t(16 + rng.below(10)), 4);
    struct Live {
      std::shared_ptr<StreamState> stream;
      std::vector<TokenId> expected, read;
      int ends = 0;
      bool reads;
    };
    std::vector<Live> all;
    std::vector<TokenScore> tops;
    const auto read = [&](Live& live) {
      while (const auto event = live.stream->try_take(tops)) {
        if (event->id != kNoToken) live.read.push_back(event->id);
        live.ends += event->last;
      }
      if (live.stream->take_parked()) {
        bench.mailbox().post_note({live.stream->id(), Mailbox::Note::kRoom});
      }
    };
    for (int turn = 0; turn < 1500; ++turn) {
      if (rng.bernoulli(0.1) && bench.mailbox().waiting() < 500) {
        const auto prompt = random_prompt(rng, 20);
        Request request = greedy(uint32_t(1 + rng.below(15)));
        if (rng.bernoulli(0.1)) request.deadline = Millis(1 + rng.below(50));
        all.push_back({bench.submit(prompt, request, 4),
                       expected_tokens(prompt, request.tokens_max),
                       {},
                       0,
                       rng.bernoulli(0.9)});
      }
      if (!all.empty() && rng.bernoulli(0.02)) {
        Live& live = all[rng.below(all.size())];
        live.stream->cancel();
        bench.mailbox().post_note({live.stream->id(), Mailbox::Note::kCancel});
      }
      if (rng.bernoulli(0.02)) bench.executor.fail_steps = int(1 + rng.below(5));
      for (Live& live : all) {
        if (live.reads) read(live);
      }
      bench.core().turn();
      bench.clock.advance(std::chrono::microseconds(rng.below(2000)));
      if (turn % 16 == 0) bench.core().check_integrity();
    }
    for (int turn = 0; turn < 20'000 && !bench.core().idle(); ++turn) {
      for (Live& live : all) read(live);
      bench.core().turn();
      bench.clock.advance(std::chrono::milliseconds(1));
    }
    ASSERT_TRUE(bench.core().idle()) << round;
    for (Live& live : all) {
      read(live);
      ASSERT_TRUE(live.stream->ended());
      EXPECT_EQ(live.ends, 1);
      ASSERT_LE(live.read.size(), live.expected.size());
      EXPECT_TRUE(std::equal(live.read.begin(), live.read.end(), live.expected.begin()));
      if (live.stream->outcome().status.ok()) {
        EXPECT_EQ(live.read, live.expected);
      }
    }
    EXPECT_EQ(bench.pool().free_count(), bench.pool().capacity());
  }
}

// Right guesses: as many tokens as steps would have drawn one by one, in fewer steps.
class Oracle final : public DraftSource {
 public:
  uint32_t draft(std::span<const TokenId> tokens, std::span<TokenId> into) override {
    const auto next = expected_tokens({tokens.begin(), tokens.end()}, uint32_t(into.size()));
    std::copy(next.begin(), next.end(), into.begin());
    return uint32_t(into.size());
  }
};

TEST(Core, VerifiesDraftsInFewerSteps) {
  for (const bool overlap : {false, true}) {
    Bench bench({.overlap = overlap}, 100, 4);
    Oracle oracle;
    auto work = bench.work({3, 4}, greedy(50), 100);
    work->drafts = &oracle;
    work->drafts_max = 4;
    auto drafted = bench.post(std::move(work));
    auto plain = bench.submit({8, 9}, greedy(10));
    bench.run();
    EXPECT_EQ(read_all(*drafted), expected_tokens({3, 4}, 50));
    EXPECT_EQ(read_all(*plain), expected_tokens({8, 9}, 10));
    // One for the prompt and ten of five tokens; at depth 1 the other request's lie in between.
    EXPECT_LE(bench.executor.steps, overlap ? 24 : 14);
    EXPECT_EQ(bench.pool().free_count(), 100u);
  }
}

class UpTo final : public TokenMask {
 public:
  explicit UpTo(size_t tokens) : tokens_(tokens) {}
  bool allow(const LogitsContext& context, std::span<uint64_t> mask) override {
    std::fill(mask.begin(), mask.end(), 0xFF);  // ids 0 to 7 of each 64
    return context.tokens.size() - context.prompt_tokens < tokens_;
  }

 private:
  size_t tokens_;
};

TEST(Core, MasksDecideWhatMayComeAndWhenItIsComplete) {
  for (const bool overlap : {false, true}) {
    Bench bench({.overlap = overlap}, 100, 4);
    UpTo six(6), none(0);
    Request request = greedy(50);
    request.token_mask = &six;
    auto masked = bench.submit({3, 4}, request);
    request.token_mask = &none;
    auto empty = bench.submit({3, 4}, request);
    bench.run();
    const std::vector<TokenId> tokens = read_all(*masked);
    EXPECT_EQ(tokens.size(), 6u);
    for (const TokenId id : tokens) EXPECT_LT(id % 64, 8);
    EXPECT_TRUE(masked->outcome().status.ok());
    std::vector<TokenScore> tops;
    const auto end = empty->try_take(tops);
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->id, kNoToken);
    EXPECT_EQ(end->finish, Finish::kStop);
    EXPECT_TRUE(end->last && empty->outcome().status.ok());
  }
}

// What a live engine's scheduler decided is decided again, offline, from the recorded calls.
TEST(Core, ItsEventLogReplaysToTheSameDecisions) {
  Rng rng(test::seed("event log"));
  for (const char* policy : kPolicies) {
    sched::EventLog log;
    Bench bench({.policy = policy,
                 .sequences_max = 4,
                 .step_tokens = 20,
                 .overlap = rng.bernoulli(0.5),
                 .event_log = &log},
                20, 4);
    for (int i = 0; i < 40; ++i) {
      Request request = greedy(uint32_t(1 + rng.below(15)));
      request.tenant = std::string(1, char('a' + rng.below(3)));
      auto stream = bench.submit(random_prompt(rng, 20), request);
      for (uint64_t turns = rng.below(6); turns > 0; --turns) {
        bench.core().turn();
        bench.clock.advance(std::chrono::microseconds(rng.below(3000)));
      }
      if (rng.bernoulli(0.2)) bench.cancel(*stream);
      if (rng.bernoulli(0.1)) bench.executor.fail_steps = 1;
    }
    bench.run();
    auto again = sched::make_policy(policy).value();
    auto fresh = sched::Scheduler::create(bench.core().scheduler_config(), *again.policy).value();
    const auto parsed = sched::EventLog::parse(log.serialise()).value();
    EXPECT_EQ(sched::replay(parsed, *fresh).value(), bench.core().scheduler().digest()) << policy;
  }
}

TEST(Core, SteadyStateAllocatesNothing) {
  for (const bool overlap : {false, true}) {
    Bench bench({.overlap = overlap}, 400, 4);
    std::vector<std::shared_ptr<StreamState>> streams;
    for (TokenId i = 0; i < 8; ++i) {
      Request request = greedy(150);
      if (i % 2 == 0) {
        request.sampling.temperature = 0.8f;
        request.sampling.top_k = 10;
        request.sampling.repetition_penalty = 1.1f;
        request.sampling.dry.multiplier = 0.5f;
        request.logprobs = true;
        request.logprobs_top = 3;
      }
      streams.push_back(bench.submit({i, i + 1}, request, 400));
    }
    for (int i = 0; i < 40; ++i) bench.core().turn();
    const size_t before = test::allocations();
    for (int i = 0; i < 80; ++i) bench.core().turn();
    EXPECT_EQ(test::allocations(), before) << "overlap " << overlap;
    bench.run();
    for (TokenId i = 0; i < 8; ++i) EXPECT_EQ(read_all(*streams[size_t(i)]).size(), 150u);
  }
}

}  // namespace
}  // namespace llmos::engine
