// SPDX-License-Identifier: Apache-2.0
// Whatever the bytes: EventLog::parse() answers, what it accepts survives a round trip, and a
// scheduler that is told all of it keeps its invariants or is refused the event with a short
// message.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "sched/event_log.h"
#include "sched/policy.h"
#include "sched/scheduler.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos;
  constexpr size_t kMessageMax = 200;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const Result<sched::EventLog> log = sched::EventLog::parse(bytes);
  if (!log.ok()) {
    LLMOS_CHECK(log.status().code() == Code::kCorrupt) << log.status().to_string();
    LLMOS_CHECK(log.status().message().size() < kMessageMax) << log.status().message();
    return 0;
  }
  LLMOS_CHECK(sched::EventLog::parse(log->serialise()).ok());
  const sched::NamedPolicy policy = *sched::make_policy(size % 2 == 0 ? "mlfq" : "mlfq-skipjoin");
  sched::SchedulerConfig config;
  config.sequences_max = 8;
  config.tenants_max = 2;
  config.costs = {.slots = 2, .tokens_per_step = 8, .kv_tokens = 40};
  config.composition = policy.composition;
  const auto scheduler = *sched::Scheduler::create(config, *policy.policy);
  const Result<uint64_t> digest = sched::replay(*log, *scheduler, false);
  LLMOS_CHECK(digest.ok() || digest.status().code() == Code::kCorrupt);
  scheduler->check_integrity();
  return 0;
}
