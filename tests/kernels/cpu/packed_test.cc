// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/packed_tensors.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

using test::packed_dtypes;
using test::PackedWeights;
using test::packing_sets;
using test::Weights;
using test::whole_blocks;

TEST(CpuPacked, TheTypesOfRealFilesCanBePacked) {
  for (const KernelTable* set : packing_sets()) {
    for (const DType dtype :
         {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ4_K,
          DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kMXFP4}) {
      EXPECT_GT(set->packed_bytes(dtype, 512), 0u) << set->name << ' ' << dtype_name(dtype);
    }
    EXPECT_EQ(set->packed_bytes(DType::kF32, 512), 0u) << "stays as it is";
    EXPECT_EQ(set->packed_bytes(DType::kQ4_K, 288), 0u) << "no whole blocks";
  }
}

TEST(CpuPacked, TakesNoMoreBytesThanTheFile) {
  for (const KernelTable* set : packing_sets()) {
    for (const DType dtype : packed_dtypes(*set)) {
      for (const uint64_t columns : {2048, 4864, 5632}) {
        const uint64_t plain = row_bytes(dtype, columns).value() * uint64_t(set->pack_rows);
        const uint64_t packed = set->packed_bytes(dtype, int64_t(columns));
        EXPECT_LE(plain, packed) << dtype_name(dtype);
        EXPECT_LT(packed, plain + 64) << set->name << ' ' << dtype_name(dtype);
      }
    }
  }
}

TEST(CpuPacked, WindowsAndTeamsPackTheSameBytes) {
  Rng rng(test::seed("packing"));
  for (const KernelTable* set : packing_sets()) {
    for (const DType dtype : packed_dtypes(*set)) {
      const int64_t rows = rng.between(1, 100), columns = whole_blocks(dtype, rng.between(1, 900));
      const Weights weights(rng, dtype, rows, columns);
      const PackedWeights whole(*set, weights.matrix);
      const PackedWeights team(*set, weights.matrix, 1, 3);
      ASSERT_EQ(std::memcmp(whole.bytes().data(), team.bytes().data(), whole.bytes().size()), 0);
      const int64_t window = set->pack_rows * rng.between(1, 3);
      test::AlignedBytes pieces(whole.bytes().size());
      for (int64_t first = 0; first < rows; first += window) {
        PackParams p{.out = pieces.data() + size_t(first / set->pack_rows) * whole.matrix.row_bytes,
                     .in = weights.matrix.data + size_t(first) * weights.matrix.row_bytes,
                     .dtype = dtype,
                     .rows = std::min(window, rows - first),
                     .columns = columns,
                     .row_bytes = weights.matrix.row_bytes};
        test::run_team(set->pack, p, 1);
      }
      ASSERT_EQ(std::memcmp(whole.bytes().data(), pieces.data(), pieces.size()), 0)
          << set->name << ' ' << dtype_name(dtype);
      EXPECT_TRUE(pieces.is_intact());
    }
  }
}

}  // namespace
}  // namespace llmos::kernels
