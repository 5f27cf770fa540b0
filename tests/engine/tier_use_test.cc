// SPDX-License-Identifier: Apache-2.0
// Sequences that leave memory for a tier and come back: over a model whose answers show at once
// whether what it reads from its cache is right.
#include "engine/tier_use.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "base/rng.h"
#include "engine/core_bench.h"
#include "engine/fake_executor.h"
#include "engine/history_executor.h"
#include "sched/event_log.h"
#include "support/test_seed.h"

namespace llmos::engine {
namespace {

using test::FileContent;
using test::make_tier;
using test::read_all;

constexpr int64_t kVocabulary = 97;

Request greedy(uint32_t tokens, std::string tenant = "") {
  return {.sampling = {.temperature = 0}, .tokens_max = tokens, .tenant = std::move(tenant)};
}

// A core of `blocks` blocks of 4 tokens over a model that reads all of its cache.
struct Parts {
  explicit Parts(uint32_t blocks) : pool(test::FakeExecutor::make_pool(*device, blocks, 4)) {}
  std::unique_ptr<ComputeDevice> device = ComputeDevice::create({.threads = 1}).value();
  BlockPool pool;
  test::HistoryExecutor executor{kVocabulary};
  std::shared_ptr<FileContent> content = std::make_shared<FileContent>();
};

class TierBench : public Parts, public test::CoreBench {
 public:
  TierBench(const CoreOptions& options, uint32_t blocks, uint32_t slots)
      : Parts(blocks), CoreBench(options, executor, pool, make_tier(pool, slots, content)) {}

  // `count` requests at once, each asked alone before.
  void submit_all(uint32_t count, uint32_t tokens) {
    for (uint32_t i = 0; i < count; ++i) {
      const std::vector<TokenId> prompt{TokenId(i), TokenId(i + 7), 3, 4, 5};
      streams.push_back(submit(prompt, greedy(tokens), tokens + 1));
      expected.push_back(executor.answer(prompt, tokens));
    }
  }
  void expect_all() {
    for (size_t i = 0; i < streams.size(); ++i) {
      EXPECT_TRUE(streams[i]->outcome().status.ok()) << streams[i]->outcome().status.to_string();
      EXPECT_EQ(read_all(*streams[i]), expected[i]) << i;
    }
    const BlockPool& blocks = pool;
    core().prefixes().clear();
    EXPECT_EQ(blocks.free_count(), blocks.capacity());
    EXPECT_EQ(core().tier().bytes_used(), 0u);
  }
  uint64_t sum(uint64_t Usage::*field) {
    uint64_t sum = 0;
    for (const auto& stream : streams) sum += stream->outcome().usage.*field;
    return sum;
  }
  uint64_t sum(uint32_t Usage::*field) {
    uint64_t sum = 0;
    for (const auto& stream : streams) sum += stream->outcome().usage.*field;
    return sum;
  }

