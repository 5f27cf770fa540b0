// SPDX-License-Identifier: Apache-2.0
#include "config/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "support/test_seed.h"

namespace llmos::config {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000'000;

std::string error_of(Kind kind, std::string_view text) {
  const Result<Value> value = parse_value(kind, text);
  return value.ok() ? "accepted" : value.status().message();
}

TEST(Value, BytesTakeDecimalAndBinaryUnits) {
  EXPECT_EQ(*parse_bytes("0"), 0u);
  EXPECT_EQ(*parse_bytes("1048576"), 1048576u);
  EXPECT_EQ(*parse_bytes("12B"), 12u);
  EXPECT_EQ(*parse_bytes("512MiB"), 512ull << 20);
  EXPECT_EQ(*parse_bytes("2GB"), 2'000'000'000u);
  EXPECT_EQ(*parse_bytes("2 GiB"), 2ull << 30);
  EXPECT_EQ(*parse_bytes("18446744073709551615"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(*parse_bytes("16777215TiB"), 16777215ull << 40);
}

TEST(Value, BytesRefuseWhatIsAmbiguousOrTooLarge) {
  for (const char* text :
       {"", "-1", "GiB", "1G", "1.5GiB", "1gib", "1  GiB", "1GiB ", "0x10", "+1"})
    EXPECT_FALSE(parse_bytes(text).ok()) << text;
  EXPECT_THAT(parse_bytes("1G").status().message(), HasSubstr("512MiB"));
  EXPECT_THAT(parse_bytes("18446744073709551616").status().message(), HasSubstr("too large"));
  EXPECT_THAT(parse_bytes("16777216TiB").status().message(), HasSubstr("too large"));
}

TEST(Value, DurationsNeedTheirUnit) {
  EXPECT_EQ(*parse_duration_ns("250ms"), kSecond / 4);
  EXPECT_EQ(*parse_duration_ns("10s"), 10 * kSecond);
  EXPECT_EQ(*parse_duration_ns("2 h"), 7200 * kSecond);
  EXPECT_EQ(*parse_duration_ns("5min"), 300 * kSecond);
  EXPECT_EQ(*parse_duration_ns("-3us"), -3000);
  EXPECT_EQ(*parse_duration_ns("0"), 0);
  for (const char* text : {"250", "1.5s", "--3s", "s", "", "10S", "1m"})
    EXPECT_FALSE(parse_duration_ns(text).ok()) << text;
  EXPECT_THAT(parse_duration_ns("9223372037s").status().message(), HasSubstr("too large"));
}

TEST(Value, NumbersRefuseTrailingTextAndOverflow) {
  EXPECT_EQ(*parse_value(Kind::kInteger, "-5"), Value(int64_t{-5}));
  EXPECT_THAT(error_of(Kind::kInteger, "5x"), HasSubstr("whole number"));
  EXPECT_THAT(error_of(Kind::kInteger, "9223372036854775808"), HasSubstr("too large"));
  EXPECT_THAT(error_of(Kind::kUnsigned, "-1"), HasSubstr("0 or more"));
  EXPECT_EQ(*parse_value(Kind::kDouble, "1e-3"), Value(0.001));
  for (const char* text : {"nan", "inf", "-inf", "1e999", "1,5", " 1"})
    EXPECT_NE(error_of(Kind::kDouble, text), "accepted") << text;
}

TEST(Value, BooleansAndWords) {
  for (const char* text : {"true", "1", "on", "yes"})
    EXPECT_EQ(*parse_value(Kind::kBool, text), Value(true));
  for (const char* text : {"false", "0", "off", "no"})
    EXPECT_EQ(*parse_value(Kind::kBool, text), Value(false));
  EXPECT_THAT(error_of(Kind::kBool, "TRUE"), HasSubstr("true or false"));
  constexpr std::string_view kNames[] = {"red", "green"};
  EXPECT_EQ(*parse_value(Kind::kEnum, "green", kNames), Value(uint64_t{1}));
  EXPECT_EQ(parse_value(Kind::kEnum, "blue", kNames).status().message(),
            "expected one of red, green; found \"blue\"");
}

TEST(Value, ListsOfNumbers) {
  EXPECT_EQ(*parse_value(Kind::kIntegers, ""), Value(std::vector<int64_t>{}));
  EXPECT_EQ(*parse_value(Kind::kIntegers, "3,-1"), Value(std::vector<int64_t>{3, -1}));
  for (const char* text : {",", "1,", ",1", "1,,2", "1 ,2", "1;2"})
    EXPECT_NE(error_of(Kind::kIntegers, text), "accepted") << text;
  std::string many = "1";
  for (size_t i = 0; i < kListCountMax; ++i) many += ",1";
  EXPECT_THAT(error_of(Kind::kIntegers, many), HasSubstr("more than 1024"));
}

TEST(Value, MessagesStayShortAndPrintable) {
  const std::string message = error_of(Kind::kInteger, std::string(4000, '\xff'));
  EXPECT_LT(message.size(), 400u);
  for (const char c : message) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  EXPECT_THAT(error_of(Kind::kString, std::string(kValueBytesMax + 1, 'a')), HasSubstr("4097"));
  EXPECT_EQ(quoted("a\nb"), "\"a\\x0ab\"");
}

// Property: what format_value() writes, parse_value() reads back.
TEST(Value, FormatRoundTrips) {
  std::mt19937_64 random(test::seed("value round trip"));
  const auto expect_same = [](Kind kind, const Value& value) {
    const std::string text = format_value(kind, value);
    const Result<Value> again = parse_value(kind, text);
    ASSERT_TRUE(again.ok()) << text << ": " << again.status().message();
    EXPECT_EQ(*again, value) << text;
  };
  for (int i = 0; i < 20000; ++i) {
    // Shifts make round numbers, so that every unit is met.
    const uint64_t bits = random() >> (random() % 64) << (random() % 48);
    expect_same(Kind::kUnsigned, bits);
    expect_same(Kind::kBytes, bits);
    expect_same(Kind::kInteger, int64_t(bits));
    expect_same(Kind::kDuration,
                int64_t(bits % (uint64_t{1} << 62)) / 60'000'000'000 * 60'000'000'000);
    expect_same(Kind::kDuration, -int64_t(bits >> 1));
    double number;
    std::memcpy(&number, &bits, sizeof number);
    if (std::isfinite(number)) expect_same(Kind::kDouble, number);
    expect_same(Kind::kIntegers, std::vector<int64_t>(bits % 5, int64_t(bits)));
  }
}

}  // namespace
}  // namespace llmos::config
