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

// A tail of a block is, to kernels, a block at an address between two blocks'.
TEST(BlockLayout, TailsLieAtAddressesOfTheirOwn) {
  Rng rng(test::seed("tails"));
  const DType types[] = {DType::kF32, DType::kF16, DType::kQ8_0};
  for (int i = 0; i < 200; ++i) {
    const int64_t units = int64_t{1} << rng.between(0, 4);
    const BlockShape shape{.layers = rng.between(1, 3),
                           .kv_heads = rng.between(1, 3),
                           .head_dim = rng.between(1, 4) * 32,
                           .block_tokens = 16,
                           .tail_tokens = 16 / units,
                           .dtype = types[rng.below(3)]};
    const BlockLayout layout = BlockLayout::create(shape).value();
    ASSERT_EQ(layout.units_per_block(), units);
    ASSERT_EQ(layout.unit_tokens(), 16 / units);
    ASSERT_EQ(size_t(layout.granules_per_block()) * layout.granule_bytes(), layout.block_bytes());
    ASSERT_EQ(layout.layer(nullptr, 0).block_bytes, layout.granule_bytes());
    if (units > 1) {
      ASSERT_EQ(size_t(layout.granules_per_unit()) * layout.granule_bytes(),
                size_t(shape.tail_tokens) * layout.row_bytes_of_head());
    }
  }
}

TEST(BlockLayout, RefusesTailsThatDoNotDivide) {
  BlockShape shape = kLlama;
  for (const int64_t tail : {-1, 3, 32}) {
    shape.tail_tokens = tail;
    EXPECT_EQ(BlockLayout::create(shape).status().code(), Code::kInvalid) << tail;
  }
  shape.block_tokens = 64;
  shape.tail_tokens = 2;
  EXPECT_EQ(BlockLayout::create(shape).status().code(), Code::kInvalid) << "32 units";
}

TEST(BlockLayout, CopiesOnlyTheTokensAskedFor) {
  const BlockShape shape{
      .layers = 2, .kv_heads = 3, .head_dim = 32, .block_tokens = 4, .dtype = DType::kF32};
  const BlockLayout layout = BlockLayout::create(shape).value();
  std::vector<float> from(layout.block_bytes() / 4), to(from.size(), -1);
  for (size_t i = 0; i < from.size(); ++i) from[i] = float(i);
  layout.copy_rows(reinterpret_cast<const std::byte*>(from.data()),
                   reinterpret_cast<std::byte*>(to.data()), 3);
  for (size_t i = 0; i < from.size(); ++i) {
    const size_t token = i / 32 % 4;
    ASSERT_EQ(to[i], token < 3 ? float(i) : -1) << i;
  }
}

}  // namespace
}  // namespace llmos
