// SPDX-License-Identifier: Apache-2.0
#include "base/cycles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

namespace llmos {
namespace {

using Steady = std::chrono::steady_clock;

TEST(Cycles, RunForwardOnOneThread) {
  uint64_t before = cycles_fenced();
  for (int i = 0; i < 10000; ++i) {
    const uint64_t now = cycles_fenced();
    ASSERT_GE(now, before);
    before = now;
  }
}

TEST(Cycles, AgreeWithTheSteadyClock) {
  if (!cycles_are_steady()) GTEST_SKIP() << "this processor's counter changes its rate";
  (void)ns_per_cycle();
  // One per cent: a wrong unit or a calibration torn by an interrupt is far outside. A busy machine
  // may stop us between the two clocks, so the best of several tries counts.
  double best = 1;
  for (int i = 0; i < 10 && best > 0.01; ++i) {
    const auto start = Steady::now();
    const uint64_t ticks = cycles_fenced();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const double measured = cycles_to_ns(cycles_fenced() - ticks);
    const std::chrono::duration<double, std::nano> exact = Steady::now() - start;
    best = std::min(best, std::abs(measured / exact.count() - 1));
  }
  EXPECT_LT(best, 0.01);
}

}  // namespace
}  // namespace llmos
