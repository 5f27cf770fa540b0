// SPDX-License-Identifier: Apache-2.0
// A whole core over thread ranks: the tokens of one rank, and what becomes of requests when a rank
// stalls or fails.
#include "engine/thread_ranks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

#include "engine/core_bench.h"
#include "model/model_runner.h"
#include "sync/event.h"

namespace llmos::engine {
namespace {

using namespace std::chrono_literals;
using test::CoreBench;
using test::read_all;

const std::string kModel =
    std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/llama3_scaled/model.gguf";
constexpr uint32_t kBlocks = 64;

ThreadRanksSetup setup(int ranks) {
  ThreadRanksSetup result;
  result.ranks = ranks;
  result.threads_each = 1;
  result.limits = {.tokens = 64, .logit_rows = 16};
  result.cache = {.layers = 0, .kv_heads = 0, .head_dim = 0, .block_tokens = 8};
  const ModelConfig config = read_model(Checkpoint::open(kModel).value()).value().config;
  result.cache.layers = config.layer_count();
  result.cache.head_dim = config.head_dim;
  result.cache.dtype = DType::kF32;
  return result;
}

CoreOptions core_options() {
  CoreOptions options;
  options.sequences_max = 4;
  options.step_tokens = 16;
  options.prefix = true;
  return options;
}

// Ranks, their caches, and a core over them.
struct Engine {
  explicit Engine(const ThreadRanksSetup& s)
      : ranks(ThreadRanks::open(Checkpoint::open(kModel).value(), s).value()),
        pool(ranks->device().allocate(kBlocks * ranks->layout().block_bytes()).value(),
             ranks->layout()) {
    EXPECT_TRUE(ranks->make_caches(pool).ok());
    core = std::make_unique<CoreBench>(core_options(), *ranks, pool);
  }
  std::unique_ptr<ThreadRanks> ranks;
  BlockPool pool;
  std::unique_ptr<CoreBench> core;
};

Request greedy(uint32_t tokens) { return {.sampling = {.temperature = 0}, .tokens_max = tokens}; }

std::vector<TokenId> prompt(TokenId first) {
  std::vector<TokenId> ids;
  for (TokenId i = 0; i < 21; ++i) ids.push_back(i < 15 ? i * 5 % 120 : first + i);
  return ids;
}

std::vector<std::vector<TokenId>> answers(CoreBench& core) {
  std::vector<std::shared_ptr<StreamState>> streams;
  for (const TokenId first : {1, 2, 1, 40, 50, 60}) {
    streams.push_back(core.submit(prompt(first), greedy(12)));
    core.turn();
  }
  core.run();
  std::vector<std::vector<TokenId>> result;
  for (const auto& stream : streams) result.push_back(read_all(*stream));
  return result;
}

// Prompts that begin alike, so that blocks are lent and copied; more than run at once.
TEST(ThreadRanks, AnswersAreThoseOfOneRank) {
  const auto alone = test::ModelRunner::open(kModel).value();
  TransformerExecutor executor(alone->model());
  const BlockLayout layout = kv_layout(alone->model().config(), DType::kF32, 8).value();
  BlockPool pool(alone->device().allocate(kBlocks * layout.block_bytes()).value(), layout);
  CoreBench core(core_options(), executor, pool);
  const auto expected = answers(core);
  ASSERT_EQ(expected[0].size(), 12u);
  for (const int ranks : {2, 4}) {
    Engine engine(setup(ranks));
    EXPECT_EQ(answers(*engine.core), expected) << ranks << " ranks";
  }
}

TEST(ThreadRanks, AModelThatCannotBeDividedIsRefusedWithTheReason) {
  const auto ranks = ThreadRanks::open(Checkpoint::open(kModel).value(), setup(5));
  EXPECT_EQ(ranks.status().code(), Code::kInvalid);
  EXPECT_NE(ranks.status().message().find("5 ranks: 2 key heads"), std::string::npos);
}

// The request that runs ends with the rank's error, the next one finds a new group.
TEST(ThreadRanks, ARankThatFailsEndsWhatRunsAndNothingElse) {
  std::atomic<int> steps{0};
  ThreadRanksSetup faulty = setup(2);
  faulty.before_step = [&](int) {
    if (++steps == 4) throw std::runtime_error("the device is gone");
  };
  Engine engine(faulty);
  CoreBench& core = *engine.core;
  const auto first = core.submit(prompt(1), greedy(12));
  core.run();
  EXPECT_EQ(first->outcome().status.code(), Code::kInternal);
  EXPECT_EQ(first->outcome().status.message(), "rank 1: the device is gone");
  const auto second = core.submit(prompt(1), greedy(12));
  core.run();
  EXPECT_TRUE(second->outcome().status.ok()) << second->outcome().status.to_string();
  EXPECT_EQ(read_all(*second).size(), 12u);
}

TEST(ThreadRanks, AStalledRankEndsWhatRunsInTimeAndIsTakenBackWhenItComes) {
  Event go_on;
  std::atomic<int> steps{0};
  ThreadRanksSetup stalling = setup(2);
  stalling.timeout = 500ms;
  stalling.before_step = [&](int) {
    if (++steps == 4) static_cast<void>(go_on.wait());
  };
  Engine engine(stalling);
  CoreBench& core = *engine.core;
  const auto start = std::chrono::steady_clock::now();
  const auto first = core.submit(prompt(1), greedy(12));
  core.run();
  // One timeout for the step, one for the group that could not be formed.
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
  EXPECT_EQ(first->outcome().status.code(), Code::kDeadline);
  EXPECT_NE(first->outcome().status.message().find("rank 1 did not come within 500 ms"),
            std::string::npos)
      << first->outcome().status.message();
  const auto meanwhile = core.submit(prompt(2), greedy(3));
  core.run();
  EXPECT_NE(meanwhile->outcome().status.message().find("rank 1 is still stalled"),
            std::string::npos)
      << meanwhile->outcome().status.message();
  go_on.set();
  Engine untroubled(setup(2));
  const auto expected = untroubled.core->submit(prompt(1), greedy(12));
  untroubled.core->run();
  const auto second = core.submit(prompt(1), greedy(12));
  core.run();
  EXPECT_TRUE(second->outcome().status.ok()) << second->outcome().status.to_string();
  EXPECT_EQ(read_all(*second), read_all(*expected));
}

}  // namespace
}  // namespace llmos::engine
