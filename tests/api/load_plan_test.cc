// SPDX-License-Identifier: Apache-2.0
#include "api/load_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "api/golden_model.h"
#include "kv/block_pool.h"
#include "model/architecture.h"
#include "model/transformer.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

// Every golden model, in both kinds of files.
std::vector<std::string> golden_paths() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(test::golden_path(""))) {
    for (const char* name : {"model.gguf", "model-00001-of-00002.gguf", "hf"}) {
      if (std::filesystem::exists(entry.path() / name)) paths.push_back(entry.path() / name);
    }
  }
  return paths;
}

TEST(LoadPlan, IsWhatALoadTakesToTheByte) {
  const std::vector<std::string> paths = golden_paths();
  ASSERT_GE(paths.size(), 50u);
  const ModelOptions all[] = {{},
                              {.weights = "mapped"},
                              {.context = 33, .batch_tokens = 7, .kv_type = "f16"},
                              {.context = 1, .kv_type = "bf16"}};
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    for (const ModelOptions& options : all) {
      const ModelPlan said = plan(path, options).value();
      const Checkpoint checkpoint = Checkpoint::open(path).value();
      const LoadPlan load =
          make_load_plan(checkpoint, read_model(checkpoint).value(), options).value();
      auto device = ComputeDevice::create({.threads = 1}).value();
      const Transformer model =
          Transformer::load(checkpoint, *device, load.limits, nullptr, load.repack).value();
      EXPECT_EQ(device->bytes_used(), said.weights_copied + said.workspace);
      EXPECT_EQ(model.weights().bytes().mapped, said.weights_mapped);
      const BlockPool pool(device->allocate(load.bytes.kv_bytes).value(), load.layout);
      EXPECT_EQ(device->bytes_used(), said.weights_copied + said.workspace + said.kv_bytes);
      EXPECT_EQ(said.total, device->bytes_used() + said.weights_mapped);
      EXPECT_GE(pool.capacity(), load.blocks);
    }
  }
}

TEST(LoadPlan, IsWhatAnOpenModelSays) {
  const ModelOptions options{.threads = 1, .context = 40, .batch_tokens = 8};
  const std::string path = test::golden_path("gemma2/model.gguf");
  const ModelPlan said = plan(path, options).value();
  const ModelPlan found = Model::open(path, options)->plan();
  EXPECT_EQ(found.total, said.total);
  EXPECT_EQ(found.kv_bytes, said.kv_bytes);
  EXPECT_EQ(found.context, 40u);
}

TEST(LoadPlan, QuantisedWeightsAreRepackedUnlessTheyAreToStay) {
  const std::string path = test::golden_path("llama_q4_0/model.gguf");
  const ModelPlan repacked = plan(path, {.weights = "repacked"}).value();
  const ModelPlan mapped = plan(path, {.weights = "mapped"}).value();
  EXPECT_EQ(plan(path)->weights_repacked, repacked.weights_repacked);
  EXPECT_GT(repacked.weights_repacked, 0u);
  EXPECT_GE(repacked.weights_copied, repacked.weights_repacked);
  EXPECT_LT(repacked.weights_mapped, mapped.weights_mapped);
  EXPECT_EQ(mapped.weights_repacked, 0u);
  EXPECT_EQ(plan(path, {.kernels = "ref", .weights = "repacked"})->weights_repacked, 0u)
      << "plain loops know no other layout";
}

// llama2: 2 layers of 3 heads of 16, keys and values.
TEST(LoadPlan, BytesPerTokenFollowTheType) {
  const std::string path = test::golden_path("llama2/model.gguf");
  EXPECT_EQ(plan(path, {.kv_type = "f32"})->kv_bytes_per_token, 2u * 2 * 3 * 16 * 4);
  EXPECT_EQ(plan(path, {.kv_type = "f16"})->kv_bytes_per_token, 2u * 2 * 3 * 16 * 2);
  EXPECT_EQ(plan(path, {.kv_type = "bf16"})->kv_bytes_per_token, 2u * 2 * 3 * 16 * 2);
}

TEST(LoadPlan, WrongOptionsAreNamed) {
  const std::string path = test::golden_path("llama2/model.gguf");
  const auto message = [](const std::string& file, const ModelOptions& options) {
    const Status status = plan(file, options).status();
    EXPECT_EQ(status.code(), Code::kInvalid);
    return status.message();
  };
  EXPECT_THAT(message(path, {.kv_type = "q4_0"}), HasSubstr("kv_type: expected f32, f16"));
  EXPECT_THAT(message(path, {.weights = "maped"}), HasSubstr("weights: expected auto, mapped"));
  EXPECT_THAT(message(path, {.kv_type = std::string(1000, 'x')}), HasSubstr("kv_type"));
  EXPECT_THAT(message(path, {.context = UINT32_MAX}), HasSubstr("context: expected at most"));
  EXPECT_THAT(message(path, {.batch_tokens = UINT32_MAX}), HasSubstr("batch limits: expected"));
  // Heads of 16 are no whole blocks of Q8_0.
  EXPECT_FALSE(plan(path, {.kv_type = "q8_0"}).ok());
  // Learned positions end the context.
  EXPECT_THAT(message(test::golden_path("gpt2/model.gguf"), {.context = 100000}),
              HasSubstr("tokens for this model, found 100000"));
  EXPECT_EQ(plan("/nowhere.gguf").status().code(), Code::kNotFound);
}

TEST(LoadPlan, WithoutOptionsTheContextIsTheModels) {
  EXPECT_EQ(plan(test::golden_path("llama2/model.gguf"))->context, 128u);
}

}  // namespace
}  // namespace llmos
