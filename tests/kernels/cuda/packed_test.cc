// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/gpu_packed.h"

namespace llmos::test {
namespace {

using namespace kernels;

TEST(CudaPacked, SizesAreThoseOfTheFilesWhereSegmentsAreFull) {
  EXPECT_EQ(gpu().packed_bytes(DType::kBF16, 96), 8u * 96 * 2);
  EXPECT_EQ(gpu().packed_bytes(DType::kQ8_0, 128), 8u * 34 * 4);
  EXPECT_EQ(gpu().packed_bytes(DType::kQ4_0, 256), 8u * 18 * 8);
  EXPECT_EQ(gpu().packed_bytes(DType::kQ4_0, 32), 576u);  // one segment, three quarters empty
  EXPECT_EQ(gpu().packed_bytes(DType::kBF16, 40), 0u);    // no whole cells
  EXPECT_EQ(gpu().packed_bytes(DType::kQ6_K, 256), 0u);
}

// Every weight of the file is in the packed form, at the lane that multiplies it: a product with a
// unit vector brings it back. Windows of whole groups give the same bytes.
TEST(CudaPacked, EveryWeightComesBackExactly) {
  constexpr int64_t kRows = 11, kColumns = 160;
  for (const DType dtype : {DType::kBF16, DType::kQ8_0, DType::kQ4_0}) {
    SCOPED_TRACE(dtype_name(dtype));
    Rng rng(1);
    const GpuMatrix plain(rng, dtype, kRows, kColumns);
    const GpuPacked packed(plain.matrix);
    GpuVector<float> units(size_t(kColumns * kColumns), 0.0f);
    for (int64_t c = 0; c < kColumns; ++c) units[size_t(c * kColumns + c)] = 1;
    const GpuVector<std::byte> cells = quantized(units, kColumns, kColumns);
    MatmulParams p;
    p.in = units.data();
    p.in_stride = kColumns;
    p.quantized = cells.data();
    p.tokens = kColumns;
    p.out_stride = kRows;
    p.weight = plain.matrix;
    std::vector<float> expected(kRows * kColumns);
    p.out = expected.data();
    run_team<MatmulParams>(ref_set().matmul, p, 1);
    GpuVector<float> out(expected.size());
    p.weight = packed.matrix;
    p.out = out.data();
    run(gpu().matmul, p);
    EXPECT_EQ(on_host(out), expected);
  }
}

TEST(CudaPacked, AWindowOfGroupsIsPackedAlike) {
  Rng rng(2);
  const GpuMatrix plain(rng, DType::kQ4_0, 24, 64);
  const GpuPacked whole(plain.matrix);
  GpuVector<std::byte> window(whole.matrix.row_bytes);
  run(gpu().pack, {.out = window.data(),
                   .in = plain.matrix.data + 8 * plain.matrix.row_bytes,
                   .dtype = DType::kQ4_0,
                   .rows = 8,
                   .columns = 64,
                   .row_bytes = plain.matrix.row_bytes});
  EXPECT_EQ(std::memcmp(window.data(), whole.matrix.data + whole.matrix.row_bytes, window.size()),
            0);
}

}  // namespace
}  // namespace llmos::test
