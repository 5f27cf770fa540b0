// SPDX-License-Identifier: Apache-2.0
// What GGUF files have in common. That the usual files mean what they should is proved by
// golden_test.cc; here is what those do not show.
#include "model/gguf_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "format/memory_source.h"
#include "model/gguf_image.h"

namespace llmos::test {
namespace {

using ::testing::HasSubstr;

const std::string kModels = std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/";

class GgufModel : public testing::Test {
 protected:
  Checkpoint open() {
    source_.add("m.gguf", image_.bytes());
    return Checkpoint::open("m.gguf", {.source = &source_}).value();
  }
  Result<ModelFile> read() { return read_model(open()); }

  GgufImage image_{kModels + "llama2/model.gguf"};
  MemorySource source_;
};

TEST_F(GgufModel, KeysOfOneArchitectureBecomeAnObject) {
  image_.keys = GgufOutline();
  image_.keys.set("llama.block_count", uint32_t{3});
  image_.keys.set("llama.rope.freq_base", 2.5f);
  image_.keys.set("llama.name", "x");
  image_.keys.set("llama", uint32_t{1});
  image_.keys.set("llama2.block_count", uint32_t{9});
  image_.keys.set_array("llama.list", std::vector<bool>{true, false});
  image_.keys.set_array("llama.endless", std::vector<uint32_t>(kLayersMax + 1, 7));
  EXPECT_EQ(gguf_keys(open(), "llama").dump(),
            R"({"block_count":3,"rope.freq_base":2.5,"name":"x","list":[true,false]})");
}

TEST_F(GgufModel, ScalingsAreRead) {
  image_.keys.set("llama.rope.scaling.type", "linear");
  image_.keys.set("llama.rope.scaling.factor", 4.0f);
  EXPECT_EQ(read()->config.rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(read()->config.rope.factor, 4);
  image_.keys.set("llama.rope.scaling.type", "yarn");
  image_.keys.set("llama.rope.scaling.original_context_length", uint32_t{32});
  EXPECT_EQ(read()->config.rope.scaling, RopeScaling::kYarn);
  EXPECT_EQ(read()->config.rope.original_context, 32);
  EXPECT_NEAR(read()->config.rope.magnitude, 0.1 * std::log(4) + 1, 1e-6);
  // What files before there were types say.
  image_.keys.remove("llama.rope.scaling.type");
  image_.keys.remove("llama.rope.scaling.factor");
  image_.keys.set("llama.rope.scale_linear", 2.0f);
  EXPECT_EQ(read()->config.rope.scaling, RopeScaling::kLinear);
  EXPECT_EQ(read()->config.rope.factor, 2);
}

TEST_F(GgufModel, NumbersThatAreNoneAreRefused) {
  for (const float value : {NAN, INFINITY, -1.0f, 0.0f, 1e30f}) {
    for (const char* key : {"llama.rope.freq_base", "llama.rope.scaling.factor"}) {
      GgufImage image(kModels + "llama2/model.gguf");
      image.keys.set("llama.rope.scaling.type", "linear");
      image.keys.set(key, value);
      MemorySource source;
      source.add("m.gguf", image.bytes());
      EXPECT_FALSE(read_model(Checkpoint::open("m.gguf", {.source = &source}).value()).ok())
          << key << ' ' << value;
    }
  }
}

TEST_F(GgufModel, FactorsMustBeOneForEachPair) {
  image_.add("rope_freqs.weight", DType::kF32, {7});
  EXPECT_THAT(read().status().message(), HasSubstr("rope_freqs.weight: expected 8"));
}

TEST_F(GgufModel, BiasesAreThereWhenTheFirstLayerHasThem) {
  EXPECT_FALSE(read()->config.qkv_bias);
  image_.add("blk.0.attn_q.bias", DType::kF32, {48});
  image_.add("blk.0.ffn_up.bias", DType::kF32, {88});
  EXPECT_TRUE(read()->config.qkv_bias);
  EXPECT_FALSE(read()->config.output_bias);
  EXPECT_TRUE(read()->config.ffn_bias);
}

TEST_F(GgufModel, FusedTensorsAreDivided) {
  image_.remove("blk.1.attn_q.weight");
  image_.add("blk.1.attn_qkv.weight", DType::kF32, {144, 48});
  image_.remove("blk.1.ffn_gate.weight");
  const ModelFile file = read().value();
  EXPECT_EQ(file.sources.layers[0].key.weight.name, "blk.0.attn_k.weight");
  EXPECT_EQ(file.sources.layers[1].key.weight.name, "blk.1.attn_qkv.weight");
  EXPECT_EQ(file.sources.layers[1].key.weight.pick.row(0), 48u);
  EXPECT_EQ(file.sources.layers[1].ffn.up.weight.name, "blk.1.ffn_up.weight");
  EXPECT_EQ(file.sources.layers[1].ffn.up.weight.pick.row(0), 88u);
}

TEST_F(GgufModel, OldFilesKeepExpertsApart) {
  GgufImage image(kModels + "mixtral/model.gguf");
  image.add("blk.0.ffn_up.0.weight", DType::kF32, {4, 4});
  image_ = image;
  const ModelFile file = read().value();
  EXPECT_EQ(file.sources.layers[0].experts.up.weight.name, "blk.0.ffn_up.{}.weight");
  EXPECT_EQ(file.sources.layers[1].experts.up.weight.name, "blk.1.ffn_up_exps.weight");
}

}  // namespace
}  // namespace llmos::test
