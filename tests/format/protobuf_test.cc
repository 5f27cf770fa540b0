// SPDX-License-Identifier: Apache-2.0
#include "format/protobuf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;
using Wire = ProtobufField::Wire;

std::vector<ProtobufField> fields_of(std::string_view message) {
  ProtobufReader reader(message);
  std::vector<ProtobufField> fields;
  ProtobufField field;
  while (reader.next(field)) fields.push_back(field);
  EXPECT_TRUE(reader.status().ok()) << reader.status().to_string();
  return fields;
}

Status error_of(std::string_view message) {
  ProtobufReader reader(message);
  ProtobufField field;
  while (reader.next(field)) {
  }
  EXPECT_FALSE(reader.next(field));  // an error stays
  return reader.status();
}

TEST(Protobuf, ReadsFieldsOfEveryKind) {
  const std::string message = "\x08\x96\x01"s +
                              "\x12\x03"
                              "abc" +
                              "\x1D\0\0\x80\x3F"s + "\x21\1\0\0\0\0\0\0\x80"s + "\xC8\x02\x01"s;
  const auto fields = fields_of(message);
  ASSERT_EQ(fields.size(), 5u);
  EXPECT_EQ(fields[0].number, 1u);
  EXPECT_EQ(fields[0].wire, Wire::kVarint);
  EXPECT_EQ(fields[0].integer(), 150);
  EXPECT_EQ(fields[1].bytes, "abc");
  EXPECT_EQ(fields[2].wire, Wire::kFixed32);
  EXPECT_EQ(fields[2].number32(), 1.0f);
  EXPECT_EQ(fields[3].value, (uint64_t{1} << 63) + 1);
  EXPECT_EQ(fields[4].number, 41u);
  EXPECT_TRUE(fields[4].boolean());
}

TEST(Protobuf, NegativeNumbersHave64Bits) {
  const auto fields = fields_of("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
  ASSERT_EQ(fields.size(), 1u);
  EXPECT_EQ(fields[0].integer(), -1);
}

TEST(Protobuf, AnEmptyMessageHasNoFields) { EXPECT_TRUE(fields_of("").empty()); }

TEST(Protobuf, RefusesWhatIsNoField) {
  const std::pair<std::string, const char*> cases[] = {
      {"\x08", "a varint"},                                              // ends early
      {"\x80", "a varint"},                                              // the tag does
      {"\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "a varint"},  // 77 bits
      {"\x1D\0\0"s, "a number of fixed size"},
      {"\x21\0\0\0\0"s, "a number of fixed size"},
      {"\x12\x04"
       "abc",
       "as many bytes as the field's length"},
      {"\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "as many bytes"},  // 2^64 - 1
      {"\x0B", "a wire type that is in use"},                             // a group
      {"\x0F", "a wire type that is in use"},
      {"\x02\x01"
       "a",
       "a field number"},                                  // 0
      {"\xF8\xFF\xFF\xFF\xFF\x01\x01", "a field number"},  // above 32 bits
  };
  for (const auto& [bytes, says] : cases) {
    const Status status = error_of(bytes);
    EXPECT_EQ(status.code(), Code::kCorrupt) << says;
    EXPECT_THAT(status.message(), HasSubstr(says));
    EXPECT_THAT(status.message(), HasSubstr("byte "));
  }
}

TEST(Protobuf, RandomBytesEnd) {
  Rng rng(test::seed("random messages"));
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes;
    for (size_t left = rng.below(30); left > 0; --left) bytes += char(rng.below(256));
    ProtobufReader reader(bytes);
    ProtobufField field;
    size_t count = 0;
    while (reader.next(field)) {
      ++count;
      if (field.wire != Wire::kBytes) continue;
      EXPECT_GE(field.bytes.data(), bytes.data());
      EXPECT_LE(field.bytes.data() + field.bytes.size(), bytes.data() + bytes.size());
    }
    EXPECT_LE(count, bytes.size() / 2);
  }
}

}  // namespace
}  // namespace llmos
