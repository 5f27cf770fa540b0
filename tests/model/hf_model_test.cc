// SPDX-License-Identifier: Apache-2.0
// What config.json files have in common. That the usual ones mean what they should is proved by
// golden_test.cc; here is what those do not show.
#include "model/hf_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/hf_image.h"

namespace llmos::test {
namespace {

using ::testing::HasSubstr;

class HfModel : public testing::Test {
 protected:
  Result<ModelFile> read() {
    MemorySource source(MemorySource::Mode::kInMemory);
    image_.add_to(source);
    return read_model(Checkpoint::open("hf", {.source = &source}).value());
  }
  RopeConfig rope(const char* scaling) {
    image_.config.set("rope_scaling", parse_json(scaling).value());
    return read().value().config.rope;
  }
  std::string error() { return read().status().message(); }

  HfImage image_{std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/llama2/hf"};
};

TEST_F(HfModel, ScalingsAreRead) {
  EXPECT_EQ(rope(R"({"type": "linear", "factor": 3})").scaling, RopeScaling::kLinear);
  EXPECT_EQ(rope(R"({"rope_type": "default"})").scaling, RopeScaling::kNone);
  const RopeConfig llama3 = rope(R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
      "high_freq_factor": 4, "original_max_position_embeddings": 64})");
  EXPECT_EQ(llama3.scaling, RopeScaling::kLlama3);
  EXPECT_EQ(llama3.original_context, 64);
  const RopeConfig yarn = rope(R"({"rope_type": "yarn", "factor": 4})");
  EXPECT_EQ(yarn.original_context, 128) << "without its own: the model's";
  EXPECT_NEAR(yarn.magnitude, 0.1 * std::log(4) + 1, 1e-6);
  EXPECT_EQ(rope(R"({"rope_type": "yarn", "factor": 4, "attention_factor": 2})").magnitude, 2);
  // Both magnitudes the same: they cancel each other.
  EXPECT_EQ(
      rope(R"({"rope_type": "yarn", "factor": 4, "mscale": 0.7, "mscale_all_dim": 0.7})").magnitude,
      1);
  const RopeConfig su = rope(R"({"type": "su", "short_factor": [1,1,1,1,1,1,1,1],
      "long_factor": [2,2,2,2,2,2,2,2], "original_max_position_embeddings": 64})");
  EXPECT_EQ(su.scaling, RopeScaling::kLongRope);
  EXPECT_EQ(su.long_factors.size(), 8u);
}

// Files of transformers 5 have theta and scaling in one object.
TEST_F(HfModel, RopeParametersAreReadInTheirNewPlace) {
  image_.config.set("rope_theta", nullptr);
  image_.config.set("rope_parameters", parse_json(R"({"rope_type": "linear", "factor": 3,
      "rope_theta": 5000, "partial_rotary_factor": 0.5})")
                                           .value());
  const RopeConfig rope = read().value().config.rope;
  EXPECT_EQ(rope.theta, 5000);
  EXPECT_EQ(rope.rotary, 8u);
  EXPECT_EQ(rope.scaling, RopeScaling::kLinear);
}

TEST_F(HfModel, WrongScalingsAreRefused) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"rope_type": "linear", "factor": 0})", "rope scaling factor"},
      {R"({"rope_type": "linear", "factor": "4"})", "rope_scaling.factor: expected"},
      {R"({"rope_type": "llama3", "factor": 8})", "low_freq_factor: expected"},
      {R"({"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
          "original_max_position_embeddings": 64})",
       "high frequency factor > low"},
      {R"({"rope_type": "longrope", "short_factor": [1], "long_factor": [1]})",
       "rope factors: expected 8 values, found 1"},
      {R"({"rope_type": "longrope", "short_factor": [0,1,1,1,1,1,1,1],
          "long_factor": [1,1,1,1,1,1,1,1]})",
       "rope factors"},
      {R"({"rope_type": 7})", "rope_type: expected"},
      {R"({"rope_type": "yarn", "factor": 1e300})", "rope scaling factor"}};
  for (const auto& [scaling, message] : wrong) {
    image_.config.set("rope_scaling", parse_json(scaling).value());
    EXPECT_THAT(error(), HasSubstr(message)) << scaling;
  }
}

TEST_F(HfModel, ActivationsAreKnownByName) {
  const std::pair<const char*, kernels::Activation> known[] = {
      {"silu", kernels::Activation::kSilu},
      {"gelu", kernels::Activation::kGelu},
      {"gelu_new", kernels::Activation::kGeluTanh},
      {"gelu_pytorch_tanh", kernels::Activation::kGeluTanh},
      {"relu", kernels::Activation::kRelu}};
  for (const auto& [name, activation] : known) {
    image_.config.set("hidden_act", name);
    EXPECT_EQ(read().value().config.activation, activation) << name;
  }
  image_.config.set("hidden_act", "quick_gelu");
  EXPECT_THAT(error(), HasSubstr("config.json.hidden_act: expected one of silu, gelu"));
}

TEST_F(HfModel, SizesThatDoNotFitAreRefused) {
  image_.config.set("head_dim", nullptr);
  image_.config.set("num_attention_heads", 7);
  EXPECT_THAT(error(), HasSubstr("num_attention_heads: expected a divisor of hidden_size"));
  image_.config.set("num_attention_heads", 3);
  EXPECT_EQ(read().value().config.head_dim, 16u);
  for (const double share : {0.0, 1.5, -1.0}) {
    image_.config.set("partial_rotary_factor", share);
    EXPECT_FALSE(read().ok()) << share;
  }
}

TEST_F(HfModel, TheModelsPrefixIsLeftOutWhereTheFileDoes) {
  MemorySource source(MemorySource::Mode::kInMemory);
  image_.add_to(source);
  const Checkpoint checkpoint = Checkpoint::open("hf", {.source = &source}).value();
  const ModelReader reader{checkpoint, Fields(checkpoint.config(), "config.json")};
  EXPECT_EQ(hf_prefix(reader, "model.", "embed_tokens.weight"), "model.");
  EXPECT_EQ(hf_prefix(reader, "transformer.", "lm_head.weight"), "");
}

}  // namespace
}  // namespace llmos::test
