// SPDX-License-Identifier: Apache-2.0
#include "kv/capacity.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "support/test_seed.h"
#include "support/throwing_fatal.h"

namespace llmos {
namespace {

TEST(Capacity, RefusesOptionsOutOfRange) {
  EXPECT_EQ(Capacity::create({.overcommit = 0.5}).status().code(), Code::kInvalid);
  EXPECT_EQ(Capacity::create({.overcommit = 0.0 / 0.0}).status().code(), Code::kInvalid);
  EXPECT_EQ(Capacity::create({.device_blocks = ~uint64_t{0}}).status().code(), Code::kInvalid);
  EXPECT_FALSE(Capacity::create({.short_share = 2}).ok());
}

TEST(Capacity, PromisesReachTheTiersAndNoFurther) {
  Capacity capacity = Capacity::create({.device_blocks = 10, .tier_blocks = 5}).value();
  EXPECT_FALSE(capacity.admit("a", 11)) << "could not run, whatever the tiers hold";
  EXPECT_TRUE(capacity.admit("a", 10));
  EXPECT_TRUE(capacity.admit("b", 5));
  EXPECT_FALSE(capacity.admit("c", 1));
  capacity.release("a", 4);
  EXPECT_TRUE(capacity.admit("c", 4));
  EXPECT_EQ(capacity.promised(), 15u);
  EXPECT_EQ(capacity.promised("a"), 6u);
}

TEST(Capacity, QuotasBoundATenant) {
  Capacity capacity = Capacity::create({.device_blocks = 100, .tenant_blocks = 20}).value();
  capacity.set_quota("large", 60);
  capacity.set_quota("free", 0);
  EXPECT_TRUE(capacity.admit("small", 20));
  EXPECT_FALSE(capacity.admit("small", 1));
  EXPECT_TRUE(capacity.admit("large", 50));
  EXPECT_FALSE(capacity.admit("large", 11));
  EXPECT_TRUE(capacity.admit("free", 30));
}

TEST(Capacity, MisuseIsCaught) {
  const test::ThrowingFatal fatal;
  Capacity capacity = Capacity::create({.device_blocks = 100}).value();
  ASSERT_TRUE(capacity.admit("a", 3));
  EXPECT_THROW(capacity.release("a", 4), test::FatalError);
  EXPECT_THROW(capacity.release("b", 1), test::FatalError);
}

// A demand that doubles within a period once in fifty: low() provides for it after some time.
TEST(Capacity, WatermarksFollowDemand) {
  Rng rng(test::seed("watermarks"));
  Capacity capacity = Capacity::create({.device_blocks = 10'000, .short_share = 0.05}).value();
  int shorts = 0;
  constexpr int kPeriods = 4000;
  uint64_t demand = 1000;
  for (int i = 0; i < kPeriods; ++i) {
    const uint64_t next = uint64_t(1000 + rng.between(-200, 200));
    if (i > 500 && next > demand + capacity.low()) ++shorts;
    capacity.observe(next);
    demand = next;
    ASSERT_LE(capacity.low(), capacity.high());
    ASSERT_LT(capacity.high(), 10'000u);
  }
  EXPECT_LT(shorts, kPeriods * 0.07);
  EXPECT_GT(capacity.high(), 0u);
}

TEST(Capacity, AgreesWithANaiveModel) {
  Rng rng(test::seed("capacity"));
  Capacity capacity =
      Capacity::create({.device_blocks = 40, .tier_blocks = 20, .overcommit = 1.5}).value();
  std::map<std::string, uint64_t> promised;
  uint64_t sum = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string tenant(1, char('a' + rng.below(4)));
    if (rng.bernoulli(0.5)) {
      const uint64_t blocks = rng.below(50);
      const bool fits = blocks <= 40 && sum + blocks <= 90;
      ASSERT_EQ(capacity.admit(tenant, blocks), fits);
      if (fits) promised[tenant] += blocks, sum += blocks;
    } else if (promised[tenant] > 0) {
      const uint64_t blocks = rng.below(promised[tenant] + 1);
      capacity.release(tenant, blocks);
      promised[tenant] -= blocks, sum -= blocks;
    }
    ASSERT_EQ(capacity.promised(), sum);
    ASSERT_EQ(capacity.promised(tenant), promised[tenant]);
  }
}

}  // namespace
}  // namespace llmos
