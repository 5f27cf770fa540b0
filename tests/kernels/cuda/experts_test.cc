// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

TEST(CudaRoute, EqualsTheReference) {
  for (const Routing routing :
       {Routing::kSoftmaxAll, Routing::kSoftmaxNormalized, Routing::kSoftmaxChosen}) {
    for (const int64_t count : {4, 60, 128}) {
      Rng rng{uint64_t(count)};
      constexpr int64_t kTokens = 6, kChosen = 4;
      GpuVector<float> logits = gpu_floats(rng, size_t(kTokens * count), 5);
      // Equal logits: the first wins.
      for (int64_t e = 0; e < count; ++e) logits[size_t(e)] = float(e % 2);
      RouteParams p;
      p.logits = logits.data();
      p.tokens = kTokens;
      p.expert_count = count;
      p.chosen = kChosen;
      p.routing = routing;
      p.scale = 2.5f;
      std::vector<int32_t> experts(kTokens * kChosen);
      std::vector<float> weights(experts.size());
      p.experts = experts.data();
      p.weights = weights.data();
      run_team<RouteParams>(ref_set().route, p, 1);
      in_orders([&] {
        GpuVector<int32_t> got(experts.size());
        GpuVector<float> got_weights(experts.size());
        p.experts = got.data();
        p.weights = got_weights.data();
        run(gpu().route, p);
        EXPECT_EQ(on_host(got), experts);
        EXPECT_LT(distance(on_host(got_weights), weights), 1e-6);
      });
    }
  }
}

TEST(CudaRoute, ChoosesDistinctExpertsOfLogitsThatAreNoNumbers) {
  const GpuVector<float> logits(40, std::nanf(""));
  GpuVector<int32_t> experts(8);
  GpuVector<float> weights(8);
  run(gpu().route, {.experts = experts.data(),
                    .weights = weights.data(),
                    .logits = logits.data(),
                    .tokens = 1,
                    .expert_count = 40,
                    .chosen = 8});
  EXPECT_EQ(std::set<int32_t>(experts.begin(), experts.end()).size(), 8u);
}

TEST(CudaPermute, SlotsAreOrderedByExpert) {
  Rng rng(3);
  for (const int64_t slots : {0, 5, 100}) {
    constexpr int64_t kExperts = 11;
    GpuVector<int32_t> experts(static_cast<size_t>(slots));
    for (int32_t& e : experts) e = int32_t(rng.below(kExperts));
    std::vector<int32_t> order(experts.size()), offsets(1, 0);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int32_t a, int32_t b) { return experts[size_t(a)] < experts[size_t(b)]; });
    for (int32_t e = 0; e < kExperts; ++e) {
      offsets.push_back(offsets.back() + int32_t(std::count(experts.begin(), experts.end(), e)));
    }
    in_orders([&] {
      GpuVector<int32_t> got(order.size()), got_offsets(offsets.size());
      run(gpu_ops().permute, {.order = got.data(),
                              .offsets = got_offsets.data(),
                              .experts = experts.data(),
                              .slots = slots,
                              .expert_count = kExperts});
      EXPECT_EQ(on_host(got), order);
      EXPECT_EQ(on_host(got_offsets), offsets);
    });
  }
}

}  // namespace
}  // namespace llmos::test
