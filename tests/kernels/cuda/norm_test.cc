// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

void check_norm(int64_t columns, NormKind kind, int64_t padding) {
  SCOPED_TRACE(columns);
  Rng rng{uint64_t(columns), uint64_t(kind)};
  constexpr int64_t kRows = 3;
  const int64_t stride = columns + padding;
  const GpuVector<float> in = gpu_floats(rng, size_t(kRows * stride), 3);
  const GpuVector<float> weight = gpu_floats(rng, size_t(columns));
  const GpuVector<float> bias = gpu_floats(rng, size_t(columns));
  NormParams p;
  p.in = in.data();
  p.in_stride = p.out_stride = stride;
  p.weight = weight.data();
  p.bias = bias.data();
  p.rows = kRows;
  p.columns = columns;
  p.epsilon = 1e-5f;
  p.kind = kind;
  std::vector<float> expected(size_t(kRows * stride), 0.0f);
  p.out = expected.data();
  run_team<NormParams>(ref_set().norm, p, 1);
  in_orders([&] {
    GpuVector<float> out(expected.size());
    GpuVector<std::byte> cells = new_cells(kRows, columns);
    p.out = out.data();
    p.cells = columns % 32 == 0 && padding == 0 ? cells.data() : nullptr;
    run(gpu().norm, p);
    EXPECT_LT(distance(on_host(out), expected), 3e-6);
    if (p.cells) {
      EXPECT_LT(distance(cell_floats(cells, kRows, columns), expected), kBf16Rounding);
    }
  });
}

TEST(CudaNorm, EqualsTheReference) {
  for (const NormKind kind : {NormKind::kRms, NormKind::kLayer}) {
    // A warp's rows, a block's, those beyond its registers; whole 16 bytes and not.
    for (const int64_t columns : {1, 31, 64, 128, 257, 1024, 2049, 8192 + 64}) {
      check_norm(columns, kind, 0);
    }
    check_norm(96, kind, 4);
  }
}

TEST(CudaNorm, InPlaceAndWithoutWeights) {
  Rng rng(7);
  GpuVector<float> x = gpu_floats(rng, 2 * 320);
  std::vector<float> expected = on_host(x);
  NormParams p;
  p.in_stride = p.out_stride = p.columns = 320;
  p.rows = 2;
  p.in = p.out = expected.data();
  run_team<NormParams>(ref_set().norm, p, 1);
  p.in = p.out = x.data();
  run(gpu().norm, p);
  EXPECT_LT(distance(on_host(x), expected), 3e-6);
}

}  // namespace
}  // namespace llmos::test
