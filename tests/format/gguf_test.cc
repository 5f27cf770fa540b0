// SPDX-License-Identifier: Apache-2.0
// What read_gguf() accepts and refuses, on bytes put together by hand. Values of every type:
// gguf_metadata_test.cc.
#include "format/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "format/gguf_bytes.h"
#include "format/memory_source.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using test::GgufBytes;
using ::testing::HasSubstr;

Result<GgufHeader> read(std::string_view bytes, const GgufLimits& limits = {}) {
  test::MemorySource source;
  source.add("m.gguf", bytes);
  const Result<WeightFile> file = WeightFile::of_source(source, "m.gguf");
  if (!file.ok()) return file.status();
  return read_gguf(*file, limits);
}

void expect_refused(const GgufBytes& bytes, Code code, std::string_view message,
                    const GgufLimits& limits = {}) {
  const Status status = read(bytes.str(), limits).status();
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_THAT(status.message(), HasSubstr(std::string(message)));
  EXPECT_TRUE(status.message().starts_with("m.gguf: ")) << status.message();
  EXPECT_LT(status.message().size(), 500u);
}

// What every accepted header promises.
void expect_sound(const GgufHeader& header, uint64_t file_bytes) {
  for (const TensorInfo& info : header.tensors) {
    ASSERT_EQ(info.offset % header.alignment, 0u);
    ASSERT_LE(info.offset, file_bytes);
    ASSERT_LE(info.bytes, file_bytes - info.offset);
    ASSERT_GT(info.bytes, 0u);
    ASSERT_EQ(tensor_bytes(info.dtype, info.shape), info.bytes);
  }
  for (const GgufEntry& entry : header.metadata.entries()) {
    ASSERT_EQ(header.metadata.find(entry.key), &entry);
    if (entry.is_array() && entry.element == GgufType::kString) {
      uint64_t count = 0, bytes = 0;
      for (const std::string_view text : GgufStrings(entry)) {
        ++count;
        bytes += sizeof(uint64_t) + text.size();
      }
      ASSERT_EQ(count, entry.count);
      ASSERT_EQ(bytes, entry.bytes.size());
    } else if (entry.is_array()) {
      ASSERT_EQ(entry.bytes.size(), entry.count * gguf_type_bytes(entry.element));
    }
  }
}

GgufBytes one_tensor(std::initializer_list<uint64_t> sizes, uint32_t type, uint64_t offset,
                     size_t data_bytes) {
  return GgufBytes(1, 0).tensor("t", sizes, type, offset).pad().data(data_bytes);
}

TEST(Gguf, ShapesAreTurnedAndOffsetsAbsolute) {
  for (const uint32_t version : {2u, 3u}) {
    GgufBytes bytes(2, 0, version);
    bytes.tensor("t", {4, 3, 2}, 1, 0).tensor("s", {}, 0, 64).pad().data(48).pad().data(4);
    const Result<GgufHeader> header = read(bytes.str());
    ASSERT_TRUE(header.ok()) << header.status().to_string();
    EXPECT_EQ(header->version, version);
    EXPECT_EQ(header->alignment, 32u);
    EXPECT_EQ(header->tensors[0].shape, (Shape{2, 3, 4}));
    EXPECT_EQ(header->tensors[0].bytes, 48u);
    EXPECT_EQ(header->tensors[1].shape, Shape());
    EXPECT_EQ(header->tensors[1].offset, header->tensors[0].offset + 64);
    EXPECT_EQ(bytes.str().size(), header->tensors[1].offset + 4);
  }
}

TEST(Gguf, TensorsInAnyOrderWithGapsAndARest) {
  GgufBytes bytes(2, 0);
  bytes.tensor("b", {4}, 0, 96).tensor("a", {4}, 0, 0).pad().data(500);
  const Result<GgufHeader> header = read(bytes.str());
  ASSERT_TRUE(header.ok()) << header.status().to_string();
  EXPECT_EQ(header->tensors[0].name, "b");
  EXPECT_EQ(header->tensors[0].offset, header->tensors[1].offset + 96);
}

TEST(Gguf, WithoutTensorsNothingNeedFollow) {
  EXPECT_TRUE(read(GgufBytes(0, 0).str()).ok());
  EXPECT_TRUE(read(GgufBytes(0, 1).key("a", 0).number(uint8_t{1}).str()).ok());
}

