// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/packed_tensors.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

using test::Cells;
using test::distance;
using test::packed_dtypes;
using test::PackedWeights;
using test::packing_sets;
using test::random_floats;
using test::ref_set;
using test::run_team;
using test::same_bits;
using test::Weights;
using test::whole_blocks;

// Activations, weights and options of a product, packed for a set.
struct Product {
  const KernelTable& set;
  const Weights& weights;
  PackedWeights packed;
  std::vector<float> in, bias, out;
  Cells cells;
  MatmulParams params;

  Product(const KernelTable& which, Rng& rng, const Weights& plain, int64_t tokens,
          std::vector<float> activations)
      : set(which),
        weights(plain),
        packed(which, plain.matrix),
        in(std::move(activations)),
        bias(random_floats(rng, size_t(plain.matrix.rows))),
        cells(which, in.data(), plain.matrix.columns, tokens, plain.matrix.columns, 2) {
    const int64_t out_stride = plain.matrix.rows + rng.between(0, 9);
    out = random_floats(rng, size_t(tokens * out_stride));
    params = {.out = out.data(),
              .out_stride = out_stride,
              .in_stride = plain.matrix.columns,
              .quantized = cells.data(),
              .weight = packed.matrix,
              .bias = rng.bernoulli(0.5) ? bias.data() : nullptr,
              .tokens = tokens,
              .scale = rng.bernoulli(0.5) ? 1.0f : 0.7f,
              .accumulate = rng.bernoulli(0.5)};
  }
  Product(const KernelTable& which, Rng& rng, const Weights& plain, int64_t tokens)
      : Product(which, rng, plain, tokens,
                random_floats(rng, size_t(tokens * plain.matrix.columns))) {}

  std::vector<float> run(int team) const {
    std::vector<float> result = out;
    MatmulParams p = params;
    p.out = result.data();
    run_team(set.matmul, p, team);
    return result;
  }
  // With these activations, on the plain weights.
  std::vector<float> reference(const std::vector<float>& activations) const {
    std::vector<float> result = out;
    MatmulParams p = params;
    p.out = result.data();
    p.in = activations.data();
    p.weight = weights.matrix;
    run_team(ref_set().matmul, p, 1);
    return result;
  }
  std::vector<float> quantized() const {
    std::vector<float> values(in.size());
    const int64_t columns = weights.matrix.columns;
    for (int64_t t = 0; t < params.tokens; ++t) {
      for (int64_t c = 0; c < columns; ++c) {
        values[size_t(t * columns + c)] = float(cells.value(t, c));
      }
    }
    return values;
  }
};

// One rounding for every block of 32, of sums of products of size 1 each.
double tolerance(int64_t columns) { return 2e-6 * std::sqrt(double(columns)); }

TEST(CpuPackedMatmul, IsTheReferenceOfTheQuantisedActivations) {
  Rng rng(test::seed("packed matmul"));
  for (const KernelTable* set : packing_sets()) {
    for (const DType dtype : packed_dtypes(*set)) {
      for (int i = 0; i < 16; ++i) {
        const int64_t columns = whole_blocks(dtype, rng.between(1, 1400));
        const int64_t rows = rng.between(1, 80), tokens = rng.between(1, i % 4 == 0 ? 40 : 8);
        const Weights weights(rng, dtype, rows, columns);
        const Product product(*set, rng, weights, tokens);
        const double error =
            distance(product.run(int(rng.between(1, 4))), product.reference(product.quantized()));
        ASSERT_LE(error, tolerance(columns)) << set->name << ' ' << dtype_name(dtype) << " columns "
                                             << columns << " rows " << rows << " tokens " << tokens;
      }
    }
  }
}

