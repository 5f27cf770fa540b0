// SPDX-License-Identifier: Apache-2.0
// Hostile documents: each ends in an error or in values, quickly.
#include "config/toml_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "config/llmos_options.h"
#include "config/settings.h"
#include "support/test_seed.h"

namespace llmos::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string repeat(std::string_view piece, size_t times) {
  std::string out;
  out.reserve(piece.size() * times);
  for (size_t i = 0; i < times; ++i) out += piece;
  return out;
}

std::string error_of(std::string_view text) {
  const auto entries = parse_toml(text);
  return entries.ok() ? "accepted" : entries.status().message();
}

TEST(TomlFile, FlattensWithLines) {
  const auto entries = parse_toml("a = 1\n\n[b]\nc.d = [1, 2]\ne = {}\n");
  ASSERT_TRUE(entries.ok()) << entries.status().message();
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].key, "a");
  EXPECT_EQ((*entries)[0].line, 1u);
  EXPECT_EQ((*entries)[1].key, "b.c.d");
  EXPECT_EQ((*entries)[1].line, 4u);
  EXPECT_EQ((*entries)[2].key, "b.e");
  EXPECT_TRUE((*entries)[2].is_table);
}

TEST(TomlFile, SyntaxErrorsNameTheirLine) {
  EXPECT_THAT(error_of("a = 1\nb = \n"), StartsWith("2: "));
  EXPECT_THAT(error_of("a = 1\n\na = 2\n"), StartsWith("3: "));
  EXPECT_THAT(error_of("[a]\n[a]\n"), StartsWith("2: "));
  EXPECT_THAT(error_of("a = 99999999999999999999\n"), StartsWith("1: "));
  EXPECT_THAT(error_of("a = \"unterminated"), StartsWith("1: "));
  EXPECT_THAT(error_of("a = '\xff\xfe'\n"), StartsWith("1: "));
  EXPECT_THAT(error_of("\x7f"
                       "ELF\x02\x01\x01"),
              StartsWith("1: "));
  EXPECT_NE(error_of(std::string_view("a = 1\n\0\0\0", 9)), "accepted");
}

// The parser's own test for blanks was undefined for these (see toml_file.cc).
TEST(TomlFile, LettersOutsideOfStringsAreErrors) {
  for (const char* letter : {"\xc3\xa4", "\xc2\xad", "\xd2\x80", "\xe1\x9a\x81", "\xe2\x80\xb0"}) {
    EXPECT_THAT(error_of(std::string("a = 1\nb ") + letter + " = 2\n"), StartsWith("2: "));
    EXPECT_THAT(error_of(std::string("a = ") + letter + "\n"), StartsWith("1: "));
    EXPECT_THAT(error_of(letter), StartsWith("1: "));
    EXPECT_EQ(error_of(std::string("a = \"\"\"x\\\n") + letter + "\"\"\""), "accepted");
  }
}

TEST(TomlFile, SizeIsBounded) {
  EXPECT_THAT(error_of(repeat("a", 100'000'000)), HasSubstr("at most 1048576"));
  EXPECT_THAT(error_of("a = '" + repeat("b", kFileBytesMax)), HasSubstr("at most 1048576"));
  EXPECT_EQ(error_of("a = '" + repeat("b", kFileBytesMax - 6) + "'"), "accepted");
}

