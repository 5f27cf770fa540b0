// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

MatmulParams product(const GpuMatrix& weight, const GpuVector<float>& in,
                     const GpuVector<float>& bias, int64_t tokens) {
  MatmulParams p;
  p.out_stride = weight.matrix.rows + 3;
  p.in = in.data();
  p.in_stride = weight.matrix.columns;
  p.weight = weight.matrix;
  p.bias = bias.data();
  p.tokens = tokens;
  p.scale = 0.75f;
  return p;
}

void check_product(DType dtype, int64_t rows, int64_t columns, int64_t tokens, bool accumulate) {
  SCOPED_TRACE(std::string(dtype_name(dtype)) + " " + std::to_string(columns));
  Rng rng{uint64_t(rows * columns), uint64_t(tokens)};
  const GpuMatrix weight(rng, dtype, rows, columns);
  const GpuVector<float> in = gpu_floats(rng, size_t(tokens * columns));
  const GpuVector<float> bias = gpu_floats(rng, size_t(rows));
  MatmulParams p = product(weight, in, bias, tokens);
  p.accumulate = accumulate;
  const GpuVector<float> start = gpu_floats(rng, size_t(tokens * p.out_stride));
  std::vector<float> expected = on_host(start);
  p.out = expected.data();
  run_team<MatmulParams>(ref_set().matmul, p, 1);
  in_orders([&] {
    GpuVector<float> out = start;
    p.out = out.data();
    run(gpu().matmul, p);
    EXPECT_LT(distance(on_host(out), expected), 2e-5);
  });
}

TEST(CudaGemv, EqualsTheReferenceForEveryType) {
  for (const DType dtype : gpu_weight_dtypes()) {
    for (const int64_t wanted : {33, 64, 544}) {
      const int64_t columns = is_quantized(dtype) ? whole_blocks(dtype, wanted) : wanted;
      check_product(dtype, 11, columns, 1, false);
      check_product(dtype, 5, columns, 10, true);
    }
  }
}

// Enough rows that a warp takes four.
TEST(CudaGemv, ManyRows) { check_product(DType::kBF16, 4227, 16, 1, false); }

TEST(CudaGemv, ATokenHasTheSameBitsInEveryBatch) {
  constexpr int64_t kRows = 6, kColumns = 320, kTokens = 9;
  Rng rng(3);
  const GpuMatrix weight(rng, DType::kF16, kRows, kColumns);
  const GpuVector<float> in = gpu_floats(rng, kTokens * kColumns);
  const GpuVector<float> bias = gpu_floats(rng, kRows);
  MatmulParams p = product(weight, in, bias, kTokens);
  GpuVector<float> together(size_t(kTokens * p.out_stride)), alone(together.size());
  p.out = together.data();
  run(gpu().matmul, p);
  p.tokens = 1;
  for (int64_t t = 0; t < kTokens; ++t) {
    p.out = alone.data() + t * p.out_stride;
    p.in = in.data() + t * kColumns;
    run(gpu().matmul, p);
  }
  EXPECT_TRUE(same_bits(on_host(together), on_host(alone)));
}

TEST(CudaGemv, ExpertsEqualTheReference) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kQ4_0}) {
    for (const int64_t columns : {64, 96}) {
      Rng rng(4);
      const GpuMatrix weight(rng, dtype, 10, columns, 4);
      const GpuVector<float> in = gpu_floats(rng, size_t(2 * columns));
      const GpuVector<float> bias = gpu_floats(rng, 4 * 10);
      const GpuVector<int32_t> experts = on_gpu(std::vector<int32_t>{3, 0, 2, 3, 1, 0});
      ExpertMatmulParams p;
      p.in = in.data();
      p.weight = weight.matrix;
      p.bias = bias.data();
      p.experts = experts.data();
      p.slots = 6;
      p.slots_per_input = 3;
      p.expert_count = 4;
      std::vector<float> expected(60);
      p.out = expected.data();
      run_team<ExpertMatmulParams>(ref_set().expert_matmul, p, 1);
      in_orders([&] {
        GpuVector<float> out(60);
        p.out = out.data();
        run(gpu().expert_matmul, p);
        EXPECT_LT(distance(on_host(out), expected), 1e-5);
      });
    }
  }
}

}  // namespace
}  // namespace llmos::test
