// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/tensors.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

using test::distance;
using test::random_floats;
using test::ref_set;
using test::run_team;
using test::same_bits;
using test::Weights;
using test::whole_blocks;

// A product with random shape and options.
struct Product {
  Weights weights;
  std::vector<float> in, bias, out;
  MatmulParams params;

  Product(Rng& rng, DType dtype, int64_t tokens, int64_t rows, int64_t columns)
      : weights(rng, dtype, rows, columns) {
    const int64_t in_stride = columns + rng.between(0, 9);
    const int64_t out_stride = rows + rng.between(0, 9);
    in = random_floats(rng, size_t(tokens * in_stride));
    bias = random_floats(rng, size_t(rows));
    out = random_floats(rng, size_t(tokens * out_stride));
    params = {.out = out.data(),
              .out_stride = out_stride,
              .in = in.data(),
              .in_stride = in_stride,
              .weight = weights.matrix,
              .bias = rng.bernoulli(0.5) ? bias.data() : nullptr,
              .tokens = tokens,
              .scale = rng.bernoulli(0.5) ? 1.0f : 0.7f,
              .accumulate = rng.bernoulli(0.5)};
  }

  // The outputs, and what lay between them.
  std::vector<float> run(const KernelTable& set, int team) const {
    std::vector<float> result = out;
    MatmulParams p = params;
    p.out = result.data();
    run_team(set.matmul, p, team);
    return result;
  }
};

// Sums of n products of size 1 in f32: each addition rounds a sum of about sqrt(n).
double tolerance(int64_t columns) { return 4e-7 * std::sqrt(double(columns)); }

TEST(CpuMatmul, EveryTypeAgreesWithTheReference) {
  Rng rng(test::seed("matmul"));
  for (const KernelTable* set : test::fast_sets()) {
    for (const DType dtype : test::weight_dtypes()) {
      for (int i = 0; i < 12; ++i) {
        const int64_t columns = whole_blocks(dtype, rng.between(1, 1100));
        const Product product(rng, dtype, rng.between(1, 9), rng.between(1, 50), columns);
        const double error =
            distance(product.run(*set, int(rng.between(1, 4))), product.run(ref_set(), 1));
        ASSERT_LE(error, tolerance(columns))
            << set->name << ' ' << dtype_name(dtype) << " columns " << columns << " rows "
            << product.params.weight.rows << " tokens " << product.params.tokens;
      }
    }
  }
}

TEST(CpuMatmul, LongChunksOfTokens) {
  Rng rng(test::seed("matmul of many tokens"));
  for (const KernelTable* set : test::fast_sets()) {
    for (const DType dtype : {DType::kF32, DType::kQ8_0, DType::kQ4_K}) {
      for (const int64_t tokens : {47, 48, 49, 131}) {
        const Product product(rng, dtype, tokens, 37, whole_blocks(dtype, 515));
        EXPECT_LE(distance(product.run(*set, 2), product.run(ref_set(), 1)), tolerance(515))
            << set->name << ' ' << dtype_name(dtype);
      }
    }
  }
}

// The contract that batching rests on: bit for bit, a token's result is its own.
TEST(CpuMatmul, ATokenAloneInABatchAndInAnyTeamIsTheSame) {
  Rng rng(test::seed("matmul invariance"));
  for (const KernelTable* set : test::fast_sets()) {
    for (const DType dtype : test::weight_dtypes()) {
      const int64_t columns = whole_blocks(dtype, rng.between(300, 700));
      const int64_t rows = rng.between(1, 70);
      const int64_t tokens = rng.between(2, 60);
      const Product product(rng, dtype, tokens, rows, columns);
      const std::vector<float> together = product.run(*set, 1);
      for (const int team : {2, 3, 7}) {
        ASSERT_TRUE(same_bits(together, product.run(*set, team)))
            << set->name << ' ' << dtype_name(dtype) << " team " << team;
      }
      std::vector<float> alone = product.out;
      for (int64_t t = 0; t < tokens; ++t) {
        MatmulParams p = product.params;
        p.in += t * p.in_stride;
        p.out = alone.data() + t * p.out_stride;
        p.tokens = 1;
        run_team(set->matmul, p, int(rng.between(1, 3)));
      }
      ASSERT_TRUE(same_bits(together, alone)) << set->name << ' ' << dtype_name(dtype);
    }
  }
}

