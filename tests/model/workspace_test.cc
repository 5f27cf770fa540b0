// SPDX-License-Identifier: Apache-2.0
#include "model/workspace.h"

#include <gtest/gtest.h>

#include <vector>

namespace llmos {
namespace {

ModelConfig config() {
  ModelConfig c;
  c.dim = 48;
  c.heads = 6;
  c.kv_heads = 2;
  c.head_dim = 10;
  c.ffn_dim = 100;
  c.vocabulary = 1000;
  c.rope.rotary = 10;
  c.experts = {.count = 4, .chosen = 2, .dim = 30, .shared_dim = 50, .shared_gate = true};
  c.layers = {{.experts = true}, {}};
  return c;
}

struct Part {
  const void* at;
  uint64_t bytes;
};

// Parts that are alive together must not overlap, and all must lie inside.
void expect_apart(const std::byte* base, size_t bytes, std::vector<Part> parts) {
  for (const Part& a : parts) {
    const auto* from = static_cast<const std::byte*>(a.at);
    EXPECT_EQ((from - base) % 64, 0);
    EXPECT_GE(from, base);
    EXPECT_LE(from + a.bytes, base + bytes);
    for (const Part& b : parts) {
      const auto* other = static_cast<const std::byte*>(b.at);
      EXPECT_TRUE(&a == &b || other >= from + a.bytes || from >= other + b.bytes);
    }
  }
}

TEST(Workspace, ArraysOfOnePhaseDoNotOverlap) {
  const ModelConfig c = config();
  const BatchLimits limits{.tokens = 7, .logit_rows = 3};
  const size_t bytes = Workspace::lay_out(c, limits, nullptr).bytes;
  alignas(64) static std::byte memory[1 << 16];
  ASSERT_LE(bytes, sizeof memory);
  const Workspace w = Workspace::lay_out(c, limits, memory);
  EXPECT_EQ(w.bytes, bytes);
  const uint64_t t = 7, slots = 14, f = sizeof(float);
  const std::vector<Part> always = {
      {w.frequencies, 5 * f}, {w.positions, t * 4},   {w.frequency_sets, t * 4}, {w.slots, t * 8},
      {w.x, t * 48 * f},      {w.normed, t * 48 * f}, {w.part, t * 48 * f}};
  const std::vector<Part> phases[] = {
      {{w.queries, t * 60 * f},
       {w.keys, t * 20 * f},
       {w.values, t * 20 * f},
       {w.attended, t * 60 * f}},
      {{w.gate, t * 100 * f},
       {w.up, t * 100 * f},
       {w.router_logits, t * 4 * f},
       {w.chosen, slots * 4},
       {w.chosen_weights, slots * f},
       {w.slot_gate, slots * 30 * f},
       {w.slot_up, slots * 30 * f},
       {w.slot_out, slots * 48 * f},
       {w.shared_gates, t * f}},
      {{w.picked, 3 * 48 * f}, {w.logits, 3 * 1000 * f}},
  };
  for (const std::vector<Part>& phase : phases) {
    std::vector<Part> alive = always;
    alive.insert(alive.end(), phase.begin(), phase.end());
    expect_apart(memory, bytes, alive);
  }
}

TEST(Workspace, ParallelResidualsKeepBothNorms) {
  ModelConfig c = config();
  EXPECT_EQ(Workspace::lay_out(c, {}, nullptr).ffn_normed,
            Workspace::lay_out(c, {}, nullptr).normed);
  c.parallel_residual = true;
  EXPECT_NE(Workspace::lay_out(c, {}, nullptr).ffn_normed,
            Workspace::lay_out(c, {}, nullptr).normed);
}

TEST(BatchLimits, AreChecked) {
  EXPECT_TRUE((BatchLimits{.tokens = 1, .logit_rows = 1}.check().ok()));
  EXPECT_TRUE((BatchLimits{.tokens = kBatchTokensMax, .logit_rows = 9}.check().ok()));
  for (const BatchLimits& bad : {BatchLimits{0, 0}, BatchLimits{4, 5}, BatchLimits{4, 0},
                                 BatchLimits{kBatchTokensMax + 1, 1}}) {
    EXPECT_EQ(bad.check().code(), Code::kInvalid);
  }
}

}  // namespace
}  // namespace llmos
