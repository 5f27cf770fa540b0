// SPDX-License-Identifier: Apache-2.0
#include "format/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/memory_source.h"
#include "format/safetensors_bytes.h"

namespace llmos {
namespace {

using test::safetensors_bytes;
using ::testing::HasSubstr;

Result<std::vector<TensorInfo>> read(std::string_view bytes) {
  test::MemorySource source;
  source.add("m.safetensors", bytes);
  const Result<WeightFile> file = WeightFile::of_source(source, "m.safetensors");
  if (!file.ok()) return file.status();
  return read_safetensors(*file);
}

void expect_refused(std::string_view bytes, Code code, std::string_view message) {
  const Status status = read(bytes).status();
  EXPECT_EQ(status.code(), code) << status.to_string();
  EXPECT_THAT(status.message(), HasSubstr(std::string(message)));
  EXPECT_TRUE(status.message().starts_with("m.safetensors: ")) << status.message();
  EXPECT_LT(status.message().size(), 500u);
}

// A file of one tensor `t` with these fields and so many bytes of data.
std::string one_tensor(std::string_view fields, size_t data_bytes) {
  return safetensors_bytes("{\"t\":{" + std::string(fields) + "}}", std::string(data_bytes, 'x'));
}

TEST(Safetensors, TensorsInTheOrderOfTheirBytes) {
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
                             R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}   )";
  const auto tensors = read(safetensors_bytes(header, std::string(16, 'x')));
  ASSERT_TRUE(tensors.ok()) << tensors.status().to_string();
  ASSERT_EQ(tensors->size(), 2u);
  const TensorInfo &a = (*tensors)[0], &b = (*tensors)[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.shape, Shape());
  EXPECT_EQ(a.offset, 8 + header.size());
  EXPECT_EQ(a.bytes, 4u);
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.dtype, DType::kBF16);
  EXPECT_EQ(b.shape, (Shape{2, 3}));
  EXPECT_EQ(b.offset, 8 + header.size() + 4);
}

TEST(Safetensors, EveryType) {
  const std::pair<const char*, DType> types[] = {
      {"F32", DType::kF32},        {"F16", DType::kF16}, {"BF16", DType::kBF16},
      {"F8_E4M3", DType::kF8E4M3}, {"F64", DType::kF64}, {"I8", DType::kI8},
      {"I16", DType::kI16},        {"I32", DType::kI32}, {"I64", DType::kI64},
      {"U8", DType::kU8},          {"BOOL", DType::kU8}};
  for (const auto& [name, dtype] : types) {
    const size_t bytes = *tensor_bytes(dtype, {3});
    const auto tensors =
        read(one_tensor(std::string("\"dtype\":\"") + name + R"(","shape":[3],"data_offsets":[0,)" +
                            std::to_string(bytes) + "]",
                        bytes));
    ASSERT_TRUE(tensors.ok()) << tensors.status().to_string();
    EXPECT_EQ(tensors->at(0).dtype, dtype);
  }
  expect_refused(one_tensor(R"("dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1])", 1),
                 Code::kUnsupported, "unsupported type F8_E5M2 in tensor t");
  expect_refused(one_tensor(R"("dtype":"C64","shape":[1],"data_offsets":[0,8])", 8),
                 Code::kUnsupported, "unsupported type C64 in tensor t");
}

TEST(Safetensors, NoTensorsAreFine) {
  EXPECT_TRUE(read(safetensors_bytes("{}", "")).ok());
  expect_refused(safetensors_bytes("{}", "x"), Code::kCorrupt, "expected 0 bytes of data");
}