TEST(CpuMatmul, WeightsMayBeginAnywhere) {
  Rng rng(test::seed("unaligned weights"));
  for (const KernelTable* set : test::fast_sets()) {
    for (const DType dtype : test::weight_dtypes()) {
      Product product(rng, dtype, 3, 21, whole_blocks(dtype, 300));
      const std::vector<float> before = product.run(*set, 1);
      std::vector<std::byte> moved(product.weights.bytes.size() + 2);
      std::copy(product.weights.bytes.begin(), product.weights.bytes.end(), moved.begin() + 2);
      product.params.weight.data = moved.data() + 2;
      ASSERT_TRUE(same_bits(before, product.run(*set, 1))) << dtype_name(dtype);
    }
  }
}

TEST(CpuMatmul, ExpertsAgreeWithTheReferenceAndWithThemselves) {
  Rng rng(test::seed("experts"));
  for (const KernelTable* set : test::fast_sets()) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kQ4_0, DType::kMXFP4}) {
      const int64_t experts = rng.between(1, 6), per_input = rng.between(1, 3);
      const int64_t slots = per_input * rng.between(1, 80);
      const int64_t rows = rng.between(1, 40), columns = whole_blocks(dtype, rng.between(32, 300));
      const Weights weights(rng, dtype, rows, columns, experts);
      const auto in = random_floats(rng, size_t(slots / per_input * columns));
      const auto bias = random_floats(rng, size_t(experts * rows));
      std::vector<int32_t> chosen(static_cast<size_t>(slots));
      for (int32_t& e : chosen) e = int32_t(rng.below(uint64_t(experts)));
      std::vector<float> out(size_t(slots * rows)), expected(out.size()), team(out.size());
      ExpertMatmulParams p{.out = expected.data(),
                           .in = in.data(),
                           .weight = weights.matrix,
                           .bias = rng.bernoulli(0.5) ? bias.data() : nullptr,
                           .experts = chosen.data(),
                           .slots = slots,
                           .slots_per_input = per_input,
                           .expert_count = experts};
      run_team(ref_set().expert_matmul, p, 1);
      p.out = out.data();
      run_team(set->expert_matmul, p, 1);
      p.out = team.data();
      run_team(set->expert_matmul, p, 3);
      EXPECT_LE(distance(out, expected), tolerance(columns)) << set->name;
      EXPECT_TRUE(same_bits(out, team)) << set->name;
    }
  }
}

TEST(CpuMatmul, EmbeddingsAreExact) {
  Rng rng(test::seed("embeddings"));
  for (const KernelTable* set : test::fast_sets()) {
    for (const DType dtype : test::weight_dtypes()) {
      const int64_t columns = whole_blocks(dtype, rng.between(1, 600));
      const Weights table(rng, dtype, 9, columns);
      const std::vector<int32_t> ids{8, 0, 3, 3};
      const auto before = random_floats(rng, ids.size() * size_t(columns));
      for (const bool accumulate : {false, true}) {
        std::vector<float> out = before, expected = before;
        EmbedParams p{.out = expected.data(),
                      .table = table.matrix,
                      .ids = ids.data(),
                      .tokens = 4,
                      .scale = 1.5f,
                      .accumulate = accumulate};
        run_team(ref_set().embed, p, 1);
        p.out = out.data();
        run_team(set->embed, p, 3);
        // The reference may fuse the product into the sum; without one there is nothing to round.
        EXPECT_LE(distance(out, expected), accumulate ? 1.2e-7 : 0) << dtype_name(dtype);
      }
    }
  }
}

}  // namespace
}  // namespace llmos::kernels
