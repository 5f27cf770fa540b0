// SPDX-License-Identifier: Apache-2.0
// The processor's time-stamp counter: a time of about ten nanoseconds' cost, for benchmarks and
// trace spans. For everything else: clock.h.
//
//   const uint64_t start = cycles();
//   work();
//   double ns = cycles_to_ns(cycles() - start);
#pragma once

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
  #include <x86intrin.h>
#endif

namespace llmos {

// Ticks at a constant rate, from an arbitrary origin. The read may move within the instructions
// around it; cycles_fenced() keeps it in place and costs more.
inline uint64_t cycles() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return uint64_t(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

// cycles() after everything before it has finished, and before anything after it starts: for
// single operations of a few nanoseconds.
inline uint64_t cycles_fenced() noexcept {
#if defined(__x86_64__)
  _mm_lfence();
  const uint64_t ticks = __rdtsc();
  _mm_lfence();
  return ticks;
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
  const uint64_t ticks = cycles();
  asm volatile("isb" ::: "memory");
  return ticks;
#else
  return cycles();
#endif
}

// Nanoseconds per tick. Calibrated once, within 20 parts per million: where the hardware does not
// state its rate the first call compares the counter with the steady clock for about 10 ms.
// Thread-safe.
double ns_per_cycle() noexcept;

inline double cycles_to_ns(uint64_t ticks) noexcept { return double(ticks) * ns_per_cycle(); }

// True when the counter runs at one rate through frequency changes and sleep states. Where false,
// cycles_to_ns() is a guess.
bool cycles_are_steady() noexcept;

}  // namespace llmos
