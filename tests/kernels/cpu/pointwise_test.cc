// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "kernels/tensors.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

using test::distance;
using test::random_floats;
using test::ref_set;
using test::run_team;
using test::same_bits;

// Runs an operation on copies of `out` with every set and several teams: each set within
// `tolerance` of the reference, and the same bits for every team.
template <class Params>
void compare(Kernel<Params> KernelTable::*operation, Params params, float* Params::*out,
             const std::vector<float>& before, double tolerance) {
  const auto run = [&](const KernelTable& set, int team) {
    std::vector<float> result = before;
    params.*out = result.data();
    run_team(set.*operation, params, team);
    return result;
  };
  const std::vector<float> expected = run(ref_set(), 1);
  ASSERT_TRUE(same_bits(expected, run(ref_set(), 3)));
  for (const KernelTable* set : test::fast_sets()) {
    const std::vector<float> result = run(*set, 1);
    ASSERT_LE(distance(result, expected), tolerance) << set->name;
    for (const int team : {2, 5}) ASSERT_TRUE(same_bits(result, run(*set, team))) << set->name;
  }
}

TEST(CpuPointwise, Norms) {
  Rng rng(test::seed("norms"));
  for (int i = 0; i < 200; ++i) {
    const int64_t rows = rng.between(1, 7), columns = rng.between(1, 300);
    const auto in =
        random_floats(rng, size_t(rows * (columns + 2)), rng.bernoulli(0.2) ? 1e-3f : 5);
    const auto weight = random_floats(rng, size_t(columns)),
               bias = random_floats(rng, size_t(columns));
    const auto before = random_floats(rng, size_t(rows * (columns + 3)));
    compare<NormParams>(&KernelTable::norm,
                        {.out_stride = columns + 3,
                         .in = in.data(),
                         .in_stride = columns + 2,
                         .weight = rng.bernoulli(0.7) ? weight.data() : nullptr,
                         .bias = rng.bernoulli(0.5) ? bias.data() : nullptr,
                         .rows = rows,
                         .columns = columns,
                         .epsilon = 1e-5f,
                         .kind = rng.bernoulli(0.5) ? NormKind::kRms : NormKind::kLayer},
                        &NormParams::out, before, 4e-6);
  }
}

TEST(CpuPointwise, NormsInPlace) {
  Rng rng(test::seed("norms in place"));
  const auto x = random_floats(rng, 3 * 77);
  for (const KernelTable* set : test::fast_sets()) {
    std::vector<float> apart(x.size()), in_place = x;
    NormParams p{.out = apart.data(),
                 .out_stride = 77,
                 .in = x.data(),
                 .in_stride = 77,
                 .rows = 3,
                 .columns = 77,
                 .epsilon = 1e-6f};
    run_team(set->norm, p, 1);
    p.out = in_place.data();
    p.in = in_place.data();
    run_team(set->norm, p, 2);
    EXPECT_TRUE(same_bits(apart, in_place));
  }
}

TEST(CpuPointwise, Rotations) {
  Rng rng(test::seed("rotations"));
  for (int i = 0; i < 200; ++i) {
    const int64_t tokens = rng.between(1, 6), heads = rng.between(1, 5);
    const int64_t head_dim = rng.between(2, 130), rotary = rng.between(1, head_dim / 2) * 2;
    const int64_t stride = heads * head_dim + rng.between(0, 5);
    std::vector<float> frequency(size_t(2 * rotary / 2));
    for (size_t f = 0; f < frequency.size(); ++f)
      frequency[f] = float(std::pow(1e4, -double(f) / 40));
    std::vector<int32_t> positions(static_cast<size_t>(tokens)), sets(static_cast<size_t>(tokens));
    for (int32_t& p : positions) p = int32_t(rng.below(rng.bernoulli(0.5) ? 100 : 2'000'000));
    for (int32_t& s : sets) s = int32_t(rng.below(2));
    compare<RopeParams>(&KernelTable::rope,
                        {.stride = stride,
                         .positions = positions.data(),
                         .inverse_frequency = frequency.data(),
                         .frequency_set = rng.bernoulli(0.5) ? sets.data() : nullptr,
                         .tokens = tokens,
                         .heads = heads,
                         .head_dim = head_dim,
                         .rotary = rotary,
                         .magnitude = rng.bernoulli(0.5) ? 1.0f : 1.3f,
                         .interleaved = rng.bernoulli(0.5)},
                        &RopeParams::x, random_floats(rng, size_t(tokens * stride)), 3e-7);
  }
}

