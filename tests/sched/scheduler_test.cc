// SPDX-License-Identifier: Apache-2.0
#include "sched/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <set>

#include "base/rng.h"
#include "sched/policy.h"
#include "support/test_seed.h"

namespace llmos::sched {
namespace {

struct Rig {
  NamedPolicy policy;
  std::unique_ptr<Scheduler> scheduler;

  explicit Rig(const char* name, SchedulerConfig config = {}) {
    policy = *make_policy(name);
    config.composition = policy.composition;
    scheduler = *Scheduler::create(config, *policy.policy);
  }
};

Arrival of(uint32_t prompt, uint32_t output_max = 100) {
  Arrival arrival;
  arrival.prompt_tokens = prompt;
  arrival.output_tokens_max = output_max;
  return arrival;
}

constexpr Resources kAll{.kv_tokens = 15000, .swap_tokens_free = 1 << 20};

TEST(Scheduler, RefusesAConfigThatCannotRun) {
  NamedPolicy policy = *make_policy("fcfs");
  SchedulerConfig config;
  config.costs.tokens_per_step = config.costs.slots;
  EXPECT_EQ(Scheduler::create(config, *policy.policy).status().code(), Code::kInvalid);
  config.costs = {};
  config.costs.slots = 0;
  EXPECT_EQ(Scheduler::create(config, *policy.policy).status().code(), Code::kInvalid);
}

TEST(Scheduler, APromptIsChunkedThenDecoded) {
  Rig rig("mlfq");
  Scheduler& s = *rig.scheduler;
  const SequenceIndex a = *s.arrive(of(1000), 0);
  const StepPlan& first = s.plan(0, kAll);
  ASSERT_EQ(first.prompts.size(), 1u);
  EXPECT_EQ(first.prompts[0].tokens, 512u);
  EXPECT_FALSE(first.prompts[0].last);
  s.commit(a, 512, 0, .07);
  s.step_done(.07, .07);
  const StepPlan& second = s.plan(.07, kAll);
  ASSERT_EQ(second.prompts.size(), 1u);
  EXPECT_EQ(second.prompts[0].tokens, 488u);
  EXPECT_TRUE(second.prompts[0].last);
  s.commit(a, 488, 1, .14);
  s.step_done(.07, .14);
  EXPECT_EQ(s.plan(.14, kAll).decodes.size(), 1u);
  s.commit(a, 0, 1, .16);
  s.end(a, false, .16);
  s.check_integrity();
  EXPECT_EQ(s.stats().kv_tokens_reserved, 0u);
  EXPECT_FALSE(s.plan(.16, kAll).runs());
}

TEST(Scheduler, AnAbandonedStepIsPlannedAgain) {
  Rig rig("mlfq");
  Scheduler& s = *rig.scheduler;
  const SequenceIndex a = *s.arrive(of(100), 0);
  EXPECT_EQ(s.plan(0, kAll).prompt_tokens, 100u);
  s.abandon(a);
  s.step_done(.02, .02);
  EXPECT_EQ(s.plan(.02, kAll).prompt_tokens, 100u);
}

TEST(Scheduler, PlansMayRunAheadByOne) {
  Rig rig("mlfq");
  Scheduler& s = *rig.scheduler;
  const SequenceIndex a = *s.arrive(of(100), 0);
  Arrival host = of(50);
  host.needs_results = true;
  const SequenceIndex b = *s.arrive(host, 0);
  EXPECT_EQ(s.plan(0, kAll).prompts.size(), 2u);
  const StepPlan& ahead = s.plan(0, kAll);
  ASSERT_EQ(ahead.decodes.size(), 1u);  // b waits for its result
  EXPECT_EQ(ahead.decodes[0], a);
  s.commit(a, 100, 1, .02);
  s.commit(b, 50, 1, .02);
  s.step_done(.02, .02);
  s.end(a, false, .02);  // it ended in the first: the second's token is dropped
  EXPECT_EQ(s.plan(.02, kAll).decodes.size(), 1u);
  s.check_integrity();
}

TEST(Scheduler, AParkedSequenceIsNotRunAndComesBack) {
  Rig rig("mlfq");
  Scheduler& s = *rig.scheduler;
  const SequenceIndex a = *s.arrive(of(10), 0);
  s.park(a, 0);
  EXPECT_FALSE(s.plan(0, kAll).runs());
  s.check_integrity();
  s.unpark(a, 1);
  EXPECT_TRUE(s.plan(1, kAll).runs());
  s.check_integrity();
}

TEST(Scheduler, TheLastOneThatCannotGrowIsNamed) {
  SchedulerConfig config;
  config.costs.kv_tokens = 20;
  Rig rig("mlfq", config);
  Scheduler& s = *rig.scheduler;
  const SequenceIndex a = *s.arrive(of(19), 0);
  const Resources tight{.kv_tokens = 20, .swap_tokens_free = 1000};
  s.plan(0, tight);
  s.commit(a, 19, 1, .02);
  s.step_done(.02, .02);
  s.plan(.02, tight);
  s.commit(a, 0, 1, .04);
  s.step_done(.02, .04);
  EXPECT_EQ(s.plan(.04, tight).overflow, a);
  EXPECT_EQ(s.arrive(of(20), 1).status().code(), Code::kInvalid);
}

// Whoever enters beside others leaves them room to grow; alone it may take all.
TEST(Scheduler, EntriesLeaveTheHeadroom) {
  const auto enter = [](uint32_t headroom, uint32_t waste) {
    SchedulerConfig config;
    config.costs.kv_tokens = 200;
    Rig rig("mlfq", config);
    Scheduler& s = *rig.scheduler;
    for (int i = 0; i < 4; ++i) *s.arrive(of(45), 0);
    return s.plan(0, {.kv_tokens = 200, .headroom_tokens = headroom, .entry_waste = waste})
        .prompts.size();
  };
  EXPECT_EQ(enter(0, 0), 4u);
  EXPECT_EQ(enter(0, 15), 3u);
  EXPECT_EQ(enter(30, 0), 3u);
  EXPECT_EQ(enter(100, 0), 2u);
  EXPECT_EQ(enter(1000, 1000), 1u);
}

TEST(Scheduler, CachedPrefixesAreNeitherComputedNorCounted) {
  Rig rig("mlfq");
  Scheduler& s = *rig.scheduler;
  Arrival arrival = of(500);
  arrival.cached_tokens = 400;
  *s.arrive(arrival, 0);
  EXPECT_EQ(s.plan(0, kAll).prompt_tokens, 100u);
  EXPECT_EQ(s.stats().kv_tokens_reserved, 100u);
}

// Runs what is planned; everybody puts out one token a step.
void step(Scheduler& s, double now, const Resources& resources) {
  const StepPlan& plan = s.plan(now, resources);
  const std::vector<PlannedPrompt> prompts(plan.prompts.begin(), plan.prompts.end());
  const std::vector<SequenceIndex> decodes(plan.decodes.begin(), plan.decodes.end());
  for (const PlannedPrompt& p : prompts) s.commit(p.sequence, p.tokens, p.last, now + .02);
  for (const SequenceIndex index : decodes) s.commit(index, 0, 1, now + .02);
  s.step_done(.02, now + .02);
}

// A long prompt holds what an urgent request waits for: it goes first, chunk after chunk, until it
// is computed, and is what it was afterwards.
TEST(Scheduler, AProducerInheritsTheUrgencyOfItsWaiter) {
  for (const char* policy : {"mlfq", "priority"}) {
    SchedulerConfig config;
    config.costs.slots = 1;
    config.costs.tokens_per_step = 101;
    Rig rig(policy, config);
    Scheduler& s = *rig.scheduler;
    Arrival slow = of(900);
    slow.priority = -3;
    const SequenceIndex producer = *s.arrive(slow, 0);
    for (int i = 0; i < 5; ++i) *s.arrive(of(40), 0);
    s.inherit(producer, 9, 0);
    EXPECT_EQ(s.at(producer).view.priority, 9) << policy;
    for (int i = 0; i < 9; ++i) {
      EXPECT_EQ(s.at(producer).view.rank.level, 0u) << policy << ", chunk " << i;
      step(s, i * .02, kAll);
      EXPECT_EQ(s.at(producer).view.prompt_left, 900u - std::min(900, 101 * (i + 1)));
      s.check_integrity();
    }
    EXPECT_EQ(s.at(producer).view.priority, -3) << policy;
    EXPECT_GT(s.at(producer).view.rank.level, 0u) << policy;
  }
}

// A victim is copied or computed again, whichever costs less; without a tier it is computed again.
TEST(Scheduler, VictimsAreSwappedOrRecomputedByCost) {
  const auto first_move = [](double swap_token, uint64_t tier) {
    SchedulerConfig config;
    config.costs.kv_tokens = 1000;
    config.costs.swap_token = swap_token;
    Rig rig("mlfq", config);
    Scheduler& s = *rig.scheduler;
    const Resources resources{.kv_tokens = 1000, .swap_tokens_free = tier};
    const SequenceIndex a = *s.arrive(of(480, 5000), 0), b = *s.arrive(of(480, 5000), 0);
    for (int i = 0; i < 100; ++i) {
      const StepPlan& plan = s.plan(i * .02, resources);
      if (!plan.moves.empty()) return plan.moves[0].kind;
      for (const PlannedPrompt& p : std::vector(plan.prompts.begin(), plan.prompts.end())) {
        s.commit(p.sequence, p.tokens, p.last, i * .02);
      }
      for (const SequenceIndex index : {a, b}) {
        if (s.at(index).planned_output > 0) s.commit(index, 0, 1, i * .02);
      }
      s.step_done(.02, i * .02);
    }
    return MoveKind::kIn;
  };
  EXPECT_EQ(first_move(32e-6, 1 << 20), MoveKind::kOut);
  EXPECT_EQ(first_move(32e-5, 1 << 20), MoveKind::kDrop);  // 110 us to compute one, 320 to move
  EXPECT_EQ(first_move(32e-6, 100), MoveKind::kDrop);
}

// A tenant that was away does not come back with what it did not use.
TEST(Scheduler, IdleTenantsSaveNothingUp) {
  SchedulerConfig config;
  config.costs.slots = 2;
  Rig rig("fair", config);
  Scheduler& s = *rig.scheduler;
  Arrival first = of(100, 100000), second = of(100, 100000);
  second.tenant = 1;
  for (int i = 0; i < 8; ++i) *s.arrive(first, 0);
  for (int i = 0; i < 2000; ++i) step(s, i * .02, kAll);  // the first alone
  const SequenceIndex late = *s.arrive(second, 40);
  for (int i = 2000; i < 2010; ++i) step(s, i * .02, kAll);
  s.check_integrity();
  EXPECT_LT(s.at(late).view.output_tokens, 20u);  // no rush through the backlog
}

TEST(Scheduler, WithoutSharesTenantsAreOneLine) {
  Rig rig("fcfs");
  Scheduler& s = *rig.scheduler;
  Arrival other = of(10);
  other.tenant = 7;
  const SequenceIndex first = *s.arrive(other, 0), second = *s.arrive(of(10), 1);
  const StepPlan& plan = s.plan(1, kAll);
  ASSERT_EQ(plan.prompts.size(), 2u);
  EXPECT_EQ(plan.prompts[0].sequence, first);
  EXPECT_EQ(plan.prompts[1].sequence, second);
  s.check_integrity();
}

// A random engine: every event in any order, memory and budgets kept, nobody lost.
class RandomEngine {
 public:
  RandomEngine(const char* policy, uint64_t seed) : rig_(policy, config()), rng_(seed, 9) {}

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      disturb();
      step();
      if (i % 7 == 0) rig_.scheduler->check_integrity();
    }
    finish();
  }

