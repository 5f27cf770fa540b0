// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/gpu_packed.h"

namespace llmos::test {
namespace {

using namespace kernels;

constexpr DType kPackedTypes[] = {DType::kBF16, DType::kQ8_0, DType::kQ4_0};

void check_product(DType dtype, int64_t rows, int64_t columns, int64_t tokens) {
  SCOPED_TRACE(std::string(dtype_name(dtype)) + " tokens " + std::to_string(tokens));
  Rng rng{uint64_t(rows), uint64_t(tokens)};
  const GpuMatrix plain(rng, dtype, rows, columns);
  const GpuPacked packed(plain.matrix);
  const GpuVector<float> in = bf16_floats(rng, size_t(tokens * columns));
  const GpuVector<float> bias = gpu_floats(rng, size_t(rows));
  const GpuVector<float> start = gpu_floats(rng, size_t(tokens * (rows + 1)));
  const GpuVector<std::byte> cells = quantized(in, tokens, columns);
  MatmulParams p;
  p.out_stride = rows + 1;
  p.in = in.data();
  p.in_stride = columns;
  p.quantized = cells.data();
  p.weight = plain.matrix;
  p.bias = bias.data();
  p.tokens = tokens;
  p.scale = 1.5f;
  p.accumulate = tokens % 2 == 0;
  std::vector<float> expected = on_host(start);
  p.out = expected.data();
  run_team<MatmulParams>(ref_set().matmul, p, 1);
  p.weight = packed.matrix;
  in_orders([&] {
    GpuVector<float> out = start;
    p.out = out.data();
    run(gpu().matmul, p);
    EXPECT_LT(distance(on_host(out), expected), 1e-5);
  });
}

TEST(CudaPackedMatmul, EqualsTheReference) {
  for (const DType dtype : kPackedTypes) {
    check_product(dtype, 9, 32, 1);
    check_product(dtype, 16, 1184, 2);  // more segments than warps, the last one not full
    check_product(dtype, 20, 96, 17);
    check_product(dtype, 17, 160, 67);
  }
}

TEST(CudaPackedMatmul, ATokenHasTheSameBitsInEveryBatch) {
  constexpr int64_t kRows = 20, kColumns = 640, kTokens = 40;
  for (const DType dtype : kPackedTypes) {
    Rng rng(5);
    const GpuMatrix plain(rng, dtype, kRows, kColumns);
    const GpuPacked packed(plain.matrix);
    const GpuVector<float> in = gpu_floats(rng, kTokens * kColumns);
    const GpuVector<std::byte> cells = quantized(in, kTokens, kColumns);
    MatmulParams p;
    p.out_stride = kRows;
    p.weight = packed.matrix;
    const auto at_once = [&](int64_t step) {
      GpuVector<float> out(kTokens * kRows);
      for (int64_t t = 0; t < kTokens; t += step) {
        p.tokens = std::min(step, kTokens - t);
        p.quantized = cells.data() + size_t(t) * quantized_row_bytes(kColumns);
        p.out = out.data() + t * kRows;
        run(gpu().matmul, p);
      }
      return on_host(out);
    };
    const std::vector<float> alone = at_once(1);
    for (const int64_t step : {3, 16, 25, 40}) EXPECT_TRUE(same_bits(at_once(step), alone));
  }
}

TEST(CudaPackedMatmul, ExpertsEqualTheReference) {
  for (const DType dtype : kPackedTypes) {
    Rng rng(6);
    const GpuMatrix plain(rng, dtype, 12, 96, 3);
    const GpuPacked packed(plain.matrix, 3);
    const GpuVector<float> in = bf16_floats(rng, 2 * 96);
    const GpuVector<float> bias = gpu_floats(rng, 3 * 12);
    const GpuVector<std::byte> cells = quantized(in, 2, 96);
    const GpuVector<int32_t> experts = on_gpu(std::vector<int32_t>{2, 0, 1, 2});
    ExpertMatmulParams p;
    p.in = in.data();
    p.quantized = cells.data();
    p.weight = plain.matrix;
    p.bias = bias.data();
    p.experts = experts.data();
    p.slots = 4;
    p.slots_per_input = 2;
    p.expert_count = 3;
    std::vector<float> expected(48);
    p.out = expected.data();
    run_team<ExpertMatmulParams>(ref_set().expert_matmul, p, 1);
    p.weight = packed.matrix;
    in_orders([&] {
      GpuVector<float> out(48);
      p.out = out.data();
      run(gpu().expert_matmul, p);
      EXPECT_LT(distance(on_host(out), expected), 1e-5);
    });
  }
}

}  // namespace
}  // namespace llmos::test