TEST(Gguf, AlignmentOfTheFile) {
  const auto aligned = [](uint32_t alignment, uint64_t offset) {
    GgufBytes bytes(2, 1);
    bytes.key("general.alignment", 4).number(alignment);
    return bytes.tensor("a", {4}, 0, 0).tensor("t", {4}, 0, offset).pad(256).data(256);
  };
  const Result<GgufHeader> header = read(aligned(128, 128).str());
  ASSERT_TRUE(header.ok()) << header.status().to_string();
  EXPECT_EQ(header->alignment, 128u);
  EXPECT_TRUE(read(aligned(8, 16).str()).ok());
  expect_refused(aligned(128, 64), Code::kCorrupt,
                 "tensor t: expected an offset that is a multiple of 128");
  for (const uint32_t alignment : {0u, 1u, 4u, 24u, 48u, UINT32_MAX}) {
    expect_refused(aligned(alignment, 0), Code::kCorrupt,
                   "general.alignment: expected a power of two from 8 to 2 MiB, found " +
                       std::to_string(alignment));
  }
  // As far as an alignment goes: the data would begin behind the end of the file.
  expect_refused(aligned(1u << 21, 0), Code::kCorrupt, "expected bytes inside the file");
  // Found by the fuzzer: 2 GiB, in a file without data, made whoever wrote it again pad so far.
  expect_refused(aligned(1u << 31, 0), Code::kCorrupt, "from 8 to 2 MiB, found 2147483648");
  expect_refused(GgufBytes(0, 1).key("general.alignment", 8).string("32"), Code::kCorrupt,
                 "expected a power of two from 8 to 2 MiB, found \"32\"");
}

TEST(Gguf, OtherFilesAndVersions) {
  const auto begin = [](std::string_view magic, uint32_t version) {
    std::string bytes = GgufBytes(0, 0, version).str();
    return bytes.replace(0, 4, magic);
  };
  EXPECT_THAT(read(begin("GGJT", 3)).status().message(), HasSubstr("this is no GGUF file"));
  EXPECT_THAT(read("").status().message(), HasSubstr("expected 4 bytes of the magic"));
  const Status big_endian = read(begin("GGUF", 0x03000000)).status();
  EXPECT_EQ(big_endian.code(), Code::kUnsupported);
  EXPECT_THAT(big_endian.message(), HasSubstr("big-endian file"));
  for (const uint32_t version : {0u, 1u, 4u, 0x03000001u, UINT32_MAX}) {
    const Status status = read(begin("GGUF", version)).status();
    EXPECT_EQ(status.code(), Code::kUnsupported);
    EXPECT_THAT(status.message(),
                HasSubstr("expected GGUF version 2 or 3, found " + std::to_string(version)));
  }
}

TEST(Gguf, EveryTypeOfTensor) {
  for (uint32_t type = 0; type < 50; ++type) {
    const Status status = read(one_tensor({256}, type, 0, 4096).str()).status();
    const bool known = type <= 3 || (type >= 6 && type <= 8) || (type >= 10 && type <= 14) ||
                       type == 20 || (type >= 23 && type <= 28) || type == 30 || type == 39;
    EXPECT_EQ(status.ok(), known) << type << ' ' << status.to_string();
    if (!known) {
      EXPECT_EQ(status.code(), Code::kUnsupported) << type;
    }
  }
  expect_refused(one_tensor({256}, 19, 0, 4096), Code::kUnsupported,
                 "unsupported type IQ1_S in tensor t");
  expect_refused(one_tensor({256}, 16, 0, 4096), Code::kUnsupported,
                 "unsupported type IQ2_XXS in tensor t");
  expect_refused(one_tensor({256}, 34, 0, 4096), Code::kUnsupported,
                 "unsupported type TQ1_0 in tensor t");
  expect_refused(one_tensor({256}, 40, 0, 4096), Code::kUnsupported,
                 "unsupported type NVFP4 in tensor t");
  expect_refused(one_tensor({256}, 1000, 0, 4096), Code::kUnsupported,
                 "unsupported type number 1000 in tensor t");
}

