// SPDX-License-Identifier: Apache-2.0
// Descriptions of models, right and hostile. That the right ones mean what they should is proved by
// golden_test.cc.
#include "model/architecture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/os_file.h"
#include "format/memory_source.h"
#include "model/gguf_image.h"

namespace llmos::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kModels = std::string(LLMOS_SOURCE_DIR) + "/tests/golden/models/";

Result<ModelFile> read_gguf(const GgufImage& image) {
  MemorySource source(MemorySource::Mode::kInMemory);
  source.add("model.gguf", image.bytes());
  const Result<Checkpoint> checkpoint = Checkpoint::open("model.gguf", {.source = &source});
  if (!checkpoint.ok()) return checkpoint.status();
  return read_model(*checkpoint);
}

// The golden directory with another config.json.
class HfImage {
 public:
  explicit HfImage(const std::string& name) : folder_(kModels + name + "/hf/") {
    config = parse_json(os::read_file(folder_ + "config.json", 1 << 20).value()).value();
  }
  Result<ModelFile> read() const {
    MemorySource source(MemorySource::Mode::kInMemory);
    source.add("hf/config.json", config.dump());
    source.add("config.json", config.dump());
    const std::string weights = os::read_file(folder_ + "model.safetensors", 1 << 24).value();
    source.add("hf/model.safetensors", weights);
    source.add("model.safetensors", weights);
    const Result<Checkpoint> checkpoint = Checkpoint::open("hf", {.source = &source});
    if (!checkpoint.ok()) return checkpoint.status();
    return read_model(*checkpoint);
  }
  Json config;

 private:
  std::string folder_;
};

const std::string kLlama = kModels + "llama2/model.gguf";

TEST(Architecture, AreInOrderAndNamedOnce) {
  std::vector<std::string_view> names;
  for (const Architecture* architecture : architectures()) names.push_back(architecture->name);
  EXPECT_EQ(names.size(), 16u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_THAT(supported_architectures(), AllOf(HasSubstr("mixtral"), HasSubstr("gpt-oss")));
}

TEST(Architecture, OfOtherNamesIsUnsupportedAndSaysWhatIsSupported) {
  GgufImage image(kLlama);
  image.keys.set("general.architecture", "whale");
  const Status gguf = read_gguf(image).status();
  EXPECT_EQ(gguf.code(), Code::kUnsupported);
  EXPECT_THAT(gguf.message(), AllOf(HasSubstr("unsupported architecture \"whale\"; supported: "),
                                    HasSubstr("gemma, gemma2"), HasSubstr("llama")));
  HfImage hf("llama2");
  hf.config.set("model_type", "whale");
  EXPECT_THAT(hf.read().status().message(), HasSubstr("unsupported architecture \"whale\""));
  // A name of a megabyte does not make a message of a megabyte.
  image.keys.set("general.architecture", std::string(1 << 20, 'x'));
  EXPECT_LT(read_gguf(image).status().message().size(), 1000u);
  image.keys.remove("general.architecture");
  EXPECT_EQ(read_gguf(image).status().code(), Code::kUnsupported);
  image.keys.set("general.architecture", uint32_t{7});
  EXPECT_EQ(read_gguf(image).status().code(), Code::kInvalid);
}

TEST(Architecture, MissingKeysAreNamed) {
  for (const char* key : {"block_count", "embedding_length", "attention.head_count",
                          "context_length", "attention.layer_norm_rms_epsilon"}) {
    GgufImage image(kLlama);
    image.keys.remove(std::string("llama.") + key);
    const Status status = read_gguf(image).status();
    EXPECT_EQ(status.code(), Code::kNotFound) << key;
    EXPECT_THAT(status.message(), HasSubstr(std::string("llama.") + key + ": expected"));
  }
  for (const char* key : {"hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
                          "max_position_embeddings"}) {
    HfImage hf("llama2");
    hf.config.set(key, nullptr);
    EXPECT_THAT(hf.read().status().message(), HasSubstr(std::string("config.json.") + key));
  }
}

TEST(Architecture, AbsurdNumbersAreRefused) {
  for (const char* key :
       {"block_count", "embedding_length", "attention.head_count", "attention.head_count_kv",
        "attention.key_length", "feed_forward_length", "context_length", "rope.dimension_count",
        "expert_count", "attention.sliding_window"}) {
    for (const int64_t value : {int64_t{-1}, INT64_MAX, INT64_MIN, int64_t{UINT32_MAX}}) {
      GgufImage image(kLlama);
      image.keys.set(std::string("llama.") + key, value);
      const Status status = read_gguf(image).status();
      EXPECT_EQ(status.code(), Code::kInvalid) << key << " " << value << status.to_string();
      EXPECT_THAT(status.message(), HasSubstr(key));
    }
    GgufImage image(kLlama);
    image.keys.set(std::string("llama.") + key, "many");
    EXPECT_THAT(read_gguf(image).status().message(), HasSubstr(key));
  }
}

TEST(Architecture, NumbersThatDoNotFitEachOtherAreRefused) {
  const std::pair<const char*, uint32_t> changes[] = {{"llama.attention.head_count_kv", 3},
                                                      {"llama.rope.dimension_count", 3},
                                                      {"llama.attention.value_length", 2},
                                                      {"llama.attention.head_count", 7},
                                                      {"llama.block_count", 0},
                                                      {"llama.expert_count", 4}};
  for (const auto& [key, value] : changes) {
    GgufImage image(kLlama);
    image.keys.remove("llama.attention.key_length");
    image.keys.set(key, value);
    EXPECT_FALSE(read_gguf(image).ok()) << key;
  }
}

TEST(Architecture, ScalingsThatAreNotKnownAreRefused) {
  GgufImage image(kLlama);
  image.keys.set("llama.rope.scaling.type", "mystery");
  EXPECT_THAT(read_gguf(image).status().message(), HasSubstr("one of none, linear, yarn"));
  HfImage hf("llama2");
  hf.config.set("rope_scaling", parse_json(R"({"rope_type": "dynamic", "factor": 2})").value());
  EXPECT_THAT(hf.read().status().message(),
              HasSubstr("config.json.rope_scaling.rope_type: expected one of default, linear"));
  hf.config.set("rope_scaling", parse_json(R"({"type": "linear"})").value());
  EXPECT_THAT(hf.read().status().message(), HasSubstr("rope_scaling.factor: expected"));
  hf.config.set("rope_scaling", parse_json(R"({"rope_type": "longrope", "factor": 2,
      "short_factor": [1], "long_factor": [1]})")
                                    .value());
  EXPECT_THAT(hf.read().status().message(), HasSubstr("rope"));
}

