// SPDX-License-Identifier: Apache-2.0
#include "model/tensor_source.h"

#include <gtest/gtest.h>

namespace llmos::test {
namespace {

TEST(RowPick, WithoutOneEveryRowIsMeant) {
  const RowPick all;
  EXPECT_TRUE(all.whole());
  EXPECT_EQ(all.row(0), 0u);
  EXPECT_EQ(all.row(41), 41u);
}

// gptneox keeps for each head its query, its key and its value: runs of 4 rows, 12 apart.
TEST(RowPick, RunsLieAStrideApart) {
  const RowPick keys{.total = 36, .first = 4, .run = 4, .stride = 12};
  EXPECT_FALSE(keys.whole());
  const uint64_t expected[] = {4, 5, 6, 7, 16, 17, 18, 19, 28, 29, 30, 31};
  for (uint64_t r = 0; r < std::size(expected); ++r) EXPECT_EQ(keys.row(r), expected[r]);
}

TEST(TensorSource, DividesAFusedTensorIntoPartsThatFollowOneAnother) {
  ModelSources::Linear query, key, value;
  divide_rows("blk.0.attn_qkv", {{6, &query}, {2, &key}, {2, &value}});
  const ModelSources::Linear* const parts[] = {&query, &key, &value};
  uint64_t row = 0;
  for (const ModelSources::Linear* const part : parts) {
    EXPECT_EQ(part->weight.name, "blk.0.attn_qkv.weight");
    EXPECT_EQ(part->bias.name, "blk.0.attn_qkv.bias");
    EXPECT_EQ(part->weight.pick.total, 10u);
    EXPECT_EQ(part->bias.pick.total, 10u);
    const uint64_t rows = part == &query ? 6 : 2;
    for (uint64_t r = 0; r < rows; ++r, ++row) {
      EXPECT_EQ(part->weight.pick.row(r), row);
      EXPECT_EQ(part->bias.pick.row(r), row);
    }
  }
}

TEST(TensorSource, PickingRowsKeepsTheRest) {
  TensorSource source("a");
  source.transposed = true;
  source.add = 1;
  const TensorSource picked = source.picked({.total = 4, .first = 1, .run = 1, .stride = 2});
  EXPECT_EQ(picked.name, "a");
  EXPECT_TRUE(picked.transposed);
  EXPECT_EQ(picked.add, 1);
  EXPECT_EQ(picked.pick.row(1), 3u);
  EXPECT_TRUE(source.pick.whole());
}

}  // namespace
}  // namespace llmos::test