TEST(Gguf, RefusesCountsThatTheFileCannotHold) {
  for (const uint64_t count : {uint64_t{2}, uint64_t{1} << 20, uint64_t{1} << 59, UINT64_MAX}) {
    expect_refused(GgufBytes(count, 0).data(33), Code::kCorrupt,
                   "expected " + std::to_string(count) + " tensors of at least");
    expect_refused(GgufBytes(0, count).data(20), Code::kCorrupt,
                   "expected " + std::to_string(count) + " keys of at least");
    if (count > 2) {
      expect_refused(GgufBytes(0, 1).array("a", 5, count).data(64), Code::kCorrupt,
                     "expected " + std::to_string(count) + " elements of at least 4 bytes");
      expect_refused(GgufBytes(0, 1).array("a", 8, count).data(64), Code::kCorrupt,
                     "expected " + std::to_string(count) + " elements of at least 8 bytes");
      expect_refused(GgufBytes(0, 1).key("a", 8).number(count).data(64), Code::kCorrupt,
                     "expected " + std::to_string(count) + " bytes of a string");
      expect_refused(GgufBytes(0, 1).number(count).data(64), Code::kCorrupt,
                     "expected a key of at most 65535 bytes, found " + std::to_string(count));
    }
  }
}

TEST(Gguf, RefusesBrokenKeys) {
  expect_refused(GgufBytes(0, 1).string("").number(0u).data(8), Code::kCorrupt,
                 "expected a key, found an empty one");
  expect_refused(GgufBytes(0, 1).key("a", 13).data(8), Code::kCorrupt,
                 "key a: expected a type from 0 to 12, found 13");
  expect_refused(GgufBytes(0, 1).array("a", 13, 1).data(8), Code::kCorrupt,
                 "key a: expected a type from 0 to 12, found 13");
  expect_refused(GgufBytes(0, 1).array("a", 9, 1).number(5u).number(uint64_t{1}).data(8),
                 Code::kUnsupported, "key a: arrays within arrays are not supported");
  expect_refused(GgufBytes(0, 1).key("a", 7).number(uint8_t{2}), Code::kCorrupt,
                 "key a: expected booleans of 0 or 1");
  expect_refused(GgufBytes(0, 1).array("a", 7, 3).raw({"\0\1\xff", 3}), Code::kCorrupt,
                 "key a: expected booleans of 0 or 1");
  GgufBytes twice(0, 3);
  twice.key("a", 0).raw("1").key("b", 0).raw("1").key("a", 5).number(1);
  expect_refused(twice, Code::kCorrupt, "the key a occurs twice");
}

TEST(Gguf, RefusesBrokenTensors) {
  expect_refused(GgufBytes(1, 0).tensor("", {4}, 0, 0).pad().data(99), Code::kCorrupt,
                 "expected a tensor's name");
  expect_refused(one_tensor({1, 1, 1, 1, 1}, 0, 0, 99), Code::kCorrupt,
                 "tensor t: expected at most 4 dimensions, found 5");
  expect_refused(GgufBytes(1, 0).string("t").number(UINT32_MAX).data(99), Code::kCorrupt,
                 "expected at most 4 dimensions, found 4294967295");
  expect_refused(one_tensor({33}, 2, 0, 99), Code::kCorrupt,
                 "tensor t: expected rows of whole blocks of 32");
  expect_refused(one_tensor({0, 4}, 0, 0, 99), Code::kCorrupt, "found [4, 0] of F32");
  expect_refused(one_tensor({uint64_t{1} << 32, uint64_t{1} << 32}, 0, 0, 99), Code::kCorrupt,
                 "a size within 64 bits");
  expect_refused(one_tensor({uint64_t{1} << 62}, 0, 0, 99), Code::kCorrupt, "within 64 bits");
  expect_refused(one_tensor({uint64_t{1} << 60}, 0, 0, 99), Code::kCorrupt,
                 "expected bytes inside the file");
  expect_refused(one_tensor({4}, 0, 8, 99), Code::kCorrupt, "a multiple of 32");
  expect_refused(one_tensor({4}, 0, 96, 99), Code::kCorrupt, "expected bytes inside the file");
  expect_refused(one_tensor({4}, 0, UINT64_MAX - 31, 99), Code::kCorrupt,
                 "expected bytes inside the file");
  GgufBytes twice(2, 0);
  twice.tensor("t", {4}, 0, 0).tensor("t", {4}, 0, 32).pad().data(64);
  expect_refused(twice, Code::kCorrupt, "tensors t and t: expected every name once");
  GgufBytes overlap(2, 0);
  overlap.tensor("t", {12}, 0, 0).tensor("u", {4}, 0, 32).pad().data(64);
  expect_refused(overlap, Code::kCorrupt, "tensors t and u: expected bytes of their own");
  GgufBytes same(2, 0);
  same.tensor("t", {4}, 0, 32).tensor("u", {4}, 0, 32).pad().data(64);
  expect_refused(same, Code::kCorrupt, "expected bytes of their own");
}

