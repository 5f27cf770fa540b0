// SPDX-License-Identifier: Apache-2.0
#include "sched/admission.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace llmos::sched {
namespace {

Status refuse(Code code, std::string_view reason, const AdmissionEstimate& estimate) {
  Text text;
  text << "request refused: " << reason << "; a request like it would wait about "
       << int64_t(std::ceil(estimate.wait_seconds * 1000)) << " ms and then take "
       << int64_t(std::ceil(estimate.service_seconds * 1000)) << " ms";
  return Status(code, std::move(text).str());
}

double expected_output(const Arrival& arrival, const Load& load) {
  const double asked = double(std::max(1u, arrival.output_tokens_max));
  const double hint = arrival.output_tokens_hint;
  return std::clamp(hint > 0 ? hint : load.output_tokens_mean, 1.0, asked);
}

// Engine seconds of so many tokens, when `together` sequences share each step.
double seconds_of(double prompt, double output, double context, double together,
                  const SchedulingCosts& costs) {
  const double chunk = std::max(1.0, double(costs.tokens_per_step) - costs.slots);
  const double steps = output / together + prompt / chunk;
  return prompt * costs.prompt_token + output * (costs.decode + costs.context_token * context) +
         steps * costs.step;
}

}  // namespace

AdmissionEstimate estimate(const Arrival& arrival, const Load& load, const SchedulingCosts& costs) {
  const double context = std::max(1.0, load.context_tokens_mean);
  const double by_memory = std::max(1.0, load.kv_tokens / context);
  const double places = std::min(double(costs.slots), by_memory);
  const double here = double(load.waiting) + load.running;
  AdmissionEstimate answer;
  if (here >= places) {
    // All places are taken: one comes free for each that ends, the waiting ones go first.
    const double all =
        seconds_of(load.prompt_tokens_ahead, load.output_tokens_ahead, context, places, costs);
    answer.wait_seconds = all * (here - places + 1) / here;
  }
  const double together = std::min(places, here + 1);
  const double prompt =
      arrival.prompt_tokens - std::min(arrival.prompt_tokens - 1, arrival.cached_tokens);
  const double output = expected_output(arrival, load);
  const double step = costs.step + together * (costs.decode + costs.context_token * context);
  answer.service_seconds = seconds_of(prompt, 0, context, 1, costs) + output * step;
  return answer;
}

Status admit(const Arrival& arrival, const Load& load, const SchedulingCosts& costs,
             const AdmissionLimits& limits, double now) {
  const AdmissionEstimate guess = estimate(arrival, load, costs);
  if (uint64_t{arrival.prompt_tokens} + 1 > load.kv_tokens) {
    return refuse(Code::kInvalid, "its prompt does not fit into the memory for keys and values",
                  guess);
  }
  if (load.waiting >= limits.queue_max) {
    return refuse(Code::kExhausted, "the queue is full (scheduler.queue_max)", guess);
  }
  if (limits.wait_seconds_max > 0 && load.waiting_bound > limits.wait_seconds_max) {
    return refuse(Code::kExhausted, "somebody might wait longer than wait_seconds_max", guess);
  }
  if (now + guess.wait_seconds + guess.service_seconds > arrival.deadline) {
    return refuse(Code::kDeadline, "it would not end before its deadline", guess);
  }
  return Status();
}

}  // namespace llmos::sched
