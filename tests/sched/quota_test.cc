// SPDX-License-Identifier: Apache-2.0
// Quotas of tenants: who is at its own waits for its own, and for nobody else.
#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "sched/event_log.h"
#include "sched/policy.h"
#include "sched/scheduler.h"
#include "support/test_seed.h"

namespace llmos::sched {
namespace {

constexpr uint32_t kBlock = 16;
constexpr Resources kAll{.kv_tokens = 15000, .swap_tokens_free = 1 << 20};

// A scheduler, and an engine that computes all that it plans in steps of 20 ms.
class QuotaRig {
 public:
  explicit QuotaRig(const char* policy, uint32_t slots = 16) : policy_(*make_policy(policy)) {
    config_.sequences_max = 4096;
    config_.tenants_max = 8;
    config_.quota_block_tokens = kBlock;
    config_.costs.slots = slots;
    config_.composition = policy_.composition;
    scheduler_ = *Scheduler::create(config_, *policy_.policy);
  }

  Scheduler& scheduler() { return *scheduler_; }
  const SchedulerConfig& config() const { return config_; }
  double now() const { return now_; }

  Result<SequenceIndex> arrive(uint32_t tenant, uint32_t quota, uint32_t prompt, uint32_t output) {
    Result<SequenceIndex> index = scheduler_->arrive({.prompt_tokens = prompt,
                                                      .output_tokens_max = output,
                                                      .tenant = tenant,
                                                      .tenant_blocks_max = quota},
                                                     now_);
    if (index.ok()) left_[*index] = output;
    return index;
  }

  void step() {
    const StepPlan& plan = scheduler_->plan(now_, kAll);
    const std::vector<PlannedPrompt> prompts(plan.prompts.begin(), plan.prompts.end());
    const std::vector<SequenceIndex> decodes(plan.decodes.begin(), plan.decodes.end());
    for (const Move& move : plan.moves) {
      if (move.kind != MoveKind::kDrop && move.tokens > 0) moving_.push_back(move.sequence);
    }
    now_ += .02;
    for (const PlannedPrompt& p : prompts) put_out(p.sequence, p.tokens, p.last);
    for (const SequenceIndex index : decodes) put_out(index, 0, true);
    scheduler_->step_done(.02, now_);
    for (const SequenceIndex index : std::exchange(moving_, {})) {
      if (left_.contains(index)) scheduler_->transferred(index, true, now_);
    }
  }

  bool ended(SequenceIndex index) const { return !left_.contains(index); }
  bool idle() const { return left_.empty(); }

 private:
  void put_out(SequenceIndex index, uint32_t prompt, bool token) {
    scheduler_->commit(index, prompt, token, now_);
    if (!token || --left_[index] > 0) return;
    scheduler_->end(index, false, now_);
    left_.erase(index);
  }

