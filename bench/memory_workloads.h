// SPDX-License-Identifier: Apache-2.0
// Sequences of allocations, made before the clock starts, so that a measured step is one load.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace llmos::bench {

// Frees what slot holds and allocates `bytes` there.
struct Step {
  uint32_t slot;
  uint32_t bytes;
};

struct Workload {
  // Long enough that no branch predictor learns it; small enough (512 KiB) to stay in the L2 cache.
  static constexpr size_t kSteps = 65536;

  size_t slots;
  std::vector<Step> fill;   // one step for each slot, in order
  std::vector<Step> steps;  // kSteps
};

// Sizes are log-uniform: each doubling is equally likely.
inline uint32_t log_uniform(std::mt19937_64& random, size_t bytes_min, size_t bytes_max) {
  std::uniform_real_distribution<double> exponent(std::log2(bytes_min), std::log2(bytes_max));
  return uint32_t(std::exp2(exponent(random)));
}

// 4,096 live blocks of 16 B to 64 KiB, of which a random one is replaced at each step.
inline Workload make_churn(uint64_t seed) {
  constexpr size_t kSlots = 4096;
  std::mt19937_64 random(seed);
  Workload work{kSlots, {}, {}};
  const auto bytes = [&] { return log_uniform(random, 16, 64 << 10); };
  for (uint32_t slot = 0; slot < kSlots; ++slot) work.fill.push_back({slot, bytes()});
  for (size_t i = 0; i < Workload::kSteps; ++i) {
    work.steps.push_back({uint32_t(random() % kSlots), bytes()});
  }
  return work;
}

// The blocks of an inference server: many records that live as long as a request, buffers that live
// for some steps of the engine, a few large blocks of cache or staging. `share` is the kind's part
// of all allocations; with its slots it gives a life of slots / share allocations: records and
// large blocks live about 1,500 and 800 of them, buffers 250.
inline Workload make_llm(uint64_t seed) {
  struct Kind {
    uint32_t first_slot, slots;
    double share;
    size_t bytes_min, bytes_max;
  };
  constexpr Kind kKinds[] = {{0, 1024, 0.70, 64, 4 << 10},
                             {1024, 64, 0.26, 4 << 10, 256 << 10},
                             {1088, 32, 0.04, 256 << 10, 8 << 20}};
  std::mt19937_64 random(seed);
  std::discrete_distribution<size_t> pick{kKinds[0].share, kKinds[1].share, kKinds[2].share};
  Workload work{1120, {}, {}};
  const auto step = [&](const Kind& kind, uint32_t slot) {
    return Step{kind.first_slot + slot, log_uniform(random, kind.bytes_min, kind.bytes_max)};
  };
  for (const Kind& kind : kKinds) {
    for (uint32_t slot = 0; slot < kind.slots; ++slot) work.fill.push_back(step(kind, slot));
  }
  for (size_t i = 0; i < Workload::kSteps; ++i) {
    const Kind& kind = kKinds[pick(random)];
    work.steps.push_back(step(kind, uint32_t(random() % kind.slots)));
  }
  return work;
}

}  // namespace llmos::bench
