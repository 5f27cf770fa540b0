// SPDX-License-Identifier: Apache-2.0
#include "sched/published_policies.h"

#include <gtest/gtest.h>

#include "sched/learned_policy.h"

namespace llmos::sched {
namespace {

SequenceView fresh(uint32_t prompt, double hint = 0) {
  SequenceView view;
  view.prompt_tokens = view.prompt_left = prompt;
  view.output_tokens_hint = hint;
  view.output_tokens_max = 1000;
  view.rank.level = SchedulingRank::kLevels;
  return view;
}

TEST(ShortestPolicy, FollowsTheHint) {
  ShortestPolicy sjf(ShortestPolicy::Measure::kWhole), srpt(ShortestPolicy::Measure::kLeft);
  SequenceView small = fresh(100, 10), large = fresh(100, 500);
  EXPECT_LT(sjf.rank(small, {}).key, sjf.rank(large, {}).key);
  large.output_tokens = 495;  // 5 to go
  large.prompt_left = 0;
  EXPECT_LT(srpt.rank(large, {}).key, srpt.rank(small, {}).key);
  EXPECT_LT(sjf.rank(small, {}).key, sjf.rank(large, {}).key);
}

TEST(ShortestPolicy, LearnsWithoutHints) {
  ShortestPolicy sjf(ShortestPolicy::Measure::kWhole);
  SequenceView done = fresh(10);
  done.output_tokens = 1000;
  const double before = sjf.rank(fresh(10), {}).key;
  for (int i = 0; i < 100; ++i) sjf.ended(done, /*censored=*/true);
  EXPECT_EQ(sjf.rank(fresh(10), {}).key, before);
  for (int i = 0; i < 100; ++i) sjf.ended(done, /*censored=*/false);
  EXPECT_GT(sjf.rank(fresh(10), {}).key, before);
}

TEST(PriorityPolicy, UrgentFirstUntilOthersHaveAged) {
  PriorityPolicy policy(5);
  SequenceView urgent = fresh(10), patient = fresh(10);
  urgent.priority = 3;
  EXPECT_LT(policy.rank(urgent, {}).level, policy.rank(patient, {}).level);
  patient.now = urgent.now = urgent.last_service = 21;
  EXPECT_LT(policy.rank(patient, {}).level, policy.rank(urgent, {}).level);
  EXPECT_NE(policy.epoch(21), policy.epoch(0));
}

TEST(RoundRobinPolicy, KeepsItsPlaceForAQuantum) {
  RoundRobinPolicy policy(.5);
  SequenceView view = fresh(10);
  view.now = 1;
  view.rank = policy.rank(view, {});
  view.now = 2;
  view.served_seconds = .4;
  EXPECT_EQ(policy.rank(view, {}).key, 1);
  view.served_seconds = .6;
  EXPECT_EQ(policy.rank(view, {}).key, 2);
}

TEST(SkipJoinPolicy, JoinsWhereItsPromptFitsAndFalls) {
  SkipJoinPolicy policy(.02, 2);
  SequenceView view = fresh(1000);  // .11 s of prompt and three chunks: .161 s
  view.rank = policy.rank(view, {});
  EXPECT_EQ(view.rank.level, 4u);  // .02 x 2^4 = .32 is the first to cover it
  EXPECT_DOUBLE_EQ(view.rank.served_seconds_until, .32);
  view.served_seconds = .2;
  EXPECT_EQ(policy.rank(view, {}).level, 4u);
  view.served_seconds = .33;
  EXPECT_EQ(policy.rank(view, {}).level, 5u);
}

TEST(GittinsPolicy, ABimodalLengthIsWorthMostNearItsEnds) {
  std::vector<uint32_t> lengths(100, 20);
  lengths.insert(lengths.end(), 100, 1000);
  GittinsPolicy policy(lengths);
  SequenceView young = fresh(1), old = fresh(1);
  young.prompt_left = old.prompt_left = 0;
  old.output_tokens = 64;  // one of the long ones, as is known by now
  EXPECT_LT(policy.rank(young, {}).key, policy.rank(old, {}).key);
  old.output_tokens = 990;
  EXPECT_LT(policy.rank(old, {}).key, policy.rank(young, {}).key);
}

TEST(LearnedPolicy, LearnsThatTheOldAreLong) {
  LearnedPolicy policy(.2, LearnedPolicy::Order::kLevels);
  SequenceView view = fresh(50);
  view.prompt_left = 0;
  view.held_tokens = 50;
  const uint64_t epoch = policy.epoch(0);
  for (int i = 0; i < 200; ++i) {
    SequenceView done = view;
    done.rank.output_tokens_until = 1;
    done.output_tokens = i % 2 ? 10 : 900;
    policy.ended(done, false);
  }
  EXPECT_NE(policy.epoch(1), epoch);
  const SchedulingRank young = policy.rank(view, {});
  view.rank = young;
  view.output_tokens = 40;
  const SchedulingRank old = policy.rank(view, {});
  EXPECT_LT(young.level, old.level);
  EXPECT_GT(old.output_tokens_until, 40u);
}

}  // namespace
}  // namespace llmos::sched