// Without the bound these destroy a chain of half a million tables recursively.
TEST(TomlFile, NestingIsBounded) {
  EXPECT_THAT(error_of("[a" + repeat(".a", kFileBytesMax / 2 - 10) + "]"), HasSubstr("dots"));
  EXPECT_THAT(error_of("a" + repeat(".a", kDotsMax + 1) + " = 1"), HasSubstr("dots"));
  EXPECT_THAT(error_of("#\v[a" + repeat(".a", kDotsMax + 1) + "]"), HasSubstr("dots"));
  EXPECT_THAT(error_of("#\r[a" + repeat(".a", kDotsMax + 1) + "]"), HasSubstr("dots"));
  EXPECT_THAT(error_of("#\xc2\x85[a" + repeat(".a", kDotsMax + 1) + "]"), HasSubstr("dots"));
  EXPECT_EQ(error_of("[a" + repeat(".a", kDotsMax) + "]"), "accepted");
  EXPECT_NE(error_of("a = " + repeat("[", 500'000)), "accepted");
  EXPECT_NE(error_of("a = " + repeat("{b=", 300'000)), "accepted");
  EXPECT_EQ(error_of("# " + repeat(".", 500'000) + "\na = 1"), "accepted");
}

TEST(TomlFile, KeysAndMessagesAreBounded) {
  const std::string name = repeat("k", 500'000);
  std::string text = "[" + name + "]\n";
  for (int i = 0; i < 40'000; ++i) text += "a" + std::to_string(i) + "=1\n";
  const auto entries = parse_toml(text);
  ASSERT_TRUE(entries.ok()) << entries.status().message();
  for (const TomlEntry& entry : *entries) ASSERT_LT(entry.key.size(), 100u);
  EXPECT_LT(error_of("a = " + name).size(), 400u);
  EXPECT_LT(error_of(name + " = " + name).size(), 400u);
  EXPECT_LT(error_of(name + " = 1\n" + name + " = 2").size(), 400u);
}

// Each of these is as large as a file may be; none may take time beyond linear.
TEST(TomlFile, FullSizeDocumentsAreQuick) {
  const size_t size = kFileBytesMax - 64;
  std::string keys;
  for (size_t i = 0; keys.size() < size; ++i) keys += "k" + std::to_string(i) + "=1\n";
  const std::string documents[] = {
      keys,
      repeat("[[a]]\n", size / 6),
      "a = [" + repeat("1,", size / 2) + "]",
      "a = [" + repeat("{},", size / 3) + "]",
      "a = \"\"\"" + repeat("\\\n", size / 2) + "\"\"\"",
      "a = '''" + repeat("\n", size) + "'''",
      repeat("\n", size),
      repeat("#\n", size / 2),
      repeat("\xe2\x82\xac", size / 3),
  };
  for (const std::string& document : documents) {
    ASSERT_LE(document.size(), kFileBytesMax);
    const auto start = std::chrono::steady_clock::now();
    Settings settings(llmos_options());
    settings.read_toml(document, "f");
    const std::string message = settings.status().message();
    const auto spent = std::chrono::steady_clock::now() - start;
    EXPECT_FALSE(settings.status().ok() && document[0] != '\n' && document[0] != '#');
    EXPECT_LT(message.size(), 8000u);
    // Measured 0.05 to 0.3 s; the sanitizers take ten times that.
    EXPECT_LT(spent, std::chrono::seconds(20)) << document.substr(0, 20);
  }
}

// Property: bytes taken from TOML's own alphabet, so that they get past the first token.
TEST(TomlFile, GarbageEndsInAnErrorOrValues) {
  static constexpr std::string_view kPieces[] = {
      "a",          "memory",    ".",      "=", "\n", "[",    "]",    "[[",
      "]]",         "{",         "}",      ",", "\"", "'",    "'''",  "\"\"\"",
      "#",          "\\",        "1",      "-", "+",  "1e9",  "0x",   "nan",
      "2026-11-21", "12:00:00",  "true",   " ", "\t", "\r\n", "\xff", "\xe2\x82\xac",
      "_",          "bytes_max", "\\u0041"};
  std::mt19937_64 random(test::seed("TOML garbage"));
  size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (size_t i = random() % 24; i > 0; --i) text += kPieces[random() % std::size(kPieces)];
    Settings settings(llmos_options());
    settings.read_toml(text, "f");
    const std::string message = settings.status().message();
    accepted += settings.status().ok();
    EXPECT_LT(message.size(), 8000u);
  }
  EXPECT_GT(accepted, 0u);
}

}  // namespace
}  // namespace llmos::config
