// SPDX-License-Identifier: Apache-2.0
#include "engine/rank_leader.h"

#include <gtest/gtest.h>

#include <thread>

#include "comm/thread_comm.h"
#include "model/model_runner.h"

namespace llmos::engine {
namespace {

using test::ModelRunner;

const std::string kModel =
    std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/llama3_scaled/model.gguf";

// Two ranks of a small model; rank 1 follows on a thread.
struct Ranks {
  Ranks() { start(); }
  ~Ranks() {
    group[0]->abort(Status(Code::kCancelled, "the test ends"));
    if (thread.joinable()) thread.join();
  }
  void start() {
    thread = std::thread([this] {
      result = follow(other->model(), other->cache(), *group[1], [this] { ++steps; });
    });
  }

  std::vector<std::unique_ptr<Communicator>> group = make_thread_ranks({.ranks = 2}).value();
  std::unique_ptr<ModelRunner> first = ModelRunner::open(kModel, {.ranks = group[0].get()}).value();
  std::unique_ptr<ModelRunner> other = ModelRunner::open(kModel, {.ranks = group[1].get()}).value();
  RankLeader leader{first->model(), *group[0]};
  std::atomic<int> steps{0};
  Status result;
  std::thread thread;
};

// A prompt in blocks 1 and 0.
struct Prompt {
  std::vector<TokenId> ids{3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  std::vector<int32_t> blocks{1, 0};
  kernels::AttentionSpan span{.first = 0, .tokens = 10, .position = 0, .blocks = blocks.data()};
  std::vector<int32_t> rows{9};
  Batch batch() const { return {ids, std::span(&span, 1), {}, rows}; }
};

std::vector<float> copy_of(std::span<const float> logits) { return {logits.begin(), logits.end()}; }

TEST(RankLeader, AStepIsDoneByAllRanks) {
  Ranks ranks;
  const Prompt prompt;
  const auto logits = ranks.leader.run(prompt.batch(), ranks.first->cache());
  ASSERT_TRUE(logits.ok()) << logits.status().to_string();
  const auto alone = ModelRunner::open(kModel).value();
  const std::vector<float> expected = alone->logits(prompt.ids);
  for (size_t v = 0; v < logits->size(); ++v)
    EXPECT_NEAR((*logits)[v], expected[9 * logits->size() + v], 1e-3);
  EXPECT_EQ(ranks.steps, 1);
  EXPECT_TRUE(ranks.leader.stop().ok());
  ranks.thread.join();
  EXPECT_TRUE(ranks.result.ok());
}

TEST(RankLeader, CopiesOfBlocksAreDoneByAllRanks) {
  Ranks ranks;
  const Prompt prompt;
  ranks.first->cache().watch_copies(
      [&](std::span<const BlockCopy> copies) { ranks.leader.copied(copies); });
  const TokenId next = 7;
  const std::vector<int32_t> row{0};
  const auto step = [&](const std::vector<int32_t>& blocks) {
    const kernels::AttentionSpan span{
        .first = 0, .tokens = 1, .position = 10, .blocks = blocks.data()};
    return copy_of(
        ranks.leader.run({std::span(&next, 1), std::span(&span, 1), {}, row}, ranks.first->cache())
            .value());
  };
  ASSERT_TRUE(ranks.leader.run(prompt.batch(), ranks.first->cache()).ok());
  const std::vector<float> in_place = step({1, 0});
  BlockPool& pool = ranks.first->cache();
  pool.copy(1, 5, 8);
  pool.copy(0, 6, 3);
  pool.run_copies();
  EXPECT_EQ(step({5, 6}), in_place);
}

TEST(RankLeader, WhatTheModelRefusesTheOthersDoNotHear) {
  Ranks ranks;
  Prompt prompt;
  prompt.ids[3] = 100'000;
  EXPECT_EQ(ranks.leader.run(prompt.batch(), ranks.first->cache()).status().code(), Code::kInvalid);
  EXPECT_FALSE(ranks.leader.lost());
  prompt.ids[3] = 1;
  EXPECT_TRUE(ranks.leader.run(prompt.batch(), ranks.first->cache()).ok());
  EXPECT_EQ(ranks.steps, 1);
}

TEST(RankLeader, ARankThatEndsIsALossUntilThereIsAnotherGroup) {
  Ranks ranks;
  const Prompt prompt;
  const std::vector<float> before =
      copy_of(ranks.leader.run(prompt.batch(), ranks.first->cache()).value());
  ranks.group[1]->abort(Status(Code::kInternal, "rank 1: no more"));
  ranks.thread.join();
  EXPECT_EQ(ranks.result.message(), "rank 1: no more");
  const Status lost = ranks.leader.run(prompt.batch(), ranks.first->cache()).status();
  EXPECT_EQ(lost.message(), "rank 1: no more");
  EXPECT_TRUE(ranks.leader.lost());
  EXPECT_EQ(ranks.leader.reopen().code(), Code::kUnsupported);

  auto anew = make_thread_ranks({.ranks = 2}).value();
  ranks.leader.lead(*anew[0]);
  ranks.other->model().rejoin(*anew[1]);
  std::swap(ranks.group, anew);
  ranks.start();
  EXPECT_EQ(copy_of(ranks.leader.run(prompt.batch(), ranks.first->cache()).value()), before);
}

}  // namespace
}  // namespace llmos::engine