TEST(Architecture, AnEmbeddingThatIsNoMatrixIsRefused) {
  GgufImage image(kLlama);
  image.remove("token_embd.weight");
  EXPECT_THAT(read_gguf(image).status().message(),
              HasSubstr("tensor token_embd.weight: expected a matrix"));
  image.add("token_embd.weight", DType::kF32, {64});
  EXPECT_EQ(read_gguf(image).status().code(), Code::kCorrupt);
}

TEST(Architecture, ListsMustHaveAValueForEachLayer) {
  HfImage hf("gemma2");
  hf.config.set("layer_types", parse_json(R"(["sliding_attention"])").value());
  EXPECT_THAT(hf.read().status().message(), HasSubstr("layer_types: expected one kind"));
  hf.config.set("layer_types", parse_json(R"(["round", "round", "round"])").value());
  EXPECT_THAT(hf.read().status().message(), HasSubstr("layer_types"));
  GgufImage image(kModels + "gemma3/model.gguf");
  image.keys.set_array("gemma3.attention.sliding_window_pattern", std::vector<bool>{true});
  EXPECT_THAT(read_gguf(image).status().message(), HasSubstr("sliding_window_pattern"));
}

// Newer writers say which layers slide.
TEST(Architecture, GgufPatternsSayWhichLayersSlide) {
  GgufImage image(kModels + "gemma3/model.gguf");
  const size_t layers = read_gguf(image)->config.layers.size();
  std::vector<bool> pattern(layers, false);
  pattern[1] = true;
  image.keys.set_array("gemma3.attention.sliding_window_pattern", pattern);
  ModelConfig config = read_gguf(image)->config;
  for (size_t i = 0; i < layers; ++i) {
    EXPECT_EQ(config.layers[i].window > 0, i == 1);
    EXPECT_EQ(config.layers[i].rope == LayerConfig::Rope::kLocal, i == 1);
  }
  image.keys.set("gemma3.attention.sliding_window_pattern", uint32_t{2});
  config = read_gguf(image)->config;
  for (size_t i = 0; i < layers; ++i) EXPECT_EQ(config.layers[i].window > 0, i % 2 == 0);
}

TEST(Architecture, AConfigThatIsNoObjectIsRefused) {
  HfImage hf("llama2");
  hf.config = Json::array();
  EXPECT_FALSE(hf.read().ok());
}

}  // namespace
}  // namespace llmos::test
