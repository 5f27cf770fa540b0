// SPDX-License-Identifier: Apache-2.0
// Descriptions of models, right and hostile. That the right ones mean what they should is proved by
// golden_test.cc.
#include "model/architecture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "format/memory_source.h"
#include "model/gguf_image.h"
#include "model/hf_image.h"

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

Result<ModelFile> read_hf(const HfImage& image) {
  MemorySource source(MemorySource::Mode::kInMemory);
  image.add_to(source);
  const Result<Checkpoint> checkpoint = Checkpoint::open("hf", {.source = &source});
  if (!checkpoint.ok()) return checkpoint.status();
  return read_model(*checkpoint);
}

const std::string kLlama = kModels + "llama2/model.gguf";
const std::string kLlamaHf = kModels + "llama2/hf";

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
  HfImage hf(kLlamaHf);
  hf.config.set("model_type", "whale");
  EXPECT_THAT(read_hf(hf).status().message(), HasSubstr("unsupported architecture \"whale\""));
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
    HfImage hf(kLlamaHf);
    hf.config.set(key, nullptr);
    EXPECT_THAT(read_hf(hf).status().message(), HasSubstr(std::string("config.json.") + key));
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
  struct Change {
    const char* key;
    uint32_t value;
    const char* message;
  };
  const Change changes[] = {
      // the model has 3 heads of 16, as many of keys and values
      {"attention.head_count_kv", 2, "expected a multiple of the key and value heads"},
      {"attention.head_count_kv", 4, "key and value heads: expected 1 to 3, found 4"},
      {"rope.dimension_count", 3, "rope dimensions: expected an even number"},
      {"rope.dimension_count", 18, "rope dimensions: expected 1 to 16, found 18"},
      {"attention.value_length", 2, "value_length: expected the same as attention.key_length"},
      {"attention.head_count", 7, "head_count: expected a divisor of embedding_length"},
      {"block_count", 0, "block_count: expected"},
      {"expert_count", 4, "expert_used_count: expected"}};
  for (const Change& change : changes) {
    GgufImage image(kLlama);
    image.keys.remove("llama.attention.key_length");
    image.keys.set(std::string("llama.") + change.key, change.value);
    const Status status = read_gguf(image).status();
    EXPECT_FALSE(status.ok()) << change.key;
    EXPECT_THAT(status.message(), HasSubstr(change.message)) << change.key;
  }
}

TEST(Architecture, ScalingsThatAreNotKnownAreRefused) {
  GgufImage image(kLlama);
  image.keys.set("llama.rope.scaling.type", "mystery");
  EXPECT_THAT(read_gguf(image).status().message(), HasSubstr("one of none, linear, yarn"));
  HfImage hf(kLlamaHf);
  hf.config.set("rope_scaling", parse_json(R"({"rope_type": "dynamic", "factor": 2})").value());
  EXPECT_THAT(read_hf(hf).status().message(),
              HasSubstr("config.json.rope_scaling.rope_type: expected one of default, linear"));
  hf.config.set("rope_scaling", parse_json(R"({"type": "linear"})").value());
  EXPECT_THAT(read_hf(hf).status().message(), HasSubstr("rope_scaling.factor: expected"));
  hf.config.set("rope_scaling", parse_json(R"({"rope_type": "longrope", "factor": 2,
      "short_factor": [1], "long_factor": [1]})")
                                    .value());
  EXPECT_THAT(read_hf(hf).status().message(), HasSubstr("rope"));
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
  HfImage hf(kModels + "gemma2/hf");
  hf.config.set("layer_types", parse_json(R"(["sliding_attention"])").value());
  EXPECT_THAT(read_hf(hf).status().message(), HasSubstr("layer_types: expected one kind"));
  hf.config.set("layer_types", parse_json(R"(["round", "round", "round"])").value());
  EXPECT_THAT(read_hf(hf).status().message(), HasSubstr("layer_types"));
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
  HfImage hf(kLlamaHf);
  hf.config = Json::array();
  EXPECT_FALSE(read_hf(hf).ok());
}

// One model of each architecture, by its golden folder.
constexpr const char* kOfEach[] = {"gemma",   "gemma2",   "gemma3",        "gpt2",      "gpt_oss",
                                   "gptneox", "granite",  "llama2",        "mistral",   "mixtral",
                                   "olmo2",   "phi3",     "phi3_longrope", "qwen2",     "qwen2moe",
                                   "qwen3",   "qwen3moe", "smollm3",       "starcoder2"};

// A configuration or a status whose message is short: never a crash, whatever the key holds.
void expect_answer(const Result<ModelFile>& file, const std::string& what) {
  constexpr size_t kMessageMax = 1000;
  if (file.ok()) {
    EXPECT_TRUE(file->config.validate().ok()) << what;
    EXPECT_EQ(file->sources.layers.size(), file->config.layers.size()) << what;
  } else {
    EXPECT_NE(file.status().code(), Code::kInternal) << what;
    EXPECT_LT(file.status().message().size(), kMessageMax) << what;
  }
}

// Every key of every architecture replaced by every kind of nonsense. That no key is passed over
// shows in the count of those that a text in place of a number makes wrong.
TEST(Architecture, EachRefusesNonsenseInGguf) {
  for (const std::string name : kOfEach) {
    const GgufImage image(kModels + name + "/model.gguf");
    const Checkpoint checkpoint = Checkpoint::open(kModels + name + "/model.gguf").value();
    const std::string prefix =
        std::string(checkpoint.metadata().string("general.architecture").value()) + ".";
    size_t refused = 0;
    for (const GgufEntry& entry : checkpoint.metadata().entries()) {
      if (!entry.key.starts_with(prefix)) continue;
      const std::string what = name + " " + std::string(entry.key);
      GgufImage changed = image;
      changed.keys.remove(entry.key);
      expect_answer(read_gguf(changed), what + " removed");
      for (const double number : {-1.0, 0.0, 0.5, 1e300, double(NAN), double(INFINITY)}) {
        changed.keys.set(entry.key, number);
        expect_answer(read_gguf(changed), what + " " + std::to_string(number));
      }
      for (const int64_t number : {INT64_MIN, int64_t{-1}, int64_t{1} << 31, INT64_MAX}) {
        changed.keys.set(entry.key, number);
        expect_answer(read_gguf(changed), what + " " + std::to_string(number));
      }
      changed.keys.set_array(entry.key, std::vector<int32_t>(3, -1));
      expect_answer(read_gguf(changed), what + " list");
      changed.keys.set(entry.key, "many");
      const Result<ModelFile> file = read_gguf(changed);
      expect_answer(file, what + " text");
      refused += !file.ok();
    }
    EXPECT_GE(refused, 6u) << name;
  }
}

TEST(Architecture, EachRefusesNonsenseInConfigJson) {
  const Json nonsense[] = {
      Json(),      Json(-1),     Json(0),    Json(0.5),     Json(int64_t{1} << 40),
      Json(1e300), Json("many"), Json(true), Json::array(), Json::object()};
  for (const std::string name : kOfEach) {
    const HfImage image(kModels + name + "/hf");
    size_t refused = 0;
    for (const JsonMember& member : image.config.members()) {
      HfImage changed = image;
      bool any = false;
      for (const Json& value : nonsense) {
        changed.config.set(member.key, value);
        const Result<ModelFile> file = read_hf(changed);
        expect_answer(file, name + " " + member.key + " " + value.dump());
        any |= !file.ok();
      }
      refused += any;
    }
    EXPECT_GE(refused, 8u) << name;
  }
}

}  // namespace
}  // namespace llmos::test