TEST(CpuPointwise, Activations) {
  Rng rng(test::seed("activations"));
  for (int i = 0; i < 300; ++i) {
    const int64_t rows = rng.between(1, 5), columns = rng.between(1, 200);
    const auto gate =
        random_floats(rng, size_t(rows * (columns + 1)), rng.bernoulli(0.3) ? 200 : 6);
    const auto up = random_floats(rng, size_t(rows * (columns + 2)), 10);
    const auto activation = Activation(rng.below(5));
    const bool has_up = activation == Activation::kClampedSwiglu || rng.bernoulli(0.6);
    compare<ActivateParams>(&KernelTable::activate,
                            {.out_stride = columns + 4,
                             .gate = gate.data(),
                             .gate_stride = columns + 1,
                             .up = has_up ? up.data() : nullptr,
                             .up_stride = columns + 2,
                             .rows = rows,
                             .columns = columns,
                             .activation = activation,
                             .limit = 7},
                            &ActivateParams::out, random_floats(rng, size_t(rows * (columns + 4))),
                            3e-6);
  }
}

// What `quantize` makes of `values`, in one go.
std::vector<std::byte> cells_of(const KernelTable& set, const std::vector<float>& values,
                                int64_t rows, int64_t columns) {
  std::vector<std::byte> cells(size_t(rows) * quantized_row_bytes(columns));
  set.quantize({.out = cells.data(),
                .in = values.data(),
                .in_stride = columns,
                .tokens = rows,
                .columns = columns},
               {});
  return cells;
}

// Runs an operation that also writes cells, with floats and without: the cells are those of the
// floats.
template <class Params>
void expect_cells(const KernelTable& set, Kernel<Params> operation, Params params, int64_t rows,
                  int64_t columns) {
  std::vector<float> plain(size_t(rows * columns)), floats(size_t(rows * columns));
  params.out = plain.data();
  run_team(operation, params, 1);
  const std::vector<std::byte> expected = cells_of(set, plain, rows, columns);
  for (const int team : {1, 2, 5}) {
    std::vector<std::byte> cells(expected.size());
    params.cells = cells.data();
    params.out = team == 2 ? nullptr : floats.data();
    run_team(operation, params, team);
    ASSERT_EQ(cells, expected) << set.name;
    if (params.out) {
      ASSERT_TRUE(same_bits(floats, plain)) << set.name;
    }
  }
}

TEST(CpuPointwise, NormsAndActivationsQuantizeAtOnce) {
  Rng rng(test::seed("cells"));
  for (const KernelTable* set : test::fast_sets()) {
    if (set->pack_rows == 0) continue;
    for (int i = 0; i < 50; ++i) {
      const int64_t rows = rng.between(1, 5), columns = 32 * rng.between(1, 9);
      const auto in = random_floats(rng, size_t(rows * columns), 5);
      const auto up = random_floats(rng, size_t(rows * columns), 5);
      expect_cells<NormParams>(*set, set->norm,
                               {.out_stride = columns,
                                .in = in.data(),
                                .in_stride = columns,
                                .weight = up.data(),
                                .rows = rows,
                                .columns = columns,
                                .epsilon = 1e-5f},
                               rows, columns);
      expect_cells<ActivateParams>(*set, set->activate,
                                   {.out_stride = columns,
                                    .gate = in.data(),
                                    .gate_stride = columns,
                                    .up = up.data(),
                                    .up_stride = columns,
                                    .rows = rows,
                                    .columns = columns},
                                   rows, columns);
    }
  }
}

