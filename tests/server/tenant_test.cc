// SPDX-License-Identifier: Apache-2.0
#include "server/tenant.h"

#include <gtest/gtest.h>

#include <random>

#include "support/test_seed.h"

namespace server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Clock::time_point kStart = Clock::time_point(std::chrono::hours(1));

TEST(TokenBucket, WithoutARateNeverWaits) {
  TokenBucket bucket;
  bucket.take(1e9, kStart);
  EXPECT_EQ(bucket.wait_s(1e9, kStart), 0u);
}

TEST(TokenBucket, FillsByItsRateAndNoFurther) {
  TokenBucket bucket(60);
  EXPECT_EQ(bucket.wait_s(60, kStart), 0u);
  bucket.take(60, kStart);
  EXPECT_EQ(bucket.wait_s(1, kStart), 1u);
  EXPECT_EQ(bucket.wait_s(10, kStart), 10u);
  EXPECT_EQ(bucket.wait_s(10, kStart + milliseconds(9500)), 1u);
  EXPECT_EQ(bucket.wait_s(10, kStart + seconds(10)), 0u);
  EXPECT_EQ(bucket.wait_s(61, kStart + seconds(1000)), 1u);  // never more than a minute's worth
}

TEST(TokenBucket, PaysDebtsByWaiting) {
  TokenBucket bucket(60);
  bucket.take(100, kStart);
  EXPECT_EQ(bucket.wait_s(1, kStart), 41u);
}

// Whatever is asked when: what was let through never exceeds the burst and the rate since.
TEST(TokenBucket, NeverLetsMoreThroughThanItsRate) {
  std::mt19937_64 random(llmos::test::seed("token bucket"));
  TokenBucket bucket(120);
  Clock::time_point now = kStart;
  double taken = 0;
  for (int i = 0; i < 10'000; ++i) {
    now += milliseconds(random() % 1000);
    if (bucket.wait_s(1, now) == 0) {
      bucket.take(1, now);
      taken += 1;
    }
    const double minutes = std::chrono::duration<double>(now - kStart).count() / 60;
    ASSERT_LE(taken, 120 + 120 * minutes + 1e-6);
  }
  EXPECT_GT(taken, 9000);  // about two arrive a second, and two may pass
}

bool entered(Tenant& tenant, Clock::time_point now) {
  return std::holds_alternative<std::monostate>(tenant.enter(now));
}

TEST(Tenant, HasABoundOnRequestsAtOnce) {
  TenantLimits limits;
  limits.concurrent = 2;
  Tenant tenant("t", limits);
  EXPECT_TRUE(entered(tenant, kStart));
  EXPECT_TRUE(entered(tenant, kStart));
  const auto third = tenant.enter(kStart);
  ASSERT_TRUE(std::holds_alternative<ApiError>(third));
  EXPECT_EQ(std::get<ApiError>(third).http_status, 429);
  EXPECT_EQ(std::get<ApiError>(third).retry_after_s, 1u);
  tenant.leave(0, kStart);
  EXPECT_TRUE(entered(tenant, kStart));
}

TEST(Tenant, HasRatesOfRequestsAndTokens) {
  TenantLimits limits;
  limits.requests_per_minute = 2;
  limits.tokens_per_minute = 600;
  Tenant tenant("t", limits);
  EXPECT_TRUE(entered(tenant, kStart));
  tenant.leave(700, kStart);  // 100 too many: ten seconds
  const auto second = tenant.enter(kStart);
  ASSERT_TRUE(std::holds_alternative<ApiError>(second));
  EXPECT_EQ(std::get<ApiError>(second).retry_after_s, 11u);
  EXPECT_TRUE(entered(tenant, kStart + seconds(11)));
  const auto third = tenant.enter(kStart + seconds(12));
  ASSERT_TRUE(std::holds_alternative<ApiError>(third));
  EXPECT_NE(std::get<ApiError>(third).message.find("too many requests"), std::string::npos);
}

TEST(Admission, LeavesOnce) {
  TenantLimits limits;
  limits.concurrent = 1;
  Tenant tenant("t", limits);
  {
    ASSERT_TRUE(entered(tenant, Clock::now()));
    Admission first(&tenant);
    Admission second = std::move(first);
    EXPECT_FALSE(entered(tenant, Clock::now()));
  }
  EXPECT_TRUE(entered(tenant, Clock::now()));
}

}  // namespace
}  // namespace server
