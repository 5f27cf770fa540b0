// SPDX-License-Identifier: Apache-2.0
// Seeds of random tests: fixed by default, so that a red run is red for everyone; printed, so that
// a random one can be replayed.
//
//   Rng rng(test::seed("json round trip"));
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace llmos::test {

inline constexpr uint64_t kDefaultSeed = 20261121;  // any number; the day the house was founded

namespace detail {

struct Seed {
  std::string what;
  uint64_t value;
};

inline std::ostream& operator<<(std::ostream& out, const Seed& seed) {
  return out << "seed of " << seed.what << ": " << seed.value << " (LLMOS_TEST_SEED=" << seed.value
             << " replays)";
}

// Repeats the seeds of a test after its first failure, where a reader of a long log looks for it.
class SeedReporter : public ::testing::EmptyTestEventListener {
 public:
  static SeedReporter& installed() {
    static SeedReporter* const reporter = [] {
      auto* made = new SeedReporter;
      ::testing::UnitTest::GetInstance()->listeners().Append(made);  // takes the ownership
      return made;
    }();
    return *reporter;
  }
  void add(Seed seed) { seeds_.push_back(std::move(seed)); }

  void OnTestStart(const ::testing::TestInfo&) override { seeds_.clear(); }
  void OnTestEnd(const ::testing::TestInfo& info) override {
    if (!info.result()->Failed()) return;
    for (const Seed& seed : seeds_) std::cout << "failed with " << seed << '\n';
  }

 private:
  std::vector<Seed> seeds_;
};

inline uint64_t choose_seed(const char* replay, const char* random) {
  if (replay) {
    char* end = nullptr;
    const uint64_t value = std::strtoull(replay, &end, 0);
    if (end != replay && *end == '\0') return value;
    ADD_FAILURE() << "LLMOS_TEST_SEED: expected an integer, found '" << replay << "'";
  }
  if (!random) return kDefaultSeed;
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace detail

// The seed of the random test `what`: LLMOS_TEST_SEED if that is set, a fresh one if
// LLMOS_TEST_RANDOM is, else kDefaultSeed. Prints it now, and again if the running test fails. Call
// it on the test's own thread.
inline uint64_t seed(const char* what) {
  const detail::Seed seed{
      what, detail::choose_seed(std::getenv("LLMOS_TEST_SEED"), std::getenv("LLMOS_TEST_RANDOM"))};
  std::cout << seed << std::endl;
  detail::SeedReporter::installed().add(seed);
  return seed.value;
}

}  // namespace llmos::test
