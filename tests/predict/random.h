// SPDX-License-Identifier: Apache-2.0
// The tests' random numbers: equal on every library, replayable by LLMOS_TEST_SEED.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <numbers>
#include <random>

namespace llmos::predict {

// The seed of a property test: LLMOS_TEST_SEED if set, else `fallback`; printed.
inline uint64_t test_seed(uint64_t fallback) {
  const char* set = std::getenv("LLMOS_TEST_SEED");
  const uint64_t seed = set != nullptr ? std::strtoull(set, nullptr, 10) : fallback;
  std::cout << "seed " << seed << "\n";
  return seed;
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  double operator()() { return uniform(); }
  double uniform() { return (double(engine_() >> 11) + 0.5) * 0x1p-53; }  // (0, 1)
  double exponential(double mean) { return -mean * std::log(uniform()); }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  int below(int bound) { return int(uniform() * bound); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace llmos::predict
