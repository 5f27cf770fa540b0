// SPDX-License-Identifier: Apache-2.0
// Files that the formats' own Python packages wrote: tests/golden/make_files.py has the values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "format/checkpoint.h"
#include "format/gguf.h"
#include "format/safetensors.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string golden(std::string_view name) {
  return std::string(LLMOS_SOURCE_DIR) + "/tests/golden/files/" + std::string(name);
}

TEST(PackageFiles, GgufKeysOfEveryType) {
  const Result<Checkpoint> file = Checkpoint::open(golden("every_type.gguf"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  const GgufMetadata& keys = file->metadata();
  const std::pair<const char*, int64_t> integers[] = {{"u8", 200},
                                                      {"i8", -100},
                                                      {"u16", 60000},
                                                      {"i16", -30000},
                                                      {"u32", 4000000000},
                                                      {"i32", -2000000000},
                                                      {"i64", -9000000000000000000}};
  for (const auto& [key, value] : integers) {
    EXPECT_EQ(*keys.integer(key), value) << key;
    EXPECT_THAT(keys.integers(std::string(key) + "s")->to_vector(), ElementsAre(value, value + 1));
  }
  EXPECT_EQ(gguf_value_json(*keys.find("u64"), 1).dump(), "18000000000000000000");
  EXPECT_EQ(gguf_value_json(*keys.find("u64s"), 2).dump(),
            "[18000000000000000000,18000000000000000001]");
  EXPECT_EQ(*keys.number("f32"), 1.25);
  EXPECT_THAT(keys.numbers("f32s")->to_vector(), ElementsAre(1.25, -1.25));
  EXPECT_EQ(*keys.number("f64"), 0.1);
  EXPECT_THAT(keys.numbers("f64s")->to_vector(), ElementsAre(0.1, -0.1));
  EXPECT_TRUE(*keys.boolean("bool"));
  EXPECT_THAT(keys.booleans("bools")->to_vector(), ElementsAre(true, false));
  EXPECT_EQ(*keys.string("string"), "gr\xc3\xbcn");
  const Result<GgufStrings> strings = keys.strings("strings");
  ASSERT_TRUE(strings.ok());
  EXPECT_THAT(std::vector<std::string_view>(strings->begin(), strings->end()),
              ElementsAre("gr\xc3\xbcn", ""));
}

TEST(PackageFiles, GgufTensorsOfEveryType) {
  const Result<Checkpoint> file = Checkpoint::open(golden("every_type.gguf"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  EXPECT_EQ(file->find("f32")->shape, (Shape{2, 3}));
  EXPECT_EQ(file->view(*file->find("f32"))->f32()[5], 5.0f);
  EXPECT_EQ(file->find("f16")->shape, (Shape{3, 2}));
  EXPECT_EQ(file->find("f16")->dtype, DType::kF16);
  EXPECT_EQ(file->find("bf16")->dtype, DType::kBF16);
  EXPECT_EQ(file->find("bf16")->shape, (Shape{4}));
  EXPECT_EQ(file->find("f64")->bytes, 24u);
  for (const auto& [name, dtype] : {std::pair("i8", DType::kI8), std::pair("i16", DType::kI16),
                                    std::pair("i32", DType::kI32), std::pair("i64", DType::kI64)}) {
    EXPECT_EQ(file->find(name)->dtype, dtype);
    EXPECT_EQ(file->find(name)->shape, (Shape{4}));
  }
  // Two rows of one block whose bytes count up: also the sizes of blocks agree.
  for (DType dtype = DType::kQ4_0; dtype <= DType::kMXFP4; dtype = DType(int(dtype) + 1)) {
    const TensorInfo* info = file->find(dtype_name(dtype));
    ASSERT_TRUE(info) << dtype_name(dtype);
    EXPECT_EQ(info->dtype, dtype);
    EXPECT_EQ(info->shape, (Shape{2, dtype_traits(dtype).block_elements}));
    const Result<TensorView> view = file->view(*info);
    ASSERT_TRUE(view.ok());
    for (uint64_t i = 0; i < view->bytes(); ++i) ASSERT_EQ(uint8_t(view->data[i]), i % 256) << i;
  }
}

TEST(PackageFiles, BigEndianIsRefused) {
  const Status status = Checkpoint::open(golden("big_endian.gguf")).status();
  EXPECT_EQ(status.code(), Code::kUnsupported);
  EXPECT_THAT(status.message(), HasSubstr("big-endian"));
}

TEST(PackageFiles, SafetensorsOfEveryType) {
  const Result<WeightFile> file = WeightFile::map(golden("every_type.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status().to_string();
  const Result<std::vector<TensorInfo>> tensors = read_safetensors(*file);
  ASSERT_TRUE(tensors.ok()) << tensors.status().to_string();
  const auto expect = [&](std::string_view name, DType dtype, const Shape& shape,
                          std::initializer_list<uint8_t> bytes) {
    for (const TensorInfo& info : *tensors) {
      if (info.name != name) continue;
      EXPECT_EQ(info.dtype, dtype) << name;
      EXPECT_EQ(info.shape, shape) << name;
      const auto found = file->view(info.offset, info.bytes);
      ASSERT_TRUE(found.ok());
      const auto* first = reinterpret_cast<const uint8_t*>(found->data());
      EXPECT_EQ(std::vector<uint8_t>(first, first + bytes.size()), std::vector<uint8_t>(bytes))
          << name;
      return;
    }
    ADD_FAILURE() << name << " is not there";
  };
  EXPECT_EQ(tensors->size(), 11u);
  expect("f32", DType::kF32, {2, 3}, {0, 0, 0, 0, 0, 0, 0x80, 0x3f});
  expect("f16", DType::kF16, {6}, {0, 0, 0, 0x3c});
  expect("bf16", DType::kBF16, {3, 2}, {0, 0, 0x80, 0x3f});
  expect("f8", DType::kF8E4M3, {5}, {0, 0x30, 0x38, 0xc0, 0x7e});
  expect("f64", DType::kF64, {}, {0, 0, 0, 0, 0, 0, 0x04, 0x40});
  expect("i64", DType::kI64, {2}, {0xff, 0xff});
  expect("i32", DType::kI32, {2}, {0xfe, 0xff, 0xff, 0xff, 2, 0, 0, 0});
  expect("i16", DType::kI16, {2}, {0xfd, 0xff, 3, 0});
  expect("i8", DType::kI8, {2}, {0xfc, 4});
  expect("u8", DType::kU8, {1, 2, 3}, {0, 1, 2, 3, 4, 5});
  expect("bool", DType::kU8, {2}, {1, 0});
}

}  // namespace
}  // namespace llmos