  SchedulerConfig config_;
  NamedPolicy policy_;
  std::unique_ptr<Scheduler> scheduler_;
  double now_ = 0;
  std::map<SequenceIndex, uint32_t> left_;
  std::vector<SequenceIndex> moving_;
};

const char* const kPolicies[] = {
    "fcfs", "sjf", "priority", "fair", "round-robin", "gittins-learned", "mlfq-skipjoin", "mlfq"};

TEST(Quota, ATenantAtItsQuotaWaitsAndOthersDoNot) {
  for (const char* policy : kPolicies) {
    QuotaRig rig(policy);
    // Four of tenant 0 would fit into memory; its quota holds two.
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(rig.arrive(0, 22, 100, 100).ok());
    const SequenceIndex other = *rig.arrive(1, 0, 100, 20);
    for (int i = 0; i < 25; ++i) {
      rig.step();
      rig.scheduler().check_integrity();
      EXPECT_LE(rig.scheduler().tenant_blocks(0), 22u);
    }
    EXPECT_TRUE(rig.ended(other)) << policy;
    EXPECT_EQ(rig.scheduler().stats().resident, 2u) << policy;
    EXPECT_EQ(rig.scheduler().stats().waiting, 2u) << policy;
    for (int i = 0; i < 1000 && !rig.idle(); ++i) rig.step();
    EXPECT_TRUE(rig.idle()) << policy;
    EXPECT_EQ(rig.scheduler().tenant_blocks(0), 0u);
  }
}

// More of them than a plan tries, all older than the other tenant's.
TEST(Quota, AThousandThatWaitForTheirQuotaHideNobody) {
  for (const char* policy : kPolicies) {
    QuotaRig rig(policy);
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(rig.arrive(0, 20, 100, 100).ok());
    rig.step();
    const SequenceIndex other = *rig.arrive(1, 0, 100, 5);
    for (int i = 0; i < 8; ++i) rig.step();
    EXPECT_TRUE(rig.ended(other)) << policy;
    // Also when all of them are late: nobody of the tenant is promoted before others.
    for (int i = 0; i < 1000; ++i) rig.step();
    const SequenceIndex late = *rig.arrive(1, 0, 100, 5);
    for (int i = 0; i < 8; ++i) rig.step();
    EXPECT_TRUE(rig.ended(late)) << policy;
    rig.scheduler().check_integrity();
  }
}

TEST(Quota, WhatCanNeverFitIsRefused) {
  QuotaRig rig("mlfq");
  EXPECT_TRUE(rig.arrive(0, 10, 100, 60).ok());
  const Result<SequenceIndex> refused = rig.arrive(0, 10, 100, 61);
  EXPECT_EQ(refused.status().code(), Code::kInvalid);
  EXPECT_NE(refused.status().message().find("11 blocks"), std::string::npos);
  EXPECT_TRUE(rig.arrive(1, 0, 100, 61).ok());
}

// Two that fit when they enter and do not when they have grown: one makes room, both end.
TEST(Quota, AmongItsOwnTheWorstMakesRoom) {
  for (const char* policy : kPolicies) {
    QuotaRig rig(policy);
    // Two prompts are 2 x 2 blocks, and 9 each in the end; 7 more are left for both.
    ASSERT_TRUE(rig.arrive(0, 11, 20, 120).ok());
    ASSERT_TRUE(rig.arrive(0, 11, 20, 120).ok());
    for (int i = 0; i < 1000 && !rig.idle(); ++i) {
      rig.step();
      rig.scheduler().check_integrity();
    }
    EXPECT_TRUE(rig.idle()) << policy;
    EXPECT_GT(rig.scheduler().stats().preemptions, 0u) << policy;
  }
}

// Random tenants, quotas and lengths: quotas hold after each step (check_integrity), all end, and
// the recorded calls are decided again in the same way.
TEST(Quota, HoldsUnderRandomLoads) {
  Rng rng(test::seed("quota loads"));
  for (int round = 0; round < 24; ++round) {
    const char* policy = kPolicies[size_t(round) % std::size(kPolicies)];
    QuotaRig rig(policy, uint32_t(1 + rng.below(8)));
    EventLog log;
    rig.scheduler().record(&log);
    uint32_t quotas[4];
    for (uint32_t& quota : quotas) quota = uint32_t(rng.below(3) == 0 ? 0 : 20 + rng.below(60));
    for (int i = 0; i < 400; ++i) {
      if (rng.below(4) == 0) {
        const auto tenant = uint32_t(rng.below(4));
        ASSERT_TRUE(rig.arrive(tenant, quotas[tenant], uint32_t(1 + rng.below(200)),
                               uint32_t(1 + rng.below(100)))
                        .ok());
      }
      rig.step();
      if (i % 4 == 0) rig.scheduler().check_integrity();
    }
    for (int i = 0; i < 50'000 && !rig.idle(); ++i) rig.step();
    ASSERT_TRUE(rig.idle()) << policy;
    rig.scheduler().check_integrity();
    const NamedPolicy again = *make_policy(policy);
    const auto fresh = *Scheduler::create(rig.config(), *again.policy);
    const EventLog read = *EventLog::parse(log.serialise());
    const Result<uint64_t> digest = replay(read, *fresh);
    ASSERT_TRUE(digest.ok()) << digest.status().to_string();
    EXPECT_EQ(*digest, rig.scheduler().digest());
  }
}

}  // namespace
}  // namespace llmos::sched