TEST(Gguf, KeepsWithinItsLimits) {
  GgufBytes keys(0, 3);
  for (const char* key : {"a", "b", "c"}) keys.key(key, 5).number(1);
  expect_refused(keys, Code::kExhausted, "expected at most 2 keys, found 3", {.keys_max = 2});
  expect_refused(one_tensor({4}, 0, 0, 16), Code::kExhausted, "expected at most 0 tensors, found 1",
                 {.tensors_max = 0});
  GgufBytes name(0, 1);
  name.key("abc", 5).number(1);
  expect_refused(name, Code::kCorrupt, "expected a key of at most 2 bytes, found 3",
                 {.name_bytes_max = 2});
  GgufBytes large(0, 1);
  large.key("a", 8).string(std::string(5000, 'x'));
  EXPECT_TRUE(read(large.str(), {.header_bytes_max = large.str().size()}).ok());
  expect_refused(large, Code::kExhausted, "expected a header of at most",
                 {.header_bytes_max = large.str().size() - 1});
}

// A header larger than a reading step, from a source that shows no memory.
TEST(Gguf, LargeHeadersAreReadInSteps) {
  constexpr int kWords = 50000;
  GgufBytes bytes(1, 2);
  bytes.array("words", 8, kWords);
  for (int i = 0; i < kWords; ++i) bytes.string("word " + std::to_string(i));
  bytes.array("scores", 6, kWords);
  for (int i = 0; i < kWords; ++i) bytes.number(float(i));
  bytes.tensor("t", {4}, 0, 0).pad().data(16);
  const Result<GgufHeader> header = read(bytes.str());
  ASSERT_TRUE(header.ok()) << header.status().to_string();
  expect_sound(*header, bytes.str().size());
  const Result<GgufStrings> words = header->metadata.strings("words");
  ASSERT_TRUE(words.ok());
  int i = 0;
  for (const std::string_view word : *words) {
    ASSERT_EQ(word, "word " + std::to_string(i++));
  }
  EXPECT_EQ((*header->metadata.numbers("scores"))[kWords - 1], kWords - 1);
}

// One of everything, small.
GgufBytes everything() {
  GgufBytes bytes(3, 5);
  bytes.key("a", 8).string("text").array("n", 5, 2).number(1).number(2);
  bytes.array("s", 8, 2).string("x").string("").key("b", 7).number(uint8_t{1});
  bytes.key("general.alignment", 4).number(32u);
  bytes.tensor("t", {4, 2}, 0, 0).tensor("u", {32}, 8, 32).tensor("v", {2}, 1, 96);
  return bytes.pad().data(100);
}

TEST(Gguf, EveryTruncationIsRefused) {
  const std::string good = everything().str();
  ASSERT_TRUE(read(good).ok()) << read(good).status().to_string();
  for (size_t size = 0; size < good.size(); ++size) {
    const Status status = read(good.substr(0, size)).status();
    ASSERT_EQ(status.code(), Code::kCorrupt) << size << ' ' << status.to_string();
  }
}

TEST(Gguf, EveryByteChanged) {
  const std::string good = everything().str();
  for (size_t i = 0; i < good.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = good;
      bytes[i] = char(value);
      const Result<GgufHeader> header = read(bytes);
      if (header.ok()) expect_sound(*header, bytes.size());
    }
  }
}

// Many bytes changed, with values that overflow more often than random ones would.
TEST(Gguf, ManyBytesChanged) {
  const std::string good = everything().str();
  Rng rng(test::seed("gguf with many bytes changed"));
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    const uint32_t changes = 1 + rng.u32() % 4;
    for (uint32_t k = 0; k < changes; ++k) {
      static constexpr uint64_t kValues[] = {0, 1, 9, 255, 1u << 31, uint64_t{1} << 61, UINT64_MAX};
      const uint64_t value = kValues[rng.u32() % std::size(kValues)];
      const size_t width = size_t{1} << rng.u32() % 4;
      std::memcpy(bytes.data() + rng.u32() % (bytes.size() - width), &value, width);
    }
    const Result<GgufHeader> header = read(bytes);
    if (!header.ok()) continue;
    ++accepted;
    expect_sound(*header, bytes.size());
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace llmos