// A block's activations are off by half a step at most: so much times the weights' sizes.
TEST(CpuPackedMatmul, IsWithinTheErrorOfEightBitActivations) {
  Rng rng(test::seed("packed matmul error"));
  for (const KernelTable* set : packing_sets()) {
    for (const DType dtype : packed_dtypes(*set)) {
      const int64_t columns = whole_blocks(dtype, 512), rows = 33, tokens = 5;
      const Weights weights(rng, dtype, rows, columns);
      const Product product(*set, rng, weights, tokens);
      const std::vector<float> got = product.run(1), want = product.reference(product.in);
      std::vector<float> row(size_t(columns), 0.0f);
      for (int64_t r = 0; r < rows; ++r) {
        dequantize_row(dtype, weights.matrix.data + size_t(r) * weights.matrix.row_bytes,
                       row.data(), row.size());
        for (int64_t t = 0; t < tokens; ++t) {
          double bound = 1e-5;
          for (int64_t c = 0; c < columns; ++c) {
            bound += 0.5001 * double(product.cells.scale(t, c)) * std::abs(double(row[size_t(c)]));
          }
          const size_t at = size_t(t * product.params.out_stride + r);
          ASSERT_LE(std::abs(double(got[at]) - double(want[at])), bound)
              << set->name << ' ' << dtype_name(dtype);
        }
      }
    }
  }
}

// Every code, scale and activation at an end of its range: nothing overflows.
TEST(CpuPackedMatmul, EndsOfTheRanges) {
  Rng rng(test::seed("ends of ranges"));
  for (const KernelTable* set : packing_sets()) {
    for (const DType dtype : packed_dtypes(*set)) {
      for (int i = 0; i < 24; ++i) {
        const int64_t columns = whole_blocks(dtype, 512), rows = 16;
        Weights weights(rng, dtype, rows, columns);
        const size_t block = dtype_traits(dtype).block_bytes;
        const auto fill = std::byte(i % 4 == 0 ? 0xff : i % 4 == 1 ? 0 : i % 4 == 2 ? 0x80 : 0x7f);
        for (size_t at = 0; at < weights.bytes.size(); at += block) {
          for (size_t b = 0; b < block; ++b) {
            weights.bytes[at + b] = i < 12 ? fill : std::byte(rng.bernoulli(0.5) ? 0xff : 0);
          }
          test::tame_block(dtype, weights.bytes.data() + at, rng);
        }
        std::vector<float> in(size_t(7 * columns), 1.0f);
        for (size_t j = 0; j < in.size(); ++j) {
          if (i % 3 == 1 || (i % 3 == 2 && rng.bernoulli(0.5))) in[j] = -1;
        }
        const Product product(*set, rng, weights, 7, in);
        const std::vector<float> want = product.reference(in);
        float largest = 1;
        for (const float x : want) largest = std::max(largest, std::abs(x));
        ASSERT_LE(distance(product.run(1), want, double(largest)), 1e-5)
            << set->name << ' ' << dtype_name(dtype) << ' ' << i;
      }
    }
  }
}

TEST(CpuPackedMatmul, ATokenAloneInABatchAndInAnyTeamIsTheSame) {
  Rng rng(test::seed("packed invariance"));
  for (const KernelTable* set : packing_sets()) {
    for (const DType dtype : packed_dtypes(*set)) {
      const int64_t columns = whole_blocks(dtype, rng.between(300, 1300));
      const int64_t rows = rng.between(1, 150), tokens = rng.between(120, 150);
      const Weights weights(rng, dtype, rows, columns);
      const Product product(*set, rng, weights, tokens);
      const std::vector<float> together = product.run(1);
      for (const int team : {2, 3, 7}) {
        ASSERT_TRUE(same_bits(together, product.run(team)))
            << set->name << ' ' << dtype_name(dtype);
      }
      for (int64_t part = 1; part <= 9; ++part) {
        std::vector<float> apart = product.out;
        for (int64_t t = 0; t < tokens; t += part) {
          MatmulParams p = product.params;
          p.quantized += size_t(t) * quantized_row_bytes(columns);
          p.out = apart.data() + t * p.out_stride;
          p.tokens = std::min(part, tokens - t);
          run_team(set->matmul, p, 1);
        }
        ASSERT_TRUE(same_bits(together, apart))
            << set->name << ' ' << dtype_name(dtype) << " in parts of " << part;
      }
    }
  }
}

