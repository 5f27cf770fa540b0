// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/paged_cache.h"

namespace llmos::test {
namespace {

using namespace kernels;

// Weights are rounded to the cache's type: of eleven or eight bits.
double tolerance(DType dtype) { return dtype == DType::kBF16 ? 8e-3 : 1e-3; }

// The workspace that split attention may use.
struct Workspace {
  GpuVector<std::byte> bytes = GpuVector<std::byte>(1 << 20);
  CudaLaunch launch(bool invariant = true) {
    return {.workspace = bytes.data(), .workspace_bytes = bytes.size(), .invariant = invariant};
  }
};

void check(const CacheShape& shape, const std::vector<int64_t>& positions,
           const std::vector<int64_t>& tokens, void (*change)(AttentionParams&) = nullptr) {
  SCOPED_TRACE(std::string(dtype_name(shape.dtype)) + " dim " + std::to_string(shape.head_dim));
  Rng rng(11);
  const PagedCase one(rng, shape, positions, tokens);
  GpuVector<float> sinks = gpu_floats(rng, size_t(shape.heads));
  AttentionParams p = one.params(nullptr);
  if (change) change(p);
  if (p.sinks) p.sinks = sinks.data();
  const std::vector<float> expected = one.expected(p);
  Workspace workspace;
  in_orders([&] {
    GpuVector<float> out(expected.size());
    GpuVector<std::byte> cells = new_cells(one.tokens_, shape.heads * shape.head_dim);
    p.out = out.data();
    p.cells = shape.head_dim % 32 == 0 ? cells.data() : nullptr;
    run(gpu().attention, p, workspace.launch());
    EXPECT_LT(distance(on_host(out), expected), tolerance(shape.dtype));
    if (p.cells) {
      const std::vector<float> got = cell_floats(cells, one.tokens_, shape.heads * shape.head_dim);
      EXPECT_LT(distance(got, on_host(out)), kBf16Rounding);
    }
  });
}

TEST(CudaAttention, SingleTokensOfRaggedSequences) {
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF8E4M3}) {
    check({.dtype = dtype}, {0, 6, 40, 300}, {1, 1, 1, 1});
  }
}

TEST(CudaAttention, ChunksOfRaggedSequences) {
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kF8E4M3}) {
    check({.dtype = dtype}, {0, 17, 3}, {9, 40, 1});
  }
}

TEST(CudaAttention, HeadsOfOtherSizes) {
  check({.heads = 2, .kv_heads = 2, .head_dim = 128}, {33}, {1});
  check({.heads = 3, .kv_heads = 1, .head_dim = 80}, {5, 64}, {1, 12});
  check({.heads = 2, .kv_heads = 1, .head_dim = 256, .block_tokens = 16}, {30}, {4});
  check({.heads = 2, .kv_heads = 2, .head_dim = 8, .block_tokens = 3}, {30}, {4});
  check({.heads = 20, .kv_heads = 1, .head_dim = 16}, {40, 10}, {1, 1});  // more than a warp's rows
}

TEST(CudaAttention, WindowSoftcapAndSinks) {
  for (const int64_t tokens : {1, 24}) {
    const auto change = [](void (*what)(AttentionParams&)) { return what; };
    check({}, {290, 70}, {tokens, 1}, change([](AttentionParams& p) { p.window = 40; }));
    check({}, {70}, {tokens}, change([](AttentionParams& p) { p.softcap = 2; }));
    check({}, {300}, {tokens}, change([](AttentionParams& p) { p.sinks = &p.scale; }));
  }
}

// The contract of invariant mode: alone or in a batch, in chunks of any size, with or without the
// workspace, with longer sequences beside it.
TEST(CudaAttention, ATokenHasTheSameBitsInEveryBatch) {
  Rng rng(12);
  const CacheShape shape{.heads = 4, .kv_heads = 2, .head_dim = 64, .block_tokens = 16};
  constexpr int64_t kTokens = 40, kPosition = 500;
  const PagedCase one(rng, shape, {kPosition, 700}, {kTokens, 1});
  Workspace workspace;
  const auto in_steps = [&](int64_t step, bool split) {
    GpuVector<float> out(static_cast<size_t>(one.out_size()));
    const int64_t row = shape.heads * shape.head_dim;
    for (int64_t t = 0; t < kTokens; t += step) {
      GpuVector<AttentionSpan> span(1, one.spans_[0]);
      span[0].first = 0;
      span[0].tokens = std::min(step, kTokens - t);
      span[0].position = kPosition + t;
      AttentionParams p = one.params(out.data() + t * row);
      p.queries += t * row;
      p.spans = span.data();
      p.span_count = 1;
      p.tokens = span[0].tokens;
      run(gpu().attention, p, split ? workspace.launch() : CudaLaunch{});
    }
    std::vector<float> result = on_host(out);
    result.resize(size_t(kTokens * row));
    return result;
  };
  const std::vector<float> alone = in_steps(1, true);
  EXPECT_TRUE(same_bits(in_steps(1, false), alone));
  EXPECT_TRUE(same_bits(in_steps(3, true), alone));
  EXPECT_TRUE(same_bits(in_steps(32, false), alone));
  GpuVector<float> out(static_cast<size_t>(one.out_size()));
  run(gpu().attention, one.params(out.data()), workspace.launch());
  std::vector<float> batch = on_host(out);
  batch.resize(alone.size());
  EXPECT_TRUE(same_bits(batch, alone));
}

TEST(CudaAttention, FastModeStaysWithinRounding) {
  Rng rng(13);
  const PagedCase one(rng, {.heads = 4, .kv_heads = 2}, {700, 20}, {1, 1});
  Workspace workspace;
  GpuVector<float> out(static_cast<size_t>(one.out_size()));
  const AttentionParams p = one.params(out.data());
  run(gpu().attention, p, workspace.launch(false));
  EXPECT_LT(distance(on_host(out), one.expected(p)), tolerance(DType::kF16));
}

}  // namespace
}  // namespace llmos::test
