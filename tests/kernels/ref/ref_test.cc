// SPDX-License-Identifier: Apache-2.0
// The oracle itself, against values worked out by hand.
#include "kernels/ref/ref.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace llmos::kernels {
namespace {

using Values = std::vector<float>;

Matrix matrix(const Values& values, int64_t rows, int64_t columns) {
  return {.data = reinterpret_cast<const std::byte*>(values.data()),
          .rows = rows,
          .columns = columns,
          .row_bytes = size_t(columns) * 4,
          .matrix_bytes = size_t(rows * columns) * 4};
}

void expect_near(const Values& values, const Values& expected, float tolerance = 1e-6f) {
  ASSERT_EQ(values.size(), expected.size());
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], tolerance) << i;
}

TEST(Ref, Matmul) {
  const Values weight{1, 2, 3, 4, 5, 6}, in{1, 0, -1, 2, 2, 2}, bias{10, 20};
  Values out{100, 100, 100, 100};
  ref::matmul({.out = out.data(),
               .out_stride = 2,
               .in = in.data(),
               .in_stride = 3,
               .weight = matrix(weight, 2, 3),
               .bias = bias.data(),
               .tokens = 2},
              {});
  expect_near(out, {8, 18, 22, 50});
  ref::matmul({.out = out.data(),
               .out_stride = 2,
               .in = in.data(),
               .in_stride = 3,
               .weight = matrix(weight, 2, 3),
               .tokens = 1,
               .scale = 0.5f,
               .accumulate = true},
              {});
  expect_near(out, {7, 17, 22, 50});
}

TEST(Ref, ExpertMatmul) {
  const Values weights{1, 1, 2, 2, 3, 3}, in{1, 2, 10, 20}, bias{0, 0, 100};
  const std::vector<int32_t> experts{2, 0, 1, 1};
  Values out(4);
  ref::expert_matmul({.out = out.data(),
                      .in = in.data(),
                      .weight = matrix(weights, 1, 2),
                      .bias = bias.data(),
                      .experts = experts.data(),
                      .slots = 4,
                      .slots_per_input = 2,
                      .expert_count = 3},
                     {});
  expect_near(out, {109, 3, 60, 60});
}

TEST(Ref, EmbedAndGather) {
  const Values table{1, 2, 3, 4, 5, 6};
  const std::vector<int32_t> ids{2, 0};
  Values out(4);
  ref::embed(
      {.out = out.data(), .table = matrix(table, 3, 2), .ids = ids.data(), .tokens = 2, .scale = 2},
      {});
  expect_near(out, {10, 12, 2, 4});
  ref::embed({.out = out.data(),
              .table = matrix(table, 3, 2),
              .ids = ids.data(),
              .tokens = 2,
              .accumulate = true},
             {});
  expect_near(out, {15, 18, 3, 6});
  ref::gather({.out = out.data(), .in = table.data(), .index = ids.data(), .rows = 2, .columns = 2},
              {});
  expect_near(out, {5, 6, 1, 2});
}

TEST(Ref, RouteAndCombine) {
  const Values logits{std::log(1.0f), std::log(5.0f), std::log(4.0f)};
  std::vector<int32_t> experts(2);
  Values weights(2);
  RouteParams p{.experts = experts.data(),
                .weights = weights.data(),
                .logits = logits.data(),
                .tokens = 1,
                .expert_count = 3,
                .chosen = 2,
                .routing = Routing::kSoftmaxAll};
  ref::route(p, {});
  EXPECT_EQ(experts, (std::vector<int32_t>{1, 2}));
  expect_near(weights, {0.5f, 0.4f});
  for (const Routing routing : {Routing::kSoftmaxNormalized, Routing::kSoftmaxChosen}) {
    p.routing = routing;
    p.scale = 9;
    ref::route(p, {});
    expect_near(weights, {5, 4});
  }
  const Values in{1, 2, 10, 20};
  Values out{1000, 1000};
  weights = {2, 3};
  ref::combine({.out = out.data(),
                .out_stride = 2,
                .in = in.data(),
                .weights = weights.data(),
                .tokens = 1,
                .columns = 2,
                .chosen = 2,
                .scale = 10},
               {});
  expect_near(out, {1320, 1640});
}

TEST(Ref, Norm) {
  const Values in{3, 5}, weight{2, 1}, bias{0, 1};
  Values out(2);
  NormParams p{
      .out = out.data(), .out_stride = 2, .in = in.data(), .in_stride = 2, .rows = 1, .columns = 2};
  ref::norm(p, {});
  expect_near(out, {3 / std::sqrt(17.0f), 5 / std::sqrt(17.0f)});
  p.kind = NormKind::kLayer;
  p.weight = weight.data();
  p.bias = bias.data();
  p.epsilon = 3;
  ref::norm(p, {});
  expect_near(out, {-1, 1.5f});
}

