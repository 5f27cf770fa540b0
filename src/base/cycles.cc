// SPDX-License-Identifier: Apache-2.0
#include "base/cycles.h"

#if defined(__x86_64__)
  #include <cpuid.h>
#endif

namespace llmos {

#if defined(__x86_64__)

namespace {

using Steady = std::chrono::steady_clock;

struct Pair {
  uint64_t ticks;
  Steady::time_point time;
};

// Both clocks at one moment. An interrupt between the reads would tear them apart: the tightest of
// several tries wins.
Pair read_both() noexcept {
  constexpr int kTries = 16;
  Pair best{};
  uint64_t best_gap = ~uint64_t{0};
  for (int i = 0; i < kTries; ++i) {
    const uint64_t before = cycles_fenced();
    const auto time = Steady::now();
    const uint64_t gap = cycles_fenced() - before;
    if (gap < best_gap) {
      best_gap = gap;
      best = {before + gap / 2, time};
    }
  }
  return best;
}

// 10 ms against an uncertainty of about 50 ns at each end: 10 parts per million.
constexpr auto kCalibration = std::chrono::milliseconds(10);

double calibrate() noexcept {
  const Pair first = read_both();
  while (Steady::now() - first.time < kCalibration) {
  }
  const Pair last = read_both();
  const std::chrono::duration<double, std::nano> elapsed = last.time - first.time;
  return elapsed.count() / double(last.ticks - first.ticks);
}

}  // namespace

double ns_per_cycle() noexcept {
  static const double ns = calibrate();
  return ns;
}

bool cycles_are_steady() noexcept {
  constexpr unsigned kPowerManagementLeaf = 0x80000007, kInvariantTsc = 1u << 8;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(kPowerManagementLeaf, &eax, &ebx, &ecx, &edx) && (edx & kInvariantTsc);
}

#elif defined(__aarch64__)

double ns_per_cycle() noexcept {
  uint64_t per_second;
  asm("mrs %0, cntfrq_el0" : "=r"(per_second));
  return 1e9 / double(per_second);
}

bool cycles_are_steady() noexcept { return true; }  // the architecture's generic timer

#else

double ns_per_cycle() noexcept {
  using Period = std::chrono::steady_clock::period;
  return 1e9 * Period::num / Period::den;
}

bool cycles_are_steady() noexcept { return true; }

#endif

}  // namespace llmos
