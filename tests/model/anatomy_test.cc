// SPDX-License-Identifier: Apache-2.0
#include "model/anatomy.h"

#include <gtest/gtest.h>

#include <string>

namespace llmos::test {
namespace {

using Names = Anatomy<std::string, std::string>;

ModelConfig small() {
  ModelConfig c;
  c.dim = 8;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 3;
  c.ffn_dim = 20;
  c.vocabulary = 50;
  c.layers.resize(2);
  return c;
}

// Writes the shape of each part into its place.
struct Recorder {
  void matrix(const std::string&, uint32_t matrices, uint32_t rows, uint32_t columns,
              std::string& into) {
    into += std::to_string(matrices) + "x" + std::to_string(rows) + "x" + std::to_string(columns);
  }
  void vector(const std::string&, uint32_t matrices, uint32_t size, std::string& into) {
    into += std::to_string(matrices) + "x" + std::to_string(size);
  }
};

// The shapes of a model's parts, each in its place. A part met twice would hold two shapes.
Names shapes(const ModelConfig& config) {
  Names from, to;
  from.layers.resize(config.layers.size());
  to.layers.resize(config.layers.size());
  Recorder recorder;
  visit_parts(config, from, to, recorder);
  return to;
}

TEST(Anatomy, APlainModelHasTheShapesOfItsConfiguration) {
  const Names found = shapes(small());
  EXPECT_EQ(found.embedding, "1x50x8");
  EXPECT_EQ(found.positions, "");
  EXPECT_EQ(found.output_norm.weight, "1x8");
  EXPECT_EQ(found.head.weight, "1x50x8");
  for (const Names::Layer& layer : found.layers) {
    EXPECT_EQ(layer.attention_norm.weight, "1x8");
    EXPECT_EQ(layer.query.weight, "1x12x8");
    EXPECT_EQ(layer.key.weight, "1x6x8");
    EXPECT_EQ(layer.value.weight, "1x6x8");
    EXPECT_EQ(layer.output.weight, "1x8x12");
    EXPECT_EQ(layer.ffn_norm.weight, "1x8");
    EXPECT_EQ(layer.ffn.gate.weight, "1x20x8");
    EXPECT_EQ(layer.ffn.up.weight, "1x20x8");
    EXPECT_EQ(layer.ffn.down.weight, "1x8x20");
    for (const std::string& absent :
         {layer.query.bias, layer.output.bias, layer.ffn.up.bias, layer.attention_norm.bias,
          layer.query_norm.weight, layer.sinks, layer.attention_post_norm.weight,
          layer.router.weight, layer.experts.up.weight, layer.shared.up.weight}) {
      EXPECT_EQ(absent, "");
    }
  }
}

TEST(Anatomy, FeaturesAddTheirParts) {
  ModelConfig c = small();
  c.learned_positions = 30;
  c.tied_head = c.qkv_bias = c.output_bias = c.ffn_bias = c.norm_bias = true;
  c.post_norm = c.sinks = true;
  c.gated = false;
  c.qk_norm = QkNorm::kHead;
  Names found = shapes(c);
  EXPECT_EQ(found.positions, "1x30x8");
  EXPECT_EQ(found.head.weight, "");
  const Names::Layer& layer = found.layers[1];
  EXPECT_EQ(layer.attention_norm.bias, "1x8");
  EXPECT_EQ(layer.query.bias, "1x12");
  EXPECT_EQ(layer.key.bias, "1x6");
  EXPECT_EQ(layer.output.bias, "1x8");
  EXPECT_EQ(layer.query_norm.weight, "1x3");
  EXPECT_EQ(layer.key_norm.weight, "1x3");
  EXPECT_EQ(layer.sinks, "1x4");
  EXPECT_EQ(layer.attention_post_norm.weight, "1x8");
  EXPECT_EQ(layer.ffn_post_norm.bias, "1x8");
  EXPECT_EQ(layer.ffn.gate.weight, "");
  EXPECT_EQ(layer.ffn.up.bias, "1x20");
  EXPECT_EQ(layer.ffn.down.bias, "1x8");
  c.qk_norm = QkNorm::kWhole;
  c.pre_norm = false;
  found = shapes(c);
  EXPECT_EQ(found.layers[0].query_norm.weight, "1x12");
  EXPECT_EQ(found.layers[0].key_norm.weight, "1x6");
  EXPECT_EQ(found.layers[0].attention_norm.weight, "");
}

TEST(Anatomy, LayersWithExpertsHaveThemInPlaceOfTheDensePart) {
  ModelConfig c = small();
  c.experts = {.count = 5, .chosen = 2, .dim = 7, .router_bias = true, .bias = true};
  c.experts.shared_dim = 9;
  c.experts.shared_gate = true;
  c.layers[1].experts = true;
  const Names found = shapes(c);
  EXPECT_EQ(found.layers[0].router.weight, "");
  EXPECT_EQ(found.layers[0].ffn.up.weight, "1x20x8");
  const Names::Layer& layer = found.layers[1];
  EXPECT_EQ(layer.ffn.up.weight, "");
  EXPECT_EQ(layer.router.weight, "1x5x8");
  EXPECT_EQ(layer.router.bias, "1x5");
  EXPECT_EQ(layer.experts.gate.weight, "5x7x8");
  EXPECT_EQ(layer.experts.down.weight, "5x8x7");
  EXPECT_EQ(layer.experts.down.bias, "5x8");
  EXPECT_EQ(layer.shared.up.weight, "1x9x8");
  EXPECT_EQ(layer.shared.up.bias, "");
  EXPECT_EQ(layer.shared_gate.weight, "1x1x8");
}

}  // namespace
}  // namespace llmos::test