 private:
  static SchedulerConfig config() {
    SchedulerConfig config;
    config.sequences_max = 300;
    config.tenants_max = 4;
    config.costs.slots = 6;
    config.costs.kv_tokens = 900;
    config.costs.tokens_per_step = 64;
    return config;
  }
  Scheduler& s() { return *rig_.scheduler; }

  void disturb() {
    while (live_.size() < 250 && rng_.bernoulli(.4)) {
      Arrival arrival = of(1 + uint32_t(rng_.below(rng_.bernoulli(.1) ? 600 : 60)), 200);
      arrival.tenant = uint32_t(rng_.below(5));
      arrival.priority = int32_t(rng_.below(3));
      arrival.cached_tokens = uint32_t(rng_.below(arrival.prompt_tokens));
      const Result<SequenceIndex> index = s().arrive(arrival, now_);
      ASSERT_TRUE(index.ok());
      ASSERT_TRUE(live_.insert(*index).second);
      length_[*index] = 1 + uint32_t(rng_.below(40));
    }
    if (live_.empty()) return;
    const SequenceIndex any = *std::next(live_.begin(), ptrdiff_t(rng_.below(live_.size())));
    switch (rng_.below(12)) {
      case 0:
        end(any, true);
        break;
      case 1:
        s().park(any, now_);
        break;
      case 2:
        s().unpark(any, now_);
        break;
      case 3:
        s().inherit(any, 5, 0);
        break;
      default:
        break;
    }
    if (!moving_.empty() && rng_.bernoulli(.5)) {
      s().transferred(moving_.front(), rng_.bernoulli(.9), now_);
      moving_.pop_front();
    }
  }

