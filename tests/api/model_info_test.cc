// SPDX-License-Identifier: Apache-2.0
#include "api/model_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/golden_model.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

TEST(ModelInfo, SaysTheSameOfBothFormats) {
  const ModelInfo gguf = inspect(test::golden_path("qwen2/model.gguf")).value();
  const ModelInfo hf = inspect(test::golden_path("qwen2/hf")).value();
  EXPECT_EQ(gguf.format, "gguf");
  EXPECT_EQ(hf.format, "safetensors");
  for (const ModelInfo& info : {gguf, hf}) {
    EXPECT_EQ(info.architecture, "qwen2");
    EXPECT_TRUE(info.runnable) << info.reason;
    EXPECT_EQ(info.kv_heads, 1u);
    EXPECT_EQ(info.heads, 5u);
    EXPECT_FALSE(info.metadata.empty());
    EXPECT_EQ(info.tensors.empty(), false);
  }
  EXPECT_EQ(gguf.layers, hf.layers);
  EXPECT_EQ(gguf.dim, hf.dim);
  EXPECT_EQ(gguf.ffn_dim, hf.ffn_dim);
  EXPECT_EQ(gguf.vocabulary, hf.vocabulary);
  EXPECT_EQ(gguf.parameters, hf.parameters);
}

TEST(ModelInfo, CountsTypes) {
  const ModelInfo info = inspect(test::golden_path("llama2/model.gguf")).value();
  uint64_t bytes = 0, elements = 0, tensors = 0;
  for (const TensorTypeUse& use : info.types) {
    bytes += use.bytes;
    elements += use.elements;
    tensors += use.tensors;
  }
  EXPECT_EQ(bytes, info.bytes);
  EXPECT_EQ(elements, info.parameters);
  EXPECT_EQ(tensors, info.tensors.size());
  EXPECT_GE(info.types[0].bytes, info.types.back().bytes);
}

TEST(ModelInfo, ShowsWhatCannotBeRun) {
  const test::TempDir dir;
  dir.write("config.json", R"({"model_type": "whale", "_name_or_path": "sea/whale"})");
  const std::string header = R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  std::string file(8, '\0');
  file[0] = char(header.size());
  dir.write("model.safetensors", file + header + std::string(4, '\0'));
  const ModelInfo info = inspect(dir.path()).value();
  EXPECT_FALSE(info.runnable);
  EXPECT_THAT(info.reason, HasSubstr("whale"));
  EXPECT_EQ(info.name, "sea/whale");
  EXPECT_EQ(info.parameters, 1u);
}

TEST(ModelInfo, NamesWhatIsMissing) {
  EXPECT_EQ(inspect("/nowhere/model.gguf").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace llmos
