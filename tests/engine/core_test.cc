// SPDX-License-Identifier: Apache-2.0
#include "engine/core.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "engine/fake_executor.h"
#include "support/test_seed.h"
#include "sync/counting_new.h"

namespace llmos::engine {
namespace {

using test::FakeExecutor;

constexpr int64_t kVocabulary = 97;

// A core on this thread, over a fake model, on a clock that stands still unless it is moved.
class Bench {
 public:
  Bench(const CoreOptions& options, uint32_t blocks, int64_t block_tokens)
      : pool_(FakeExecutor::make_pool(*device_, blocks, block_tokens)),
        mailbox_(options.queue_max),
        core_(Core::create(options, executor, pool_, mailbox_, meters, clock).value()) {}

  std::shared_ptr<StreamState> submit(std::vector<TokenId> prompt, const Request& request,
                                      uint32_t stream_tokens = 64) {
    auto work = std::make_unique<Work>();
    work->id = ++last_id_;
    work->prompt = std::move(prompt);
    work->request = request;
    work->ends = request.stop_tokens;
    for (uint32_t i = 0; i < request.choices; ++i) {
      work->samplers.push_back(Sampler::create(request.sampling, kVocabulary, i).value());
    }
    work->stream = std::make_shared<StreamState>(work->id, stream_tokens, request.choices,
                                                 request.logprobs_top, nullptr);
    work->submitted = clock.now();
    if (request.deadline.count() > 0) work->deadline = clock.now() + request.deadline;
    auto stream = work->stream;
    EXPECT_TRUE(mailbox_.post_work(work).ok());
    return stream;
  }

  // Turns until all has ended; every stream is read as it goes.
  void run() {
    for (int turn = 0; turn < 200'000; ++turn) {
      core_->turn();
      clock.advance(std::chrono::milliseconds(1));
      if (turn % 8 == 0) core_->check_integrity();
      if (core_->idle() && mailbox_.waiting() == 0) return core_->check_integrity();
    }
    ADD_FAILURE() << "requests did not end";
  }
  Core& core() { return *core_; }
  BlockPool& pool() { return pool_; }
  Mailbox& mailbox() { return mailbox_; }

  FakeExecutor executor{kVocabulary};
  VirtualClock clock{Instant(std::chrono::seconds(1))};
  Meters meters;

 private:
  std::unique_ptr<ComputeDevice> device_ = ComputeDevice::create({.threads = 1}).value();
  BlockPool pool_;
  Mailbox mailbox_;
  std::unique_ptr<Core> core_;
  uint64_t last_id_ = 0;
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

std::vector<TokenId> read_all(StreamState& stream, uint32_t choice = 0) {
  std::vector<TokenId> tokens;
  std::vector<TokenScore> tops;
  while (const auto event = stream.try_take(tops)) {
    if (event->choice == choice && event->id != kNoToken) tokens.push_back(event->id);
  }
  return tokens;
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

TEST(Core, SteadyStateAllocatesNothing) {
  for (const bool overlap : {false, true}) {
    Bench bench({.overlap = overlap}, 400, 4);
    std::vector<std::shared_ptr<StreamState>> streams;
    for (TokenId i = 0; i < 8; ++i) streams.push_back(bench.submit({i, i + 1}, greedy(150), 400));
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