TEST(Safetensors, RefusesWhatContradictsItself) {
  expect_refused("", Code::kCorrupt, "begins with 8 bytes");
  expect_refused("1234567", Code::kCorrupt, "begins with 8 bytes");
  expect_refused(std::string(8, '\xff') + "{}", Code::kCorrupt, "expected a header of 1844674407");
  expect_refused(safetensors_bytes("[]", ""), Code::kCorrupt, "expected an object");
  expect_refused(safetensors_bytes("{\"t\":", ""), Code::kCorrupt, "header: line 1");
  expect_refused(safetensors_bytes(R"({"t":1})", ""), Code::kCorrupt, "t");
  expect_refused(safetensors_bytes(R"({"t":{},"t":{}})", ""), Code::kCorrupt, "header: line 1");
  const auto refuse = [](std::string_view fields, std::string_view message) {
    expect_refused(one_tensor(fields, 8), Code::kCorrupt, message);
  };
  refuse(R"("shape":[2],"data_offsets":[0,8])", "t.dtype: expected a string, found nothing");
  refuse(R"("dtype":"F32","data_offsets":[0,8])", "t.shape: expected an array, found nothing");
  refuse(R"("dtype":"F32","shape":[2])", "t.data_offsets");
  refuse(R"("dtype":"F32","shape":[2],"data_offsets":[0])", "two offsets");
  refuse(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])", "two offsets");
  refuse(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", "t.shape[0]");
  refuse(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])", "t.shape[0]");
  refuse(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])", "expected the bytes of [3] in F32");
  refuse(R"("dtype":"F32","shape":[0],"data_offsets":[0,0])", "expected the bytes of [0] in F32");
  refuse(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", "found offsets 8 to 0");
  refuse(R"("dtype":"F32","shape":[2],"data_offsets":[8,16])", "found 8 bytes at 8");
  refuse(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", "expected 4 bytes of data");
  refuse(R"("dtype":"I8","shape":[18446744073709551615],"data_offsets":[0,18446744073709551615])",
         "found 18446744073709551615 bytes at 0");
  refuse(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])",
         "expected the bytes of");
}

TEST(Safetensors, RefusesMoreDimensionsThanAShapeHas) {
  expect_refused(one_tensor(R"("dtype":"I8","shape":[1,1,1,1,8],"data_offsets":[0,8])", 8),
                 Code::kUnsupported, "t.shape: expected at most 4 dimensions, found 5");
}

TEST(Safetensors, RefusesGapsAndOverlaps) {
  const auto two = [](const char* first, const char* second) {
    return safetensors_bytes(std::string(R"({"a":{"dtype":"I8","shape":[4],"data_offsets":)") +
                                 first + R"(},"b":{"dtype":"I8","shape":[4],"data_offsets":)" +
                                 second + "}}",
                             std::string(8, 'x'));
  };
  EXPECT_TRUE(read(two("[0,4]", "[4,8]")).ok());
  EXPECT_TRUE(read(two("[4,8]", "[0,4]")).ok());
  expect_refused(two("[0,4]", "[3,7]"), Code::kCorrupt, "expected its bytes at offset 4");
  expect_refused(two("[0,4]", "[0,4]"), Code::kCorrupt, "expected its bytes at offset 4");
  expect_refused(two("[0,4]", "[5,9]"), Code::kCorrupt, "expected its bytes at offset 4");
}

TEST(Safetensors, NamesInMessagesAreCutAndEscaped) {
  const std::string name = std::string(5000, 'n') + "\\n";
  expect_refused(safetensors_bytes("{\"" + name + "\":{}}", ""), Code::kCorrupt, "nnn...");
}

// Whatever byte is changed or missing: an answer, and never a tensor outside of the file.
TEST(Safetensors, EveryByteCutOrChanged) {
  const std::string good = safetensors_bytes(
      R"({"__metadata__":{"a":"b"},"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},)"
      R"("b":{"dtype":"I8","shape":[3],"data_offsets":[12,15]}})",
      std::string(15, 'x'));
  ASSERT_TRUE(read(good).ok());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(read(good.substr(0, size)).ok()) << size;
  }
  for (size_t i = 0; i < good.size(); ++i) {
    for (int value = 0; value < 256; ++value) {
      std::string bytes = good;
      bytes[i] = char(value);
      const auto tensors = read(bytes);
      if (!tensors.ok()) continue;
      for (const TensorInfo& info : *tensors) {
        ASSERT_LE(info.offset + info.bytes, bytes.size());
        ASSERT_EQ(tensor_bytes(info.dtype, info.shape), info.bytes);
      }
    }
  }
}

}  // namespace
}  // namespace llmos
