// SPDX-License-Identifier: Apache-2.0
// Files that other programs wrote.
#include <gtest/gtest.h>

#include <filesystem>

#include "format/checkpoint.h"
#include "format/shared_data.h"

namespace llmos {
namespace {

TEST(RealFiles, StoriesInF32) {
  const std::string path = test::shared_data("models/stories260K/stories260K-f32.gguf");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const Result<Checkpoint> checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
  EXPECT_EQ(checkpoint->kind(), CheckpointKind::kGguf);
  EXPECT_EQ(*checkpoint->metadata().string("general.architecture"), "llama");
  EXPECT_EQ(*checkpoint->metadata().integer("llama.block_count", 1, 100), 5);
  EXPECT_EQ(checkpoint->metadata().strings("tokenizer.ggml.tokens")->size(), 512u);
  const TensorInfo* info = checkpoint->find("token_embd.weight");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->shape, (Shape{512, 64}));
  EXPECT_EQ(info->dtype, DType::kF32);
  EXPECT_EQ(info->bytes, 512u * 64 * 4);
  uint64_t elements = 0;
  for (const TensorInfo& tensor : checkpoint->tensors()) elements += *tensor.shape.elements();
  EXPECT_EQ(elements, 292800u);  // with the output matrix, which that file does not tie
}

// Every GGUF file there opens, shows its tensors and has a vocabulary.
TEST(RealFiles, EveryGgufOpens) {
  const std::string root = test::shared_data("");
  if (!std::filesystem::exists(root)) GTEST_SKIP() << root << " is not there";
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".gguf") continue;
    const std::string path = entry.path().string();
    const Result<Checkpoint> checkpoint = Checkpoint::open(path);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
    EXPECT_TRUE(checkpoint->metadata().string("general.architecture").ok()) << path;
    EXPECT_TRUE(checkpoint->metadata().strings("tokenizer.ggml.tokens").ok()) << path;
    for (const TensorInfo& info : checkpoint->tensors()) {
      const Result<TensorView> view = checkpoint->view(info);
      ASSERT_TRUE(view.ok()) << view.status().to_string();
      EXPECT_EQ(view->bytes(), info.bytes);
    }
    ++count;
  }
  EXPECT_GE(count, 5);
}

}  // namespace
}  // namespace llmos
