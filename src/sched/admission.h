// SPDX-License-Identifier: Apache-2.0
// Admission: whether a request may join, decided before it costs anything.
//
// Refusals carry a reason and an estimate, so that a caller can try again later or elsewhere:
//   kExhausted  the queue is full, or the waiting bound would exceed the one configured
//   kDeadline   even alone it could not end in time, or not behind those already here
//   kInvalid    it could never fit into memory
// The estimate of the wait is work ahead / capacity: the measured costs price every sequence in the
// system, running or waiting (expected tokens left), and a deadline counts as feasible when
// wait + own service <= time left. It is an estimate, never a promise.
//
// Threads  Any one at a time; the engine calls it on its own thread, or under its queue's lock.
#pragma once

#include <cstdint>

#include "llmos/extend.h"
#include "llmos/status.h"
#include "sched/sequence.h"

namespace llmos::sched {

struct AdmissionLimits {
  uint32_t queue_max{1024};   // sequences that wait
  double wait_seconds_max{};  // refuse beyond this waiting bound; 0: no such limit
};

// What the engine knows of its load; Scheduler::load() fills it.
struct Load {
  uint32_t waiting{};
  uint32_t running{};
  double prompt_tokens_ahead{};  // to compute, of all in the system
  double output_tokens_ahead{};  // expected, of all in the system
  double output_tokens_mean{};   // expected of a new request
  double context_tokens_mean{};  // held by a running one
  double waiting_bound{};        // Scheduler::waiting_bound()
  uint32_t kv_tokens{};
};

struct AdmissionEstimate {
  double wait_seconds{};     // until its first step
  double service_seconds{};  // from there to its end, among as many others as now
};

AdmissionEstimate estimate(const Arrival& arrival, const Load& load, const SchedulingCosts& costs);

// Ok, or the refusal with the estimate in its message.
Status admit(const Arrival& arrival, const Load& load, const SchedulingCosts& costs,
             const AdmissionLimits& limits, double now);

}  // namespace llmos::sched