  void step() {
    const Resources resources{.kv_tokens = 900,
                              .swap_tokens_free = rng_.bernoulli(.2) ? 0u : 100000u};
    const StepPlan& plan = s().plan(now_, resources);
    ASSERT_LE(plan.prompt_tokens + plan.decodes.size(), 64u);
    ASSERT_LE(plan.prompts.size() + plan.decodes.size(), 6u);
    ASSERT_LE(s().stats().kv_tokens_reserved, 900u);
    for (const Move& move : plan.moves) {
      if (move.kind != MoveKind::kDrop && move.tokens > 0 &&
          !rig_.policy.composition.swap_synchronous)
        moving_.push_back(move.sequence);
    }
    std::set<SequenceIndex> seen;
    now_ += .02;
    const bool failed = rng_.bernoulli(.05);
    std::vector<SequenceIndex> over;
    for (const PlannedPrompt& prompt : plan.prompts) {
      ASSERT_TRUE(seen.insert(prompt.sequence).second && live_.contains(prompt.sequence));
      advance(prompt.sequence, prompt.tokens, prompt.last, failed, over);
    }
    for (const SequenceIndex index : plan.decodes) {
      ASSERT_TRUE(seen.insert(index).second && live_.contains(index));
      advance(index, 0, true, failed, over);
    }
    for (const SequenceIndex index : over) end(index, false);
    if (plan.overflow != kNoSequence) end(plan.overflow, true);
    if (!seen.empty()) s().step_done(.02, now_);
  }

