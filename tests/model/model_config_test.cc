// SPDX-License-Identifier: Apache-2.0
#include "model/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace llmos {
namespace {

using ::testing::HasSubstr;

ModelConfig valid() {
  ModelConfig c;
  c.architecture = "llama";
  c.dim = 64;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 16;
  c.ffn_dim = 128;
  c.vocabulary = 100;
  c.context = 512;
  c.rope.rotary = 16;
  c.attention_scale = 0.25;
  c.layers.resize(2);
  return c;
}

ModelConfig valid_experts() {
  ModelConfig c = valid();
  c.experts = {.count = 8, .chosen = 2, .dim = 32};
  for (LayerConfig& layer : c.layers) layer.experts = true;
  return c;
}

TEST(ModelConfig, AcceptsWhatModelsAre) {
  EXPECT_TRUE(valid().validate().ok()) << valid().validate().to_string();
  ModelConfig c = valid_experts();
  c.ffn_dim = 0;  // no dense layer
  EXPECT_TRUE(c.validate().ok()) << c.validate().to_string();
  c.layers[1].experts = false;
  EXPECT_FALSE(c.validate().ok());
}

TEST(ModelConfig, EveryRuleNamesItsField) {
  using Change = std::function<void(ModelConfig&)>;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::pair<Change, const char*> changes[] = {
      {[](ModelConfig& c) { c.layers.clear(); }, "layers: expected 1 to 1024, found 0"},
      {[](ModelConfig& c) { c.layers.resize(5000); }, "layers"},
      {[](ModelConfig& c) { c.dim = 0; }, "embedding length"},
      {[](ModelConfig& c) { c.dim = UINT32_MAX; }, "embedding length"},
      {[](ModelConfig& c) { c.heads = 0; }, "heads"},
      {[](ModelConfig& c) { c.kv_heads = 0; }, "key and value heads"},
      {[](ModelConfig& c) { c.kv_heads = 3; }, "multiple of the key and value heads"},
      {[](ModelConfig& c) { c.kv_heads = 8; }, "key and value heads"},
      {[](ModelConfig& c) { c.head_dim = 513; }, "head length"},
      {[](ModelConfig& c) { c.ffn_dim = 0; }, "feed-forward length"},
      {[](ModelConfig& c) { c.vocabulary = 1u << 25; }, "vocabulary"},
      {[](ModelConfig& c) { c.context = 0; }, "context length"},
      {[](ModelConfig& c) { c.pre_norm = false; }, "norms"},
      {[](ModelConfig& c) { c.layers[0].window = UINT32_MAX; }, "attention window"},
      {[](ModelConfig& c) { c.layers[0].experts = true; }, "experts"},
      {[=](ModelConfig& c) { c.norm_epsilon = nan; }, "norm epsilon"},
      {[=](ModelConfig& c) { c.attention_scale = infinity; }, "attention scale"},
      {[](ModelConfig& c) { c.attention_softcap = -1; }, "attention soft cap"},
      {[=](ModelConfig& c) { c.logit_softcap = nan; }, "logit soft cap"},
      {[=](ModelConfig& c) { c.embedding_scale = nan; }, "embedding scale"},
      {[=](ModelConfig& c) { c.residual_scale = infinity; }, "residual scale"},
      {[=](ModelConfig& c) { c.logit_scale = infinity; }, "logit scale"},
      {[](ModelConfig& c) { c.rope.rotary = 0; }, "rope dimensions"},
      {[](ModelConfig& c) { c.rope.rotary = 18; }, "rope dimensions"},
      {[](ModelConfig& c) { c.rope.rotary = 7; }, "even"},
      {[](ModelConfig& c) { c.rope.theta = 1; }, "rope theta"},
      {[](ModelConfig& c) { c.rope.factor = 0; }, "rope scaling factor"},
      {[](ModelConfig& c) { c.rope.scaling = RopeScaling::kYarn; }, "original context"},
      {[](ModelConfig& c) { c.rope.scaling = RopeScaling::kFactors; }, "rope factors"},
      {[](ModelConfig& c) {
         c.rope.scaling = RopeScaling::kFactors;
         c.rope.factors.assign(8, 0);
       },
       "rope factors"},
      {[](ModelConfig& c) {
         c.rope.scaling = RopeScaling::kLongRope;
         c.rope.original_context = 64;
         c.rope.factors.assign(8, 1);
         c.rope.long_factors.assign(7, 1);
       },
       "long rope factors: expected 8 values, found 7"},
      {[](ModelConfig& c) {
         c.rope.scaling = RopeScaling::kLlama3;
         c.rope.original_context = 64;
         c.rope.low_frequency_factor = 4;
       },
       "high frequency factor > low frequency factor"},
      {[](ModelConfig& c) {
         for (LayerConfig& layer : c.layers) layer.rope = LayerConfig::Rope::kLocal;
       },
       "rope dimensions"},
      {[](ModelConfig& c) {  // a table that no layer uses
         for (LayerConfig& layer : c.layers) layer.rope = LayerConfig::Rope::kNone;
         c.rope.scaling = RopeScaling::kFactors;
       },
       "rope factors"},
  };
  for (const auto& [change, expected] : changes) {
    ModelConfig c = valid();
    change(c);
    const Status status = c.validate();
    EXPECT_EQ(status.code(), Code::kInvalid) << expected;
    EXPECT_THAT(status.message(), HasSubstr("llama model: "));
    EXPECT_THAT(status.message(), HasSubstr(expected));
  }
}

TEST(ModelConfig, ExpertsHaveRulesToo) {
  using Change = std::function<void(ModelConfig&)>;
  const std::pair<Change, const char*> changes[] = {
      {[](ModelConfig& c) { c.experts.chosen = 9; }, "experts per token: expected 1 to 8, found 9"},
      {[](ModelConfig& c) { c.experts.chosen = 0; }, "experts per token"},
      {[](ModelConfig& c) { c.experts.dim = 0; }, "expert feed-forward length"},
      {[](ModelConfig& c) { c.experts.count = 100000; }, "experts"},
      {[](ModelConfig& c) { c.experts.shared_dim = UINT32_MAX; }, "shared expert"},
      {[](ModelConfig& c) { c.post_norm = true; }, "unsupported"},
      {[](ModelConfig& c) { c.gated = false; }, "unsupported"},
  };
  for (const auto& [change, expected] : changes) {
    ModelConfig c = valid_experts();
    change(c);
    EXPECT_THAT(c.validate().message(), HasSubstr(expected));
  }
}

}  // namespace
}  // namespace llmos
