// SPDX-License-Identifier: Apache-2.0
#include "format/hf_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/memory_source.h"
#include "format/safetensors_bytes.h"
#include "support/temp_dir.h"

namespace llmos {
namespace {

using ::testing::HasSubstr;

// A shard with tensors of one element each.
std::string shard(const std::vector<std::string>& names) {
  std::string header = "{";
  for (size_t i = 0; i < names.size(); ++i) {
    header += (i ? ",\"" : "\"") + names[i] + R"(":{"dtype":"F16","shape":[1],"data_offsets":[)" +
              std::to_string(2 * i) + "," + std::to_string(2 * i + 2) + "]}";
  }
  return test::safetensors_bytes(header + "}", std::string(2 * names.size(), 'x'));
}

class HfDirectory : public ::testing::Test {
 protected:
  void expect_refused(Code code, std::string_view message) {
    const Status status = open_hf_directory(WeightDirectory(dir_.path())).status();
    EXPECT_EQ(status.code(), code) << status.to_string();
    EXPECT_THAT(status.message(), HasSubstr(std::string(message)));
    EXPECT_THAT(status.message(), HasSubstr(dir_.path()));
  }
  void write_index(std::string_view weight_map) {
    dir_.write("model.safetensors.index.json",
               "{\"metadata\":{\"total_size\":4},\"weight_map\":" + std::string(weight_map) + "}");
  }

  test::TempDir dir_;
};

TEST_F(HfDirectory, OneFile) {
  dir_.write("config.json", R"({"model_type":"llama"})");
  dir_.write("model.safetensors", shard({"a", "b"}));
  dir_.write("model.safetensors.index.json", "not even JSON: the single file wins");
  const Result<HfModel> model = open_hf_directory(WeightDirectory(dir_.path()));
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  EXPECT_EQ(*model->config.find("model_type")->if_string(), "llama");
  EXPECT_TRUE(model->generation_config.is_null());
  EXPECT_EQ(model->files.size(), 1u);
  EXPECT_EQ(model->tensors.size(), 2u);
}

TEST_F(HfDirectory, Shards) {
  dir_.write("config.json", "{}");
  dir_.write("generation_config.json", R"({"eos_token_id":2})");
  dir_.write("model-00001-of-00002.safetensors", shard({"a", "extra"}));
  dir_.write("model-00002-of-00002.safetensors", shard({"b", "c"}));
  write_index(R"({"c":"model-00002-of-00002.safetensors","a":"model-00001-of-00002.safetensors",
                  "b":"model-00002-of-00002.safetensors"})");
  const Result<HfModel> model = open_hf_directory(WeightDirectory(dir_.path()));
  ASSERT_TRUE(model.ok()) << model.status().to_string();
  EXPECT_EQ(model->generation_config.find("eos_token_id")->if_int64(), 2);
  ASSERT_EQ(model->files.size(), 2u);
  EXPECT_EQ(model->files[1].name(), dir_ / "model-00002-of-00002.safetensors");
  ASSERT_EQ(model->tensors.size(), 4u);
  EXPECT_EQ(model->tensors[0].file, 0u);
  EXPECT_EQ(model->tensors[3].name, "c");
  EXPECT_EQ(model->tensors[3].file, 1u);
}

TEST_F(HfDirectory, SaysWhatIsMissing) {
  expect_refused(Code::kNotFound, "config.json");
  dir_.write("config.json", "{}");
  expect_refused(Code::kNotFound, "expected model.safetensors or model.safetensors.index.json");
  write_index(R"({"a":"s.safetensors"})");
  expect_refused(Code::kNotFound, "s.safetensors");
  dir_.write("s.safetensors", shard({"b"}));
  expect_refused(Code::kCorrupt, "expected tensor a, which the index says is here, found none");
}

TEST_F(HfDirectory, RefusesBrokenConfigs) {
  dir_.write("model.safetensors", shard({"a"}));
  dir_.write("config.json", "{\"a\":}");
  expect_refused(Code::kCorrupt, "config.json: line 1, column");
  dir_.write("config.json", "[]");
  expect_refused(Code::kCorrupt, "config.json: expected an object, found an array");
  dir_.write("config.json", "{}");
  dir_.write("generation_config.json", "7");
  expect_refused(Code::kCorrupt, "generation_config.json: expected an object");
  dir_.write("generation_config.json", std::string(kConfigBytesMax + 1, ' '));
  expect_refused(Code::kExhausted, "generation_config.json");
}

TEST_F(HfDirectory, RefusesBrokenIndexes) {
  dir_.write("config.json", "{}");
  dir_.write("s.safetensors", shard({"a"}));
  const auto refuse = [&](std::string_view weight_map, std::string_view message) {
    write_index(weight_map);
    expect_refused(Code::kCorrupt, message);
  };
  refuse("{}", "weight_map: expected the tensors of a model");
  refuse("[]", "weight_map");
  refuse("null", "weight_map");
  refuse(R"({"a":1})", "weight_map.a: expected a string");
  for (const char* name :
       {"../s.safetensors", "/s.safetensors", "x/s.safetensors", "", ".safetensors", "s.bin", "..",
        "s.safetensors\\u0000", "..\\\\s.safetensors"}) {
    refuse(std::string(R"({"a":")") + name + "\"}",
           "weight_map.a: expected the name of a .safetensors file in the same directory");
  }
  dir_.write("s.safetensors", "broken");
  refuse(R"({"a":"s.safetensors"})", "s.safetensors: expected a safetensors file");
}

TEST_F(HfDirectory, RefusesMoreShardsThanItWouldMap) {
  dir_.write("config.json", "{}");
  std::string map = "{";
  for (size_t i = 0; i <= kShardsMax; ++i) {
    const std::string number = std::to_string(i);
    map += (i ? ",\"" : "\"") + number + "\":\"" + number + ".safetensors\"";
  }
  write_index(map + "}");
  expect_refused(Code::kExhausted, "expected at most 1024 different files");
}

// A tensor that the index puts into one shard may not come from another.
TEST_F(HfDirectory, RefusesATensorInAnotherShard) {
  dir_.write("config.json", "{}");
  dir_.write("s.safetensors", shard({"a", "b"}));
  dir_.write("t.safetensors", shard({"c"}));
  write_index(R"({"a":"s.safetensors","b":"t.safetensors","c":"t.safetensors"})");
  expect_refused(Code::kCorrupt, "t.safetensors: expected tensor b");
}

}  // namespace
}  // namespace llmos
