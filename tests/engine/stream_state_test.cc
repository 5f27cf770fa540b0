// SPDX-License-Identifier: Apache-2.0
#include "engine/stream_state.h"

#include <gtest/gtest.h>

#include <thread>

namespace llmos::engine {
namespace {

TEST(StreamState, KeepsRoomForTheLastEvents) {
  StreamState stream(1, 4, 3, 0, nullptr);
  int pushed = 0;
  for (; stream.has_room(1); ++pushed) stream.push({.id = pushed}, {});
  EXPECT_GE(pushed, 4);
  for (uint32_t choice = 0; choice < 3; ++choice) stream.push({.choice = choice, .last = true}, {});
  stream.end({});
  std::vector<TokenScore> tops;
  int taken = 0, last = 0;
  while (const auto event = stream.try_take(tops)) ++taken, last += event->last;
  EXPECT_EQ(taken, pushed + 3);
  EXPECT_EQ(last, 3);
  EXPECT_TRUE(stream.ended());
}

TEST(StreamState, TellsTheEngineOnceThatThereIsRoom) {
  StreamState stream(1, 8, 1, 0, nullptr);
  while (stream.has_room(1)) stream.push({.id = 1}, {});
  stream.set_parked();
  EXPECT_FALSE(stream.take_parked());
  std::vector<TokenScore> tops;
  while (stream.try_take(tops)) continue;
  EXPECT_TRUE(stream.take_parked());
  EXPECT_FALSE(stream.take_parked());
}

// Scores travel with their events, on two threads.
TEST(StreamState, LosesNothingAcrossThreads) {
  constexpr uint32_t kTops = 3;
  constexpr int kEvents = 50'000;
  StreamState stream(1, 16, 1, kTops, nullptr);
  std::jthread engine([&] {
    for (int i = 0; i < kEvents; ++i) {
      while (!stream.has_room(1)) std::this_thread::yield();
      const TokenScore tops[kTops] = {{i, 1.0 * i}, {i + 1, 2.0 * i}, {i + 2, 3.0 * i}};
      stream.push({.id = i}, std::span(tops).first(size_t(i % (kTops + 1))));
    }
    stream.end({.status = Status(Code::kDeadline, "late")});
  });
  std::vector<TokenScore> tops;
  int next = 0;
  while (const auto event = stream.take(tops, std::nullopt)) {
    ASSERT_EQ(event->id, next);
    ASSERT_EQ(tops.size(), size_t(next % (kTops + 1)));
    for (size_t k = 0; k < tops.size(); ++k) ASSERT_EQ(tops[k].id, next + TokenId(k));
    ++next;
  }
  EXPECT_EQ(next, kEvents);
  EXPECT_EQ(stream.outcome().status.code(), Code::kDeadline);
}

}  // namespace
}  // namespace llmos::engine