TEST(Ref, Rope) {
  constexpr float kQuarter = float(std::numbers::pi / 2);
  const Values frequency{0, 0, kQuarter, 2 * kQuarter};  // set 1: a quarter and a half turn
  const std::vector<int32_t> positions{1}, sets{1};
  Values x{1, 2, 3, 4, 9};
  RopeParams p{.x = x.data(),
               .stride = 5,
               .positions = positions.data(),
               .inverse_frequency = frequency.data(),
               .frequency_set = sets.data(),
               .tokens = 1,
               .heads = 1,
               .head_dim = 5,
               .rotary = 4,
               .magnitude = 2};
  ref::rope(p, {});
  expect_near(x, {-6, -4, 2, -8, 9}, 2e-6f);
  x = {1, 2, 3, 4, 9};
  p.x = x.data();
  p.interleaved = true;
  ref::rope(p, {});
  expect_near(x, {-4, 2, -6, -8, 9}, 2e-6f);
}

TEST(Ref, Activations) {
  const Values gate{0, 1, -1, 10}, up{1, 2, 3, 100};
  Values out(4);
  const auto run = [&](Activation activation, const float* with) {
    ref::activate({.out = out.data(),
                   .out_stride = 4,
                   .gate = gate.data(),
                   .gate_stride = 4,
                   .up = with,
                   .up_stride = 4,
                   .rows = 1,
                   .columns = 4,
                   .activation = activation,
                   .limit = 7},
                  {});
    return out;
  };
  expect_near(run(Activation::kRelu, up.data()), {0, 2, 0, 1000});
  expect_near(run(Activation::kSilu, nullptr), {0, 0.7310586f, -0.2689414f, 9.999546f});
  expect_near(run(Activation::kGelu, nullptr), {0, 0.8413447f, -0.1586553f, 10});
  expect_near(run(Activation::kGeluTanh, nullptr), {0, 0.8411920f, -0.1588080f, 10});
  const float sigmoid = 1 / (1 + std::exp(-1.702f));
  expect_near(run(Activation::kClampedSwiglu, up.data()),
              {0, 3 * sigmoid, -4 * (1 - sigmoid), 7.0f * 8 / (1 + std::exp(-1.702f * 7))}, 4e-5f);
}

TEST(Ref, AddAndCap) {
  const Values in{1, 2, 3, 4}, gates{0, std::log(3.0f)};
  Values out{10, 10, 10, 10};
  ref::add({.out = out.data(),
            .out_stride = 2,
            .in = in.data(),
            .in_stride = 2,
            .gates = gates.data(),
            .rows = 2,
            .columns = 2,
            .scale = 4},
           {});
  expect_near(out, {12, 14, 19, 22});
  Values x{0, 5, -1000};
  ref::cap({.x = x.data(), .rows = 1, .columns = 3, .scale = 2, .softcap = 10}, {});
  expect_near(x, {0, 10 * std::tanh(1.0f), -10});
}

// Two keys with scores 0 and ln 3 weigh 1 : 3; with a sink of ln 4, 1 : 3 : 4.
TEST(Ref, Attention) {
  constexpr int64_t kDim = 2, kBlockTokens = 2, kBlocks = 2;
  Values cache(2 * kBlocks * kBlockTokens * kDim);
  const KvLayer layer{.keys = reinterpret_cast<std::byte*>(cache.data()),
                      .values = reinterpret_cast<std::byte*>(cache.data() + kBlockTokens * kDim),
                      .block_bytes = 2 * kBlockTokens * kDim * 4,
                      .block_tokens = kBlockTokens,
                      .kv_heads = 1,
                      .head_dim = kDim};
  const Values keys{9, 9, 0, 1, 1, 0}, values{100, 100, 4, 8, 12, 16};
  const std::vector<int64_t> slots{2, 3, 0};  // tokens 0, 1 in block 1, token 2 in block 0
  ref::kv_write({.cache = layer,
                 .keys = keys.data(),
                 .keys_stride = kDim,
                 .values = values.data(),
                 .values_stride = kDim,
                 .slots = slots.data(),
                 .tokens = 3},
                {});
  const std::vector<int32_t> blocks{1, 0};
  const AttentionSpan span{.first = 0, .tokens = 1, .position = 2, .blocks = blocks.data()};
  const Values query{2 * std::log(3.0f), 0}, sink{std::log(4.0f)};
  Values out(2);
  AttentionParams p{.out = out.data(),
                    .out_stride = kDim,
                    .queries = query.data(),
                    .queries_stride = kDim,
                    .cache = layer,
                    .spans = &span,
                    .span_count = 1,
                    .tokens = 1,
                    .heads = 1,
                    .scale = 0.5f,
                    .window = 2};
  ref::attention(p, {});
  expect_near(out, {10, 14}, 1e-5f);
  p.sinks = sink.data();
  ref::attention(p, {});
  expect_near(out, {5, 7}, 1e-5f);
  p.sinks = nullptr;
  p.window = 0;  // the first key, of score 9 ln 3, takes nearly all
  ref::attention(p, {});
  expect_near(out, {100, 100}, 0.05f);
  p.window = 2;
  p.softcap = 1e-6f;  // all scores 0 or 1e-6: equal weights
  ref::attention(p, {});
  expect_near(out, {8, 12}, 1e-4f);
}

}  // namespace
}  // namespace llmos::kernels
