// SPDX-License-Identifier: Apache-2.0
#include "api/tenant_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/golden_model.h"
#include "llmos/engine.h"

namespace llmos::test {
namespace {

using ::testing::HasSubstr;

// 100 blocks of 1 layer, 1 head of 1 float: 16 tokens are 128 bytes.
BlockPool pool() {
  const BlockShape shape{
      .layers = 1, .kv_heads = 1, .head_dim = 1, .block_tokens = 16, .dtype = DType::kF32};
  return BlockPool(BlockLayout::create(shape).value(), 100);
}

TEST(TenantOptions, BytesAndSharesBecomeBlocks) {
  const BlockPool blocks = pool();
  const uint64_t size = blocks.layout().block_bytes();
  TenantOptions options;
  options.each.kv_share_max = 0.5;
  options.named.push_back({"small", {.kv_bytes_max = 7 * size + 1, .kv_share_max = 0.5}});
  options.named.push_back({"all", {}});
  const engine::TenantLimits limits = make_tenant_limits(options, 64, blocks).value();
  EXPECT_EQ(limits.of("anybody").blocks_max, 50u);
  EXPECT_EQ(limits.of("small").blocks_max, 7u);
  EXPECT_EQ(limits.of("all").blocks_max, 0u);
  EXPECT_EQ(limits.of("anybody").queue_max, 32u);  // half: it may not fill the queue
  EXPECT_FALSE(make_tenant_limits({}, 64, blocks).value().any_queue());
}

TEST(TenantOptions, WhatCannotBeMeantIsRefused) {
  const BlockPool blocks = pool();
  for (const double share : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN(), 1e-9}) {
    TenantOptions options;
    options.each.kv_share_max = share;
    EXPECT_EQ(make_tenant_limits(options, 64, blocks).status().code(), Code::kInvalid) << share;
  }
  TenantOptions twice;
  twice.named = {{"a", {}}, {"a", {}}};
  EXPECT_THAT(make_tenant_limits(twice, 64, blocks).status().message(), HasSubstr("twice"));
  TenantOptions few;
  few.named = {{"a", {.kv_bytes_max = 1}}};
  EXPECT_THAT(make_tenant_limits(few, 64, blocks).status().message(), HasSubstr("whole block"));
  EXPECT_EQ(Engine::open(golden_path("llama2/model.gguf"), {.threads = 1, .tenants = few})
                .status()
                .code(),
            Code::kInvalid);
}

Request of(const std::string& tenant, uint32_t tokens) {
  return {.prompt = std::vector<TokenId>(20, 7),
          .sampling = {.temperature = 0},
          .tokens_max = tokens,
          .ignore_end = true,
          .tenant = tenant};
}

TEST(TenantOptions, AnEngineHoldsThem) {
  TenantOptions tenants;
  tenants.named = {{"greedy", {.kv_share_max = 0.25, .queue_max = 3}}};
  EngineOptions options{.threads = 1, .context = 128};
  options.scheduler.sequences_max = 8;
  options.tenants = tenants;
  Engine engine = Engine::open(golden_path("llama2/model.gguf"), options).value();
  const uint32_t blocks = engine.metrics().kv_blocks;
  ASSERT_GE(blocks, 20u);
  // An answer that would not fit into the quota is cut there, a prompt is refused.
  const uint32_t room = blocks / 4 * 16;
  EXPECT_EQ(engine.generate(of("greedy", 1000)).value().tokens.size(), room - 20);
  Request longer = of("greedy", 1);
  longer.prompt = std::vector<TokenId>(room, 7);
  EXPECT_THAT(engine.submit(longer).status().message(), HasSubstr("quota"));
  longer.tenant = "";
  EXPECT_TRUE(engine.generate(longer).ok());
  // Its queue is full while others' are not.
  std::vector<Stream> streams;
  Status refused;
  for (int i = 0; i < 200 && refused.ok(); ++i) {
    Result<Stream> stream = engine.submit(of("greedy", 60));
    if (stream.ok()) streams.push_back(*std::move(stream));
    refused = stream.status();
  }
  EXPECT_EQ(refused.code(), Code::kExhausted);
  EXPECT_THAT(refused.message(), HasSubstr("tenant's queue is full"));
  EXPECT_TRUE(engine.generate(of("other", 4)).ok());
  const Metrics metrics = engine.metrics();
  ASSERT_FALSE(metrics.tenants.empty());
  EXPECT_EQ(metrics.tenants[0].tenant, "greedy");
  EXPECT_EQ(metrics.tenants[0].kv_blocks_max, blocks / 4);
  EXPECT_LE(metrics.tenants[0].kv_blocks, blocks / 4);
  EXPECT_GT(metrics.tenants[0].kv_blocks, 0u);
  for (Stream& stream : streams) EXPECT_TRUE(stream.wait().ok());
}

}  // namespace
}  // namespace llmos::test
