// SPDX-License-Identifier: Apache-2.0
// Opening a model while memory runs out: whichever allocation fails, the answer is a status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/checkpoint.h"
#include "format/failing_new.h"
#include "format/gguf_bytes.h"
#include "format/safetensors_bytes.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

void expect_statuses(const std::string& path) {
  size_t refused = 0;
  for (size_t call = 0;; ++call) {
    ASSERT_LT(call, 10000u);
    const test::FailingNew failing(call);
    const Result<Checkpoint> checkpoint = Checkpoint::open(path);
    if (!failing.failed()) {
      EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().to_string();
      EXPECT_GE(refused + 1, call);
      EXPECT_GT(refused, 10u);
      return;
    }
    if (checkpoint.ok()) continue;  // a buffer that could not be made smaller stays as it is
    EXPECT_EQ(checkpoint.status().code(), Code::kExhausted)
        << call << ' ' << checkpoint.status().to_string();
    ++refused;
  }
}

TEST(ShortMemory, Gguf) {
  const test::TempDir dir;
  test::GgufBytes bytes(1, 2);
  bytes.key("general.architecture", 8).string("llama").array("words", 8, 2).string("a").string("b");
  bytes.tensor("a tensor with a long name.weight", {8}, 0, 0).pad().data(32);
  expect_statuses(dir.write("m.gguf", bytes.str()));
}

TEST(ShortMemory, HuggingFaceDirectory) {
  const test::TempDir dir;
  dir.write("config.json", R"({"architectures":["LlamaForCausalLM"],"hidden_size":64})");
  dir.write(
      "a-long-name-of-a-shard.safetensors",
      test::safetensors_bytes(
          R"({"model.norm.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678"));
  dir.write("model.safetensors.index.json",
            R"({"weight_map":{"model.norm.weight":"a-long-name-of-a-shard.safetensors"}})");
  expect_statuses(dir.path());
}

}  // namespace
}  // namespace llmos
