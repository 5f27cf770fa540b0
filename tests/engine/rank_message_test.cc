// SPDX-License-Identifier: Apache-2.0
#include "engine/rank_message.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "comm/thread_comm.h"

namespace llmos::engine {
namespace {

constexpr BatchLimits kLimits{.tokens = 2000, .logit_rows = 8};
constexpr int64_t kBlockTokens = 4;

// What rank 1 receives of what rank 0 sends.
struct Pair {
  std::vector<std::unique_ptr<Communicator>> ranks = make_thread_ranks({.ranks = 2}).value();
  RankMessage sender, receiver;

  template <class Send>
  Result<bool> pass(Send send, const BatchLimits& limits = kLimits) {
    std::thread other([&] { EXPECT_TRUE(send(*ranks[0]).ok()); });
    Result<bool> received = receiver.receive(*ranks[1], limits, kBlockTokens);
    other.join();
    return received;
  }
};

// Two sequences, the second of `tokens` tokens behind 5 others.
struct Sample {
  explicit Sample(int64_t tokens) {
    for (int64_t i = 0; i < 1 + tokens; ++i) ids.push_back(TokenId(i * 3));
    for (int32_t i = 0; i < 1000; ++i) blocks.push_back(7 * i);
    spans = {{.first = 0, .tokens = 1, .position = 8, .blocks = blocks.data()},
             {.first = 1, .tokens = tokens, .position = 5, .blocks = blocks.data() + 3}};
  }
  Batch batch() const { return {ids, spans, contexts, rows}; }

  std::vector<TokenId> ids;
  std::vector<int32_t> blocks;
  std::vector<kernels::AttentionSpan> spans;
  std::vector<uint32_t> contexts{100, 200};
  std::vector<int32_t> rows{0, 3};
};

TEST(RankMessage, BringsTheBatchTheTablesAndTheCopies) {
  Pair pair;
  for (const int64_t tokens : {int64_t{3}, int64_t{1900}}) {  // within a frame, and beyond
    const Sample sample(tokens);
    const std::vector<BlockCopy> copies{{1, 2, 3}, {4, 5, 1}};
    ASSERT_TRUE(pair.pass([&](Communicator& ranks) {
                      return pair.sender.send(ranks, sample.batch(), copies, kBlockTokens);
                    })
                    .value());
    const Batch found = pair.receiver.batch();
    EXPECT_TRUE(std::equal(found.ids.begin(), found.ids.end(), sample.ids.begin()));
    ASSERT_EQ(found.ids.size(), sample.ids.size());
    ASSERT_EQ(found.spans.size(), 2u);
    EXPECT_EQ(found.spans[1].first, 1);
    EXPECT_EQ(found.spans[1].tokens, tokens);
    EXPECT_EQ(found.spans[1].position, 5);
    for (int64_t i = 0; i < (5 + tokens + 3) / kBlockTokens; ++i)
      ASSERT_EQ(found.spans[1].blocks[i], sample.blocks[size_t(i) + 3]);
    EXPECT_EQ(found.spans[0].blocks[2], 14);
    EXPECT_EQ(found.contexts[1], 200u);
    EXPECT_EQ(found.logit_rows[1], 3);
    ASSERT_EQ(pair.receiver.copies().size(), 2u);
    EXPECT_EQ(pair.receiver.copies()[1].to, 5);
  }
}

TEST(RankMessage, StopIsNoStep) {
  Pair pair;
  EXPECT_FALSE(
      pair.pass([&](Communicator& ranks) { return pair.sender.send_stop(ranks); }).value());
}

TEST(RankMessage, WhatIsBeyondTheLimitsIsRefused) {
  Pair pair;
  const Sample sample(30);
  const auto send = [&](Communicator& ranks) {
    return pair.sender.send(ranks, sample.batch(), {}, kBlockTokens);
  };
  EXPECT_EQ(pair.pass(send, {.tokens = 30, .logit_rows = 8}).status().code(), Code::kCorrupt);
  EXPECT_EQ(pair.pass(send, {.tokens = 31, .logit_rows = 1}).status().code(), Code::kCorrupt);
  EXPECT_TRUE(pair.pass(send, {.tokens = 31, .logit_rows = 2}).value());
}

// Every word of a message, one after the other, is something else: an error or a step within the
// limits, never a crash.
TEST(RankMessage, SpoiledMessagesAreErrorsOrSteps) {
  Pair pair;
  const Sample sample(3);
  std::vector<std::byte> frame(RankMessage::kFrameBytes);
  std::thread tap([&] { ASSERT_TRUE(pair.ranks[1]->broadcast(frame, 0, Patience::kIdle).ok()); });
  ASSERT_TRUE(pair.sender.send(*pair.ranks[0], sample.batch(), {}, kBlockTokens).ok());
  tap.join();
  int refused = 0;
  for (size_t word = 0; word < 40; ++word) {
    for (const uint32_t value : {0u, 1u, 7u, 0x7fffffffu, 0xffffffffu}) {
      if (word == 2 || word == 3) continue;  // the size: more would have to follow
      std::vector<std::byte> spoiled = frame;
      std::memcpy(spoiled.data() + word * 4, &value, 4);
      const Result<bool> found = pair.pass(
          [&](Communicator& ranks) { return ranks.broadcast(spoiled, 0, Patience::kIdle); });
      refused += !found.ok();
      if (!found.ok()) continue;
      for (const kernels::AttentionSpan& span : pair.receiver.batch().spans)
        EXPECT_LE(span.first + span.tokens, int64_t(pair.receiver.batch().ids.size()));
    }
  }
  EXPECT_GT(refused, 30);
}

}  // namespace
}  // namespace llmos::engine
