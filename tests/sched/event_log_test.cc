// SPDX-License-Identifier: Apache-2.0
#include "sched/event_log.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "sched/policy.h"
#include "sched/scheduler.h"
#include "support/sched_simulator.h"
#include "support/test_seed.h"

namespace llmos::sched {
namespace {

// A recorded simulation, and a scheduler like the one that was recorded.
struct Recording {
  EventLog log;
  uint64_t digest = 0;
  NamedPolicy policy;
  std::unique_ptr<Scheduler> scheduler;
};

Recording record(const char* name) {
  Recording made;
  auto requests = *test::make_workload({.name = "azure-conv", .requests = 300, .seed = 5});
  test::set_arrivals(requests, 4, 3, 5);
  test::SimOptions options;
  options.policy = name;
  options.log = &made.log;
  made.digest = test::simulate(requests, options)->digest;
  made.policy = *make_policy(name);
  SchedulerConfig config;
  config.sequences_max = 301;
  config.tenants_max = 1;
  config.composition = made.policy.composition;
  made.scheduler = *Scheduler::create(config, *made.policy.policy);
  return made;
}

TEST(EventLog, ARecordedRunReplaysToItsDecisions) {
  for (const char* name : {"fcfs", "mlfq", "mlfq-skipjoin", "gittins-learned"}) {
    Recording run = record(name);
    const Result<EventLog> copy = EventLog::parse(run.log.serialise());
    ASSERT_TRUE(copy.ok());
    const Result<uint64_t> digest = replay(*copy, *run.scheduler);
    ASSERT_TRUE(digest.ok()) << name << ": " << digest.status().message();
    EXPECT_EQ(*digest, run.digest) << name;
  }
}

TEST(EventLog, AnotherPolicyIsFoundOut) {
  Recording run = record("mlfq");
  Recording other = record("fcfs");
  EXPECT_EQ(replay(run.log, *other.scheduler).status().code(), Code::kCorrupt);
}

TEST(EventLog, DamagedBytesAreRefused) {
  Recording run = record("fcfs");
  std::vector<std::byte> bytes = run.log.serialise();
  Rng rng(test::seed("damaged log"));
  for (int round = 0; round < 200; ++round) {
    auto cut = bytes;
    cut.resize(rng.below(bytes.size()));
    EXPECT_FALSE(EventLog::parse(cut).ok());
  }
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(EventLog::parse(bytes).ok());
}

// Events that are against the scheduler's contract are refused, whatever a log says.
TEST(EventLog, HostileEventsAreRefused) {
  const auto refused = [](std::vector<Event> events) {
    EventLog log;
    log.add({.kind = EventKind::kArrive, .arrival = {.prompt_tokens = 4, .output_tokens_max = 9}});
    for (const Event& event : events) log.add(event);
    const NamedPolicy policy = *make_policy("mlfq");
    SchedulerConfig config;
    config.sequences_max = 2;
    config.tenants_max = 1;
    config.composition = policy.composition;
    const auto scheduler = *Scheduler::create(config, *policy.policy);
    const Result<uint64_t> digest = replay(*EventLog::parse(log.serialise()), *scheduler, false);
    scheduler->check_integrity();
    return digest.status().code() == Code::kCorrupt;
  };
  const Event plan = {.kind = EventKind::kPlan, .resources = {.kv_tokens = 100}};
  EXPECT_FALSE(refused({plan}));
  EXPECT_FALSE(refused({plan, {.kind = EventKind::kCommit, .first = 4, .second = 1}}));
  EXPECT_TRUE(refused({{.kind = EventKind::kCommit, .first = 4, .second = 1}}));
  EXPECT_TRUE(refused({plan, {.kind = EventKind::kCommit, .first = 5}}));
  EXPECT_TRUE(refused({plan, {.kind = EventKind::kCommit, .first = 4, .second = 1u << 31}}));
  EXPECT_TRUE(refused({{.kind = EventKind::kEnd, .sequence = 1}}));
  EXPECT_TRUE(refused({{.kind = EventKind::kEnd, .sequence = 7}}));
  EXPECT_TRUE(refused({{.kind = EventKind::kStepDone, .seconds = -1}}));
  EXPECT_TRUE(refused({{.kind = EventKind::kStepDone, .now = std::nan("")}}));
  EXPECT_TRUE(refused({{.kind = EventKind::kCosts, .costs = {.slots = 0}}}));
  EXPECT_TRUE(refused({{.kind = EventKind::kArrive}}));
}

}  // namespace
}  // namespace llmos::sched
