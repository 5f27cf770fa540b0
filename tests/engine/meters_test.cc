// SPDX-License-Identifier: Apache-2.0
#include "engine/meters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace llmos::engine {
namespace {

TEST(Meters, NumberTenantsAndAddUpTheirUse) {
  Meters meters;
  EXPECT_EQ(meters.tenant_index("a"), 0u);
  EXPECT_EQ(meters.tenant_index("b"), 1u);
  EXPECT_EQ(meters.tenant_index("a"), 0u);
  meters.add_tenant_use(1, 3, 4, 0.5);
  meters.add_tenant_use(1, 1, 1, 0.5);
  const Metrics metrics = meters.snapshot();
  ASSERT_EQ(metrics.tenants.size(), 2u);
  EXPECT_EQ(metrics.tenants[1].tenant, "b");
  EXPECT_EQ(metrics.tenants[1].requests, 2u);
  EXPECT_EQ(metrics.tenants[1].prompt_tokens, 4u);
  EXPECT_EQ(metrics.tenants[1].kv_block_seconds, 1);
}

TEST(Meters, BoundTheNumberOfTenants) {
  Meters meters;
  for (uint32_t i = 0; i < Meters::kTenantsMax + 10; ++i) {
    EXPECT_LT(meters.tenant_index(std::to_string(i)), Meters::kTenantsMax);
  }
  EXPECT_EQ(meters.snapshot().tenants.size(), Meters::kTenantsMax);
}

TEST(Meters, AreToldToPrometheus) {
  Meters meters;
  meters.output_tokens.add(7);
  meters.step.record(1'000'000);
  const std::string text = meters.prometheus_text();
  EXPECT_THAT(text, testing::HasSubstr("llmos_output_tokens_total 7\n"));
  EXPECT_THAT(text, testing::HasSubstr("llmos_step_seconds_count 1\n"));
}

}  // namespace
}  // namespace llmos::engine
