// SPDX-License-Identifier: Apache-2.0
#include "format/gguf_metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "format/gguf.h"
#include "format/gguf_bytes.h"
#include "format/memory_source.h"

namespace llmos {
namespace {

using ::testing::ElementsAre;

// Read from a source, so that the metadata must keep its own bytes.
Result<GgufMetadata> metadata_of(const test::GgufBytes& bytes) {
  test::MemorySource source;
  source.add("m.gguf", bytes.str());
  const Result<WeightFile> file = WeightFile::of_source(source, "m.gguf");
  if (!file.ok()) return file.status();
  Result<GgufHeader> header = read_gguf(*file);
  if (!header.ok()) return header.status();
  return std::move(header->metadata);
}

template <class T>
std::string error_of(const Result<T>& result) {
  return result.status().to_string();
}

TEST(GgufMetadata, EveryScalarType) {
  test::GgufBytes bytes(0, 12);
  bytes.key("u8", 0).number(uint8_t{255}).key("i8", 1).number(int8_t{-128});
  bytes.key("u16", 2).number(uint16_t{65535}).key("i16", 3).number(int16_t{-32768});
  bytes.key("u32", 4).number(UINT32_MAX).key("i32", 5).number(INT32_MIN);
  bytes.key("f32", 6).number(0.1f).key("bool", 7).number(uint8_t{1});
  bytes.key("string", 8).string("t\xc3\xa9xt").key("u64", 10).number(UINT64_MAX);
  bytes.key("i64", 11).number(INT64_MIN).key("f64", 12).number(0.1);
  const Result<GgufMetadata> metadata = metadata_of(bytes);
  ASSERT_TRUE(metadata.ok()) << error_of(metadata);
  EXPECT_EQ(*metadata->integer("u8"), 255);
  EXPECT_EQ(*metadata->integer("i8"), -128);
  EXPECT_EQ(*metadata->integer("u16"), 65535);
  EXPECT_EQ(*metadata->integer("i16"), -32768);
  EXPECT_EQ(*metadata->integer("u32"), int64_t{UINT32_MAX});
  EXPECT_EQ(*metadata->integer("i32"), int64_t{INT32_MIN});
  EXPECT_EQ(*metadata->integer("i64"), INT64_MIN);
  EXPECT_EQ(*metadata->number("f32"), double(0.1f));
  EXPECT_EQ(*metadata->number("f64"), 0.1);
  EXPECT_EQ(*metadata->number("u64"), double(UINT64_MAX));
  EXPECT_EQ(*metadata->number("i8"), -128);
  EXPECT_TRUE(*metadata->boolean("bool"));
  EXPECT_EQ(*metadata->string("string"), "t\xc3\xa9xt");
  EXPECT_EQ(metadata->entries().size(), 12u);
  EXPECT_EQ(metadata->entries()[0].key, "u8");
  EXPECT_EQ(metadata->entries()[11].key, "f64");
}

TEST(GgufMetadata, EveryArrayType) {
  test::GgufBytes bytes(0, 13);
  bytes.array("u8", 0, 2).number(uint8_t{1}).number(uint8_t{255});
  bytes.array("i8", 1, 1).number(int8_t{-1});
  bytes.array("u16", 2, 1).number(uint16_t{65535}).array("i16", 3, 1).number(int16_t{-2});
  bytes.array("u32", 4, 1).number(UINT32_MAX).array("i32", 5, 2).number(3).number(-3);
  bytes.array("f32", 6, 2).number(1.5f).number(-0.0f).array("bool", 7, 3).raw({"\1\0\1", 3});
  bytes.array("string", 8, 3).string("a").string("").string("longer");
  bytes.array("u64", 10, 1).number(UINT64_MAX).array("i64", 11, 1).number(INT64_MIN);
  bytes.array("f64", 12, 1).number(2.25).array("empty", 8, 0);
  const Result<GgufMetadata> metadata = metadata_of(bytes);
  ASSERT_TRUE(metadata.ok()) << error_of(metadata);
  EXPECT_THAT(metadata->integers("u8")->to_vector(), ElementsAre(1, 255));
  EXPECT_THAT(metadata->integers("i8")->to_vector(), ElementsAre(-1));
  EXPECT_THAT(metadata->integers("u16")->to_vector(), ElementsAre(65535));
  EXPECT_THAT(metadata->integers("i16")->to_vector(), ElementsAre(-2));
  EXPECT_THAT(metadata->integers("u32")->to_vector(), ElementsAre(int64_t{UINT32_MAX}));
  EXPECT_THAT(metadata->integers("i32")->to_vector(), ElementsAre(3, -3));
  EXPECT_THAT(metadata->integers("i64")->to_vector(), ElementsAre(INT64_MIN));
  EXPECT_THAT(metadata->numbers("f32")->to_vector(), ElementsAre(1.5, -0.0));
  EXPECT_THAT(metadata->numbers("f64")->to_vector(), ElementsAre(2.25));
  EXPECT_THAT(metadata->numbers("i32")->to_vector(), ElementsAre(3.0, -3.0));
  EXPECT_THAT(metadata->numbers("u64")->to_vector(), ElementsAre(double(UINT64_MAX)));
  EXPECT_THAT(metadata->booleans("bool")->to_vector(), ElementsAre(true, false, true));
  const auto strings = metadata->strings("string");
  EXPECT_THAT(std::vector<std::string_view>(strings->begin(), strings->end()),
              ElementsAre("a", "", "longer"));
  EXPECT_EQ(strings->size(), 3u);
  EXPECT_TRUE(metadata->strings("empty")->empty());
  EXPECT_EQ(metadata->strings("empty")->begin(), metadata->strings("empty")->end());
  EXPECT_EQ(error_of(metadata->integers("u64")),
            "invalid: m.gguf: u64: expected an array of integers below 2^63, found an array of 1 "
            "u64");
}

TEST(GgufMetadata, ErrorsNameFileKeyAndValue) {
  test::GgufBytes bytes(0, 5);
  bytes.key("n", 4).number(uint32_t{5000}).key("s", 8).string("a\nb").key("f", 6).number(1.5f);
  bytes.array("a", 8, 1).string("x").key("big", 10).number(UINT64_MAX);
  const Result<GgufMetadata> metadata = metadata_of(bytes);
  ASSERT_TRUE(metadata.ok()) << error_of(metadata);
  EXPECT_EQ(error_of(metadata->integer("none")),
            "not found: m.gguf: none: expected an integer, found nothing");
  EXPECT_EQ(error_of(metadata->integer("n", 1, 1024)),
            "invalid: m.gguf: n: expected an integer from 1 to 1024, found 5000");
  EXPECT_EQ(error_of(metadata->integer("n", 6000)),
            "invalid: m.gguf: n: expected an integer from 6000 on, found 5000");
  EXPECT_EQ(error_of(metadata->integer("big")),
            "invalid: m.gguf: big: expected an integer, found 18446744073709551615");
  EXPECT_EQ(error_of(metadata->integer("f")), "invalid: m.gguf: f: expected an integer, found 1.5");
  EXPECT_EQ(error_of(metadata->number("s")),
            "invalid: m.gguf: s: expected a number, found \"a\\x0ab\"");
  EXPECT_EQ(error_of(metadata->string("a")),
            "invalid: m.gguf: a: expected a string, found an array of 1 string");
  EXPECT_EQ(error_of(metadata->strings("s")),
            "invalid: m.gguf: s: expected an array of strings, found \"a\\x0ab\"");
  EXPECT_EQ(metadata->boolean("n").status().code(), Code::kInvalid);
  EXPECT_EQ(metadata->integers("a").status().code(), Code::kInvalid);
  EXPECT_EQ(metadata->numbers("a").status().code(), Code::kInvalid);
  EXPECT_EQ(metadata->booleans("a").status().code(), Code::kInvalid);
}

TEST(GgufMetadata, OtherwiseIsForMissingKeysOnly) {
  test::GgufBytes bytes(0, 1);
  bytes.key("s", 8).string("x");
  const Result<GgufMetadata> metadata = metadata_of(bytes);
  ASSERT_TRUE(metadata.ok()) << error_of(metadata);
  EXPECT_EQ(*metadata->integer_or("none", 7, 0, 5), 7);
  EXPECT_EQ(*metadata->number_or("none", 0.5), 0.5);
  EXPECT_TRUE(*metadata->boolean_or("none", true));
  EXPECT_EQ(*metadata->string_or("none", "y"), "y");
  EXPECT_EQ(*metadata->string_or("s", "y"), "x");
  EXPECT_FALSE(metadata->integer_or("s", 7).ok());
  EXPECT_FALSE(metadata->number_or("s", 7).ok());
  EXPECT_FALSE(metadata->boolean_or("s", true).ok());
}

TEST(GgufMetadata, JsonForPeople) {
  test::GgufBytes bytes(0, 6);
  bytes.key("big", 10).number(UINT64_MAX).array("s", 8, 3).string("a").string("b").string("c");
  bytes.array("n", 5, 2).number(-1).number(2).key("b", 7).number(uint8_t{0});
  bytes.key("nan", 6).number(std::numeric_limits<float>::quiet_NaN()).key("t", 8).string("\xff");
  const Result<GgufMetadata> metadata = metadata_of(bytes);
  ASSERT_TRUE(metadata.ok()) << error_of(metadata);
  const auto dump = [&](std::string_view key, size_t items_max) {
    return gguf_value_json(*metadata->find(key), items_max).dump();
  };
  EXPECT_EQ(dump("big", 9), "18446744073709551615");
  EXPECT_EQ(dump("s", 2), R"(["a","b"])");
  EXPECT_EQ(dump("s", 9), R"(["a","b","c"])");
  EXPECT_EQ(dump("n", 9), "[-1,2]");
  EXPECT_EQ(dump("b", 9), "false");
  EXPECT_EQ(dump("nan", 9), "null");
  EXPECT_EQ(dump("t", 9), "\"\xef\xbf\xbd\"");
}

TEST(GgufMetadata, AnEmptyOneHasNoKeys) {
  const GgufMetadata metadata;
  EXPECT_TRUE(metadata.entries().empty());
  EXPECT_EQ(metadata.find("x"), nullptr);
  EXPECT_EQ(error_of(metadata.string("x")), "not found: x: expected a string, found nothing");
}

TEST(GgufMetadata, ManyKeysAreFound) {
  constexpr int kKeys = 3000;
  test::GgufBytes bytes(0, kKeys);
  for (int i = 0; i < kKeys; ++i) bytes.key("k" + std::to_string(i * 7919 % kKeys), 5).number(i);
  const Result<GgufMetadata> metadata = metadata_of(bytes);
  ASSERT_TRUE(metadata.ok()) << error_of(metadata);
  for (int i = 0; i < kKeys; ++i) {
    EXPECT_EQ(*metadata->integer("k" + std::to_string(i * 7919 % kKeys)), i);
  }
}

}  // namespace
}  // namespace llmos