  std::vector<std::shared_ptr<StreamState>> streams;
  std::vector<std::vector<TokenId>> expected;
};

// Six sequences of 45 tokens each in memory for one and a half.
TEST(TierUse, HoldsMoreThanTheMemoryDoes) {
  for (const bool overlap : {false, true}) {
    for (const bool prefix : {false, true}) {
      TierBench bench({.overlap = overlap, .prefix = prefix, .swap_always = true}, 18, 100);
      bench.submit_all(6, 40);
      bench.run();
      bench.expect_all();
      const Metrics metrics = bench.meters.snapshot();
      EXPECT_GT(metrics.preemptions, 0u);
      EXPECT_GT(metrics.swapped_tokens, 0u);
      EXPECT_EQ(metrics.recomputed_tokens, 0u);
      EXPECT_EQ(metrics.swap_failures, 0u);
      EXPECT_EQ(bench.sum(&Usage::bytes_swapped), metrics.swapped_bytes);
      EXPECT_EQ(bench.sum(&Usage::preemptions), metrics.preemptions);
      EXPECT_EQ(metrics.swapped, 0u);
    }
  }
}

TEST(TierUse, ForcedAtEveryStep) {
  for (const bool overlap : {false, true}) {
    for (const uint32_t slots : {7u, 100u}) {
      TierBench bench({.overlap = overlap, .preempt_every = 1, .swap_always = true}, 60, slots);
      bench.submit_all(5, 20);
      bench.run();
      bench.expect_all();
      EXPECT_GT(bench.meters.snapshot().swapped_bytes, 0u);
      // A tier that is too small for some: these are computed again.
      EXPECT_EQ(bench.meters.snapshot().recomputed_tokens > 0, slots == 7);
    }
  }
}

TEST(TierUse, BlocksThatAreNotWhatWasWrittenAreNotUsed) {
  for (const bool prefix : {false, true}) {
    TierBench bench({.prefix = prefix, .preempt_every = 3, .swap_always = true}, 60, 100);
    bench.submit_all(5, 20);
    Rng rng(test::seed("spoiled tier"));
    for (int i = 0; i < 20'000 && !bench.idle(); ++i) {
      bench.turn();
      const std::lock_guard lock(bench.content->mutex);
      std::vector<std::byte>& bytes = bench.content->bytes;
      if (!bytes.empty())
        bytes[rng.below(bytes.size()) / 4096 * 4096 + rng.below(64)] ^= std::byte{8};
      if (rng.bernoulli(0.02)) bytes.resize(bytes.size() / 2);
    }
    bench.run();
    bench.expect_all();
    const Metrics metrics = bench.meters.snapshot();
    EXPECT_GT(metrics.swap_failures, 0u);
    EXPECT_GT(metrics.recomputed_tokens, 0u);
  }
}

TEST(TierUse, AFullOrBrokenDiskOnlyCostsTime) {
  for (const bool full : {false, true}) {
    TierBench bench({.preempt_every = 2, .swap_always = true}, 60, 100);
    bench.submit_all(5, 20);
    if (full) bench.content->bytes_max = 3 * FileTier::kAlignment;
    if (!full) bench.content->writes_left = 9;
    bench.run();
    bench.expect_all();
    EXPECT_GT(bench.meters.snapshot().swap_failures, 0u);
    EXPECT_GT(bench.meters.snapshot().recomputed_tokens, 0u);
    EXPECT_FALSE(bench.core().tier().swapper()->last_error().ok());
    EXPECT_EQ(bench.core().tier().tokens_free(), 0u) << "for a while nothing is tried";
  }
}

// A disk that stands still: whoever left waits for it, the others go on, and cancels are heard.
class HeldFile final : public BlockFile {
 public:
  struct Gate {
    std::mutex mutex;
    std::condition_variable changed;
    bool open = false;
  };
  HeldFile(std::shared_ptr<FileContent> content, std::shared_ptr<Gate> gate)
      : inner_(std::move(content)), gate_(std::move(gate)) {}
  Status read_at(uint64_t offset, std::span<std::byte> into) override {
    return inner_.read_at(offset, into);
  }
  Status write_at(uint64_t offset, std::span<const std::byte> from) override {
    std::unique_lock lock(gate_->mutex);
    gate_->changed.wait(lock, [&] { return gate_->open; });
    return inner_.write_at(offset, from);
  }
  const std::string& path() const override { return inner_.path(); }

