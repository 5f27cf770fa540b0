// SPDX-License-Identifier: Apache-2.0
#include "kv/block_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

constexpr BlockShape kLlama{
    .layers = 32, .kv_heads = 8, .head_dim = 128, .block_tokens = 16, .dtype = DType::kF16};

TEST(BlockLayout, BytesOfAKnownModel) {
  const BlockLayout layout = BlockLayout::create(kLlama).value();
  EXPECT_EQ(layout.bytes_per_token(), 32u * 2 * 8 * 128 * 2);
  EXPECT_EQ(layout.block_bytes(), 16 * layout.bytes_per_token());
}

TEST(BlockLayout, QuantisedRowsAreWholeBlocks) {
  BlockShape shape = kLlama;
  shape.dtype = DType::kQ8_0;
  EXPECT_EQ(BlockLayout::create(shape).value().bytes_per_token(), 32u * 2 * 8 * (128 / 32 * 34));
  shape.head_dim = 80;
  const Status status = BlockLayout::create(shape).status();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_THAT(status.message(), HasSubstr("80"));
}

TEST(BlockLayout, RefusesWhatNoKernelTakes) {
  const auto code = [](auto change) {
    BlockShape shape = kLlama;
    change(shape);
    return BlockLayout::create(shape).status().code();
  };
  EXPECT_EQ(code([](BlockShape& s) { s.layers = 0; }), Code::kInvalid);
  EXPECT_EQ(code([](BlockShape& s) { s.kv_heads = -1; }), Code::kInvalid);
  EXPECT_EQ(code([](BlockShape& s) { s.head_dim = kernels::kHeadDimMax + 1; }), Code::kInvalid);
  EXPECT_EQ(code([](BlockShape& s) { s.block_tokens = 0; }), Code::kInvalid);
  EXPECT_EQ(code([](BlockShape& s) { s.block_tokens = int64_t{1} << 60; }), Code::kInvalid);
  EXPECT_EQ(code([](BlockShape& s) { s.layers = 60'000, s.kv_heads = 60'000; }), Code::kInvalid);
  EXPECT_EQ(code([](BlockShape& s) { s.dtype = DType::kQ4_0; }), Code::kUnsupported);
}

// Every layer's keys and values lie in the block, aligned, and none overlaps another.
TEST(BlockLayout, PartsFillABlockWithoutOverlap) {
  Rng rng(test::seed("block layouts"));
  const DType types[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0};
  for (int i = 0; i < 200; ++i) {
    const BlockShape shape{.layers = rng.between(1, 5),
                           .kv_heads = rng.between(1, 4),
                           .head_dim = rng.between(1, 4) * 32,
                           .block_tokens = rng.between(1, 20),
                           .dtype = types[rng.below(4)]};
    const BlockLayout layout = BlockLayout::create(shape).value();
    std::vector<std::byte> block(layout.block_bytes());
    const size_t part = size_t(shape.kv_heads * shape.block_tokens) *
                        size_t(row_bytes(shape.dtype, uint64_t(shape.head_dim)).value());
    const std::byte* end = block.data();
    for (int64_t layer = 0; layer < shape.layers; ++layer) {
      const kernels::KvLayer view = layout.layer(block.data(), layer);
      for (const std::byte* at : {view.keys, view.values}) {
        ASSERT_GE(at, end);
        ASSERT_EQ(size_t(at - block.data()) % BlockLayout::kPartAlignment, 0u);
        end = at + part;
      }
      ASSERT_EQ(view.block_bytes, block.size());
    }
    ASSERT_LE(end, block.data() + block.size());
  }
}

}  // namespace
}  // namespace llmos
