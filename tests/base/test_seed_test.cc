// SPDX-License-Identifier: Apache-2.0
#include "support/test_seed.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <sstream>

namespace llmos::test {
namespace {

TEST(TestSeed, ReplayBeatsRandomBeatsDefault) {
  EXPECT_EQ(detail::choose_seed(nullptr, nullptr), kDefaultSeed);
  EXPECT_EQ(detail::choose_seed("42", "1"), 42u);
  EXPECT_EQ(detail::choose_seed("0xffffffffffffffff", nullptr), ~uint64_t{0});
  EXPECT_NE(detail::choose_seed(nullptr, "1"), detail::choose_seed(nullptr, "1"));
}

TEST(TestSeed, GarbageIsATestFailure) {
  EXPECT_NONFATAL_FAILURE(detail::choose_seed("12x", nullptr), "LLMOS_TEST_SEED");
  EXPECT_NONFATAL_FAILURE(detail::choose_seed("", nullptr), "LLMOS_TEST_SEED");
}

TEST(TestSeed, LineSaysHowToReplay) {
  std::ostringstream out;
  out << detail::Seed{"churn", 7};
  EXPECT_EQ(out.str(), "seed of churn: 7 (LLMOS_TEST_SEED=7 replays)");
}

}  // namespace
}  // namespace llmos::test