 private:
  test::FaultyFile inner_;
  std::shared_ptr<Gate> gate_;
};

TEST(TierUse, NobodyWaitsForTheDiskButWhoLeft) {
  auto gate = std::make_shared<HeldFile::Gate>();
  Parts parts(16);
  auto tier = FileTier::create(std::make_unique<HeldFile>(parts.content, gate),
                               {.block_bytes = parts.pool.layout().block_bytes(),
                                .bytes_max = 100 * FileTier::kAlignment})
                  .value();
  test::CoreBench bench({.policy = "fcfs", .preempt_every = 8, .swap_always = true}, parts.executor,
                        parts.pool, std::move(tier));
  const std::vector<TokenId> a{1, 2, 3}, b{4, 5, 6}, c{7, 8, 9};
  auto first = bench.submit(a, greedy(28), 64);
  auto second = bench.submit(b, greedy(28), 64);
  auto third = bench.submit(c, greedy(28), 64);
  for (int i = 0; i < 2000; ++i) {
    bench.core().turn();  // and not bench.turn(), which would wait for the disk
    bench.clock.advance(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(read_all(*first), parts.executor.answer(a, 28));
  EXPECT_TRUE(first->ended());
  EXPECT_GT(bench.meters.snapshot().swapped, 0u) << "somebody is on the way";
  bench.core().check_integrity();
  bench.cancel(*third);
  bench.core().turn();
  read_all(*third);
  EXPECT_TRUE(third->ended());
  {
    const std::lock_guard lock(gate->mutex);
    gate->open = true;
  }
  gate->changed.notify_all();
  bench.run();
  EXPECT_EQ(read_all(*second), parts.executor.answer(b, 28));
  EXPECT_EQ(parts.pool.free_count(), 16u);
}

// What others use stays in the cache: it is neither written nor read.
TEST(TierUse, SharedBeginningsStay) {
  const auto bytes_swapped = [](bool prefix) {
    TierBench bench({.policy = "fcfs", .prefix = prefix, .preempt_every = 4, .swap_always = true},
                    60, 100);
    std::vector<TokenId> prompt(32, 5);
    bench.streams.push_back(bench.submit(prompt, greedy(30), 64));
    bench.expected.push_back(bench.executor.answer(prompt, 30));
    for (int i = 0; i < 3; ++i) bench.turn();
    for (TokenId i = 0; i < 3; ++i) {
      prompt.push_back(i);
      bench.streams.push_back(bench.submit(prompt, greedy(30), 64));
      bench.expected.push_back(bench.executor.answer(prompt, 30));
    }
    bench.run();
    const uint64_t bytes = bench.sum(&Usage::bytes_swapped);
    bench.expect_all();
    return bytes;
  };
  EXPECT_LT(bytes_swapped(true), bytes_swapped(false) / 2);
}

// The same decisions from the log of what the scheduler was told, moves that failed included.
TEST(TierUse, TheLogReplaysWithItsMoves) {
  sched::EventLog log;
  sched::SchedulerConfig config;
  uint64_t digest = 0;
  uint64_t moves = 0;
  {
    TierBench bench({.event_log = &log, .preempt_every = 2, .swap_always = true}, 40, 30);
    bench.submit_all(6, 20);
    for (int i = 0; i < 40; ++i) bench.turn();
    bench.content->reads_left = 2;  // then each fails
    bench.run();
    bench.expect_all();
    config = bench.core().scheduler_config();
    digest = bench.core().scheduler().digest();
  }
  uint64_t failed = 0;
  for (const sched::Event& event : log.events()) {
    moves += event.kind == sched::EventKind::kTransferred;
    failed += event.kind == sched::EventKind::kTransferred && !event.flag;
  }
  EXPECT_GT(moves, 10u);
  EXPECT_GT(failed, 0u);
  auto policy = sched::make_policy("mlfq").value();
  auto again = sched::Scheduler::create(config, *policy.policy).value();
  const Result<uint64_t> replayed = sched::replay(log, *again);
  ASSERT_TRUE(replayed.ok()) << replayed.status().to_string();
  EXPECT_EQ(*replayed, digest);
}

// Measured: a quick tier is used for long sequences of a slow model, a slow tier is not.
TEST(TierUse, ChoosesWhatCostsLess) {
  Parts parts(60);
  PrefixReuse prefixes(parts.pool, false);
  VirtualClock clock{Instant(std::chrono::seconds(100))};
  TierUse tier(parts.pool, prefixes, make_tier(parts.pool, 100, parts.content), false, clock, {});
  LiveRequest request;
  request.work = std::make_unique<Work>();
  LiveSequence sequence(request, 0, parts.pool, 64);
  ASSERT_TRUE(sequence.table.append(40));
  SchedulingCosts costs{.step = 1e-3, .prompt_token = 1e-3, .slots = 4, .tokens_per_step = 20};
  ASSERT_TRUE(tier.send(sequence, costs));
  EXPECT_TRUE(tier.busy());
  const auto ignore = [](LiveSequence&, bool ok) { EXPECT_TRUE(ok); };
  tier.start(ignore);
  ASSERT_TRUE(tier.swapper()->wait_idle(std::chrono::seconds(20)));
  tier.poll(ignore);
  EXPECT_EQ(sequence.away, Away::kAway);
  EXPECT_EQ(sequence.bytes_swapped, 10 * parts.pool.layout().block_bytes());
  EXPECT_EQ(parts.pool.free_count(), 60u);
  tier.forget(sequence);
  EXPECT_EQ(tier.bytes_used(), 0u);
  ASSERT_TRUE(sequence.table.append(40));
  costs.step = costs.prompt_token = costs.context_token = 0;  // to compute again costs nothing
  EXPECT_FALSE(tier.send(sequence, costs));
  EXPECT_EQ(sequence.away, Away::kHere);
  sequence.table.clear();
}

}  // namespace
}  // namespace llmos::engine