// Integer sums are exact, and the order of the others is one: with fma, bits do not depend on the
// width of the registers.
TEST(CpuPackedMatmul, SetsWithFmaAgreeInEveryBit) {
  Rng rng(test::seed("packed sets"));
  const KernelTable* const avx2 = find_kernel_set("avx2");
  const KernelTable* const avx512 = find_kernel_set("avx512");
  if (!avx2 || !avx512) GTEST_SKIP() << "this CPU has not both AVX2 and AVX-512";
  for (const DType dtype : packed_dtypes(*avx2)) {
    const int64_t columns = whole_blocks(dtype, 600);
    const Weights weights(rng, dtype, 45, columns);
    const auto in = random_floats(rng, size_t(9 * columns));
    Rng first(7), second(7);  // the same options
    ASSERT_TRUE(same_bits(Product(*avx2, first, weights, 9, in).run(1),
                          Product(*avx512, second, weights, 9, in).run(1)))
        << dtype_name(dtype);
  }
}

TEST(CpuPackedMatmul, NotANumberReachesTheResult) {
  Rng rng(test::seed("packed NaN"));
  for (const KernelTable* set : packing_sets()) {
    const Weights weights(rng, DType::kQ4_0, 20, 96);
    auto in = random_floats(rng, 2 * 96);
    in[100] = NAN;
    const Product product(*set, rng, weights, 2, in);
    const std::vector<float> out = product.run(1);
    EXPECT_FALSE(std::isnan(out[0])) << set->name;
    EXPECT_TRUE(std::isnan(out[size_t(product.params.out_stride)])) << set->name;
  }
}

TEST(CpuPackedMatmul, Experts) {
  Rng rng(test::seed("packed experts"));
  for (const KernelTable* set : packing_sets()) {
    for (const DType dtype : {DType::kQ8_0, DType::kQ4_K, DType::kMXFP4}) {
      const int64_t experts = rng.between(1, 6), per_input = rng.between(1, 3);
      const int64_t slots = per_input * rng.between(1, 150);
      const int64_t rows = rng.between(1, 70), columns = whole_blocks(dtype, rng.between(32, 600));
      const Weights weights(rng, dtype, rows, columns, experts);
      const PackedWeights packed(*set, weights.matrix, experts);
      const auto in = random_floats(rng, size_t(slots / per_input * columns));
      const Cells cells(*set, in.data(), columns, slots / per_input, columns, 1);
      std::vector<float> rounded(in.size());
      for (int64_t i = 0; i < int64_t(in.size()); ++i) {
        rounded[size_t(i)] = float(cells.value(i / columns, i % columns));
      }
      const auto bias = random_floats(rng, size_t(experts * rows));
      std::vector<int32_t> chosen(static_cast<size_t>(slots));
      for (int32_t& e : chosen) e = int32_t(rng.below(uint64_t(experts)));
      std::vector<float> out(size_t(slots * rows)), expected(out.size()), team(out.size());
      ExpertMatmulParams p{.out = expected.data(),
                           .in = rounded.data(),
                           .weight = weights.matrix,
                           .bias = rng.bernoulli(0.5) ? bias.data() : nullptr,
                           .experts = chosen.data(),
                           .slots = slots,
                           .slots_per_input = per_input,
                           .expert_count = experts};
      run_team(ref_set().expert_matmul, p, 1);
      p.weight = packed.matrix;
      p.quantized = cells.data();
      p.out = out.data();
      run_team(set->expert_matmul, p, 1);
      p.out = team.data();
      run_team(set->expert_matmul, p, 3);
      EXPECT_LE(distance(out, expected), tolerance(columns)) << set->name;
      EXPECT_TRUE(same_bits(out, team)) << set->name;
    }
  }
}

}  // namespace
}  // namespace llmos::kernels
