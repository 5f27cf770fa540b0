// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/rng.h"
#include "support/test_seed.h"

namespace llmos {
namespace {

template <class T>
std::string text_of(const T& piece) {
  return (Text() << piece).str();
}

TEST(Text, JoinsPiecesOfEveryKind) {
  EXPECT_EQ((Text() << "a" << 'b' << std::string("c") << std::string_view("d") << 1 << true).str(),
            "abcd1true");
  EXPECT_EQ(Text().str(), "");
  EXPECT_EQ(text_of(false), "false");
  EXPECT_EQ(text_of<const char*>(nullptr), "(null)");
}

TEST(Text, IntegersToTheirEnds) {
  EXPECT_EQ(text_of(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(text_of(std::numeric_limits<uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(text_of(uint8_t{65}), "65");  // a number, no letter
  EXPECT_EQ(text_of(int8_t{-1}), "-1");
}

TEST(Text, DoublesAreShortestAndReadBack) {
  EXPECT_EQ(text_of(0.1), "0.1");
  EXPECT_EQ(text_of(1e300), "1e+300");
  EXPECT_EQ(text_of(-0.0), "-0");
  EXPECT_EQ(text_of(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(text_of(std::nan("")), "nan");
  Rng rng(test::seed("text doubles"));
  for (int i = 0; i < 10000; ++i) {
    const auto value = std::bit_cast<double>(rng.u64());
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(std::strtod(text_of(value).c_str(), nullptr), value);
  }
}

TEST(Text, PointersAreHexadecimal) {
  EXPECT_EQ(text_of(reinterpret_cast<const void*>(uintptr_t{0xdeadbeef})), "0xdeadbeef");
  EXPECT_EQ(text_of(reinterpret_cast<int*>(~uintptr_t{0})), "0xffffffffffffffff");
}

TEST(BytesText, PicksTheUnit) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text((uint64_t{1} << 20) - 1), "1.0 MiB");  // and not 1024.0 KiB
  EXPECT_EQ(bytes_text(uint64_t{5} << 30), "5.0 GiB");
  EXPECT_EQ(bytes_text(~uint64_t{0}), "16.0 EiB");
}

TEST(ErrnoText, NamesTheError) {
  EXPECT_EQ(errno_text(ENOENT), "ENOENT (No such file or directory)");
  EXPECT_EQ(errno_text(123456), "errno 123456 (unknown error)");
}

// The oracle encodes: what is a character is exactly what the encoder makes of the 1,112,064 scalar
// values.
std::string encoded(uint32_t scalar) {
  if (scalar < 0x80) return {char(scalar)};
  if (scalar < 0x800) return {char(0xC0 | scalar >> 6), char(0x80 | (scalar & 63))};
  if (scalar < 0x10000) {
    return {char(0xE0 | scalar >> 12), char(0x80 | (scalar >> 6 & 63)), char(0x80 | (scalar & 63))};
  }
  return {char(0xF0 | scalar >> 18), char(0x80 | (scalar >> 12 & 63)),
          char(0x80 | (scalar >> 6 & 63)), char(0x80 | (scalar & 63))};
}

TEST(Text, PrintableEscapesAndCuts) {
  EXPECT_EQ(printable("a b~", 10), "a b~");
  EXPECT_EQ(printable(std::string_view("a\n\0\xff", 4), 10), "a\\x0a\\x00\\xff");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("abc", 3), "abc");
}

TEST(Utf8, EveryScalarValueIsACharacter) {
  for (uint32_t scalar = 0; scalar < 0x110000; ++scalar) {
    const std::string bytes = encoded(scalar);
    const bool surrogate = scalar >= 0xD800 && scalar < 0xE000;
    ASSERT_EQ(utf8_character_bytes(bytes + "x"), surrogate ? 0 : bytes.size()) << scalar;
    if (bytes.size() > 1) {
      ASSERT_EQ(utf8_character_bytes(std::string_view(bytes).substr(0, bytes.size() - 1)), 0u);
    }
  }
  EXPECT_EQ(utf8_character_bytes(""), 0u);
}

// All other words of four bytes: whatever is accepted decodes to a scalar of that very encoding.
TEST(Utf8, NothingElseIs) {
  Rng rng(test::seed("utf-8"));
  for (int i = 0; i < 1000000; ++i) {
    const uint32_t word = rng.u32() | 0x80;
    const std::string text(reinterpret_cast<const char*>(&word), 4);
    const size_t bytes = utf8_character_bytes(text);
    if (bytes == 0) continue;
    ASSERT_GE(bytes, 2u);
    uint32_t scalar = uint8_t(text[0]) & (0x7Fu >> bytes);
    for (size_t k = 1; k < bytes; ++k) scalar = scalar << 6 | (uint8_t(text[k]) & 63);
    ASSERT_EQ(encoded(scalar), text.substr(0, bytes));
    ASSERT_LT(scalar, 0x110000u);
    ASSERT_FALSE(scalar >= 0xD800 && scalar < 0xE000) << scalar;
  }
}

}  // namespace
}  // namespace llmos