  void advance(SequenceIndex index, uint32_t prompt, bool output, bool failed,
               std::vector<SequenceIndex>& over) {
    ASSERT_FALSE(s().at(index).parked);
    if (failed) return s().abandon(index);
    s().commit(index, prompt, output ? 1 : 0, now_);
    if (s().at(index).view.output_tokens >= length_[index]) over.push_back(index);
  }

  void end(SequenceIndex index, bool censored) {
    s().end(index, censored, now_);
    live_.erase(index);
    std::erase(moving_, index);
  }

  void finish() {  // no more arrivals: everybody ends
    for (const SequenceIndex index : live_) s().unpark(index, now_);
    for (int i = 0; i < 20000 && !live_.empty(); ++i) {
      while (!moving_.empty()) {
        s().transferred(moving_.front(), true, now_);
        moving_.pop_front();
      }
      step();
    }
    EXPECT_TRUE(live_.empty()) << live_.size() << " were lost";
    s().check_integrity();
    EXPECT_EQ(s().stats().kv_tokens_reserved, 0u);
  }

  Rig rig_;
  Rng rng_;
  std::set<SequenceIndex> live_;
  std::deque<SequenceIndex> moving_;
  uint32_t length_[300] = {};
  double now_ = 0;
};

TEST(Scheduler, NobodyIsLostWhateverHappens) {
  const uint64_t seed = test::seed("random engine");
  for (const std::string_view name : policy_names()) {
    if (name == "gittins") continue;  // needs the lengths beforehand; its learned twin runs
    SCOPED_TRACE(name);
    RandomEngine(std::string(name).c_str(), seed).run(1500);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace llmos::sched
