// SPDX-License-Identifier: Apache-2.0
#include "sched/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llmos::sched {
namespace {

TEST(Policy, EveryNameMakesOne) {
  const std::vector<uint32_t> lengths = {1, 20, 300};
  PolicyOptions options;
  options.true_lengths = lengths;
  for (const std::string_view name : policy_names()) {
    Result<NamedPolicy> made = make_policy(name, options);
    ASSERT_TRUE(made.ok()) << name;
    SequenceView view;
    view.prompt_tokens = view.prompt_left = 100;
    view.output_tokens_max = 256;
    view.rank.level = SchedulingRank::kLevels;
    EXPECT_LT(made->policy->rank(view, {}).level, SchedulingRank::kLevels) << name;
  }
}

TEST(Policy, AnotherNameIsRefusedWithTheList) {
  const Result<NamedPolicy> made = make_policy("lottery");
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().code(), Code::kNotFound);
  EXPECT_THAT(made.status().message(), ::testing::HasSubstr("mlfq"));
}

TEST(Policy, OnlyTheDefaultPromisesAWaitingBound) {
  EXPECT_GT(make_policy("mlfq")->composition.promote_after, 0);
  EXPECT_EQ(make_policy("fcfs")->composition.promote_after, 0);
  EXPECT_EQ(make_policy("fcfs")->composition.displacement, Displacement::kNone);
}

}  // namespace
}  // namespace llmos::sched