TEST(CpuPointwise, Sums) {
  Rng rng(test::seed("sums"));
  for (int i = 0; i < 100; ++i) {
    const int64_t rows = rng.between(1, 5), columns = rng.between(1, 100),
                  chosen = rng.between(1, 4);
    const auto in = random_floats(rng, size_t(rows * chosen * columns));
    const auto gates = random_floats(rng, size_t(rows), 4);
    const auto weights = random_floats(rng, size_t(rows * chosen));
    const auto before = random_floats(rng, size_t(rows * (columns + 1)));
    compare<AddParams>(&KernelTable::add,
                       {.out_stride = columns + 1,
                        .in = in.data(),
                        .in_stride = columns,
                        .gates = rng.bernoulli(0.5) ? gates.data() : nullptr,
                        .rows = rows,
                        .columns = columns,
                        .scale = 0.3f},
                       &AddParams::out, before, 3e-7);
    compare<CombineParams>(&KernelTable::combine,
                           {.out_stride = columns + 1,
                            .in = in.data(),
                            .weights = weights.data(),
                            .tokens = rows,
                            .columns = columns,
                            .chosen = chosen,
                            .scale = 1.7f},
                           &CombineParams::out, before, 1e-6);
  }
}

TEST(CpuPointwise, GatherAndCap) {
  Rng rng(test::seed("gather and cap"));
  for (int i = 0; i < 100; ++i) {
    const int64_t rows = rng.between(1, 5), columns = rng.between(1, 100);
    const auto in = random_floats(rng, size_t(9 * columns));
    std::vector<int32_t> index(static_cast<size_t>(rows));
    for (int32_t& r : index) r = int32_t(rng.below(9));
    const std::vector<float> zeros(size_t(rows * columns));
    compare<GatherParams>(
        &KernelTable::gather,
        {.in = in.data(), .index = index.data(), .rows = rows, .columns = columns},
        &GatherParams::out, zeros, 0);
    compare<CapParams>(&KernelTable::cap,
                       {.rows = rows,
                        .columns = columns,
                        .scale = 2,
                        .softcap = rng.bernoulli(0.7) ? 30.0f : 0.0f},
                       &CapParams::x, random_floats(rng, size_t(rows * columns), 200), 1e-6);
  }
}

TEST(CpuPointwise, RoutesToTheLargestAndTheFirstOfEqualOnes) {
  Rng rng(test::seed("routing"));
  for (int i = 0; i < 200; ++i) {
    const int64_t tokens = rng.between(1, 6), experts = rng.between(1, 40);
    const int64_t chosen = rng.between(1, std::min<int64_t>(experts, 8));
    std::vector<float> logits(size_t(tokens * experts));
    for (float& x : logits) x = float(rng.between(-4, 4));  // many ties
    std::vector<int32_t> expected_ids(size_t(tokens * chosen)), ids = expected_ids;
    std::vector<float> expected(ids.size()), weights(ids.size());
    RouteParams p{.experts = expected_ids.data(),
                  .weights = expected.data(),
                  .logits = logits.data(),
                  .tokens = tokens,
                  .expert_count = experts,
                  .chosen = chosen,
                  .routing = Routing(rng.below(3)),
                  .scale = 1.5f};
    run_team(ref_set().route, p, 1);
    for (const KernelTable* set : test::fast_sets()) {
      p.experts = ids.data();
      p.weights = weights.data();
      run_team(set->route, p, 2);
      ASSERT_EQ(ids, expected_ids);
      ASSERT_LE(distance(weights, expected), 1e-6);
    }
    if (p.routing == Routing::kSoftmaxAll && chosen < experts) continue;
    for (int64_t t = 0; t < tokens; ++t) {
      double sum = 0;
      for (int64_t k = 0; k < chosen; ++k) sum += weights[size_t(t * chosen + k)];
      ASSERT_NEAR(sum, 1.5, 1e-6);
    }
  }
}

TEST(CpuPointwise, LogitsThatAreNoNumbersStillChooseDistinctExperts) {
  const std::vector<float> logits(10, NAN);
  for (const KernelTable* set : kernel_sets()) {
    std::vector<int32_t> ids(4, -1);
    std::vector<float> weights(4);
    run_team(set->route,
             {.experts = ids.data(),
              .weights = weights.data(),
              .logits = logits.data(),
              .tokens = 1,
              .expert_count = 10,
              .chosen = 4},
             1);
    EXPECT_EQ(std::set<int32_t>(ids.begin(), ids.end()).size(), 4u) << set->name;
    for (const int32_t id : ids) EXPECT_TRUE(id >= 0 && id < 10);
  }
}

}  // namespace
}  // namespace llmos::kernels
