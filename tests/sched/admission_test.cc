// SPDX-License-Identifier: Apache-2.0
#include "sched/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llmos::sched {
namespace {

Load idle() {
  Load load;
  load.kv_tokens = 15000;
  load.output_tokens_mean = 100;
  return load;
}

Arrival of(uint32_t prompt, uint32_t output_max) {
  Arrival arrival;
  arrival.prompt_tokens = prompt;
  arrival.output_tokens_max = output_max;
  return arrival;
}

TEST(Admission, AnIdleEngineServesAtOnce) {
  const AdmissionEstimate guess = estimate(of(100, 50), idle(), {});
  EXPECT_EQ(guess.wait_seconds, 0);
  EXPECT_NEAR(guess.service_seconds, 50 * .01705 + .011, .02);
  EXPECT_TRUE(admit(of(100, 50), idle(), {}, {}, 0).ok());
}

TEST(Admission, RefusalsNameReasonAndEstimate) {
  Load load = idle();
  load.waiting = 10;
  const Status full = admit(of(10, 10), load, {}, {.queue_max = 10}, 0);
  EXPECT_EQ(full.code(), Code::kExhausted);
  EXPECT_THAT(full.message(), ::testing::HasSubstr("wait about"));
  load.waiting_bound = 40;
  EXPECT_EQ(admit(of(10, 10), load, {}, {.wait_seconds_max = 30}, 0).code(), Code::kExhausted);
  EXPECT_TRUE(admit(of(10, 10), load, {}, {.wait_seconds_max = 50}, 0).ok());
  EXPECT_EQ(admit(of(15000, 10), load, {}, {}, 0).code(), Code::kInvalid);
}

TEST(Admission, DeadlinesBeyondReachAreRefused) {
  Arrival arrival = of(100, 50);  // takes .9 s
  arrival.deadline = 10.5;
  EXPECT_EQ(admit(arrival, idle(), {}, {}, 10).code(), Code::kDeadline);
  arrival.deadline = 12;
  EXPECT_TRUE(admit(arrival, idle(), {}, {}, 10).ok());
  Load load = idle();
  load.running = 16;
  load.waiting = 100;
  load.output_tokens_ahead = 116 * 100;
  EXPECT_EQ(admit(arrival, load, {}, {}, 10).code(), Code::kDeadline);
}

TEST(Admission, MoreWorkAheadMeansALongerWait) {
  Load load = idle();
  load.running = 16;
  double last = 0;
  for (load.waiting = 1; load.waiting < 1000; load.waiting *= 2) {
    load.output_tokens_ahead = 100.0 * (load.waiting + load.running);
    const double wait = estimate(of(10, 10), load, {}).wait_seconds;
    EXPECT_GT(wait, last);
    last = wait;
  }
}

}  // namespace
}  // namespace llmos::sched
