// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/unicode.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "text/jinja/text.h"

namespace llmos::jinja {
namespace {

// FNV-1a of `text_of(character)` for every character, surrogates apart. The expected hashes are
// those of Python 3.11's own methods on the same texts.
template <class TextOf>
uint64_t hash_of_all(const TextOf& text_of) {
  uint64_t hash = 0xCBF29CE484222325;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    for (const char byte : text_of(c)) hash = (hash ^ uint8_t(byte)) * 0x100000001B3;
    hash = (hash ^ 0xFF) * 0x100000001B3;
  }
  return hash;
}

std::string text_of(char32_t c) {
  std::string text;
  append_character(text, c);
  return text;
}

std::string flag(bool set) { return set ? "1" : "0"; }

std::string property(char32_t c, uint16_t wanted) {
  return flag((character_properties(c) & wanted) != 0);
}

TEST(JinjaUnicode, MapsEveryCharacterAsPython) {
  EXPECT_EQ(hash_of_all([](char32_t c) { return to_upper(text_of(c)); }), 0x893BB44E6576B5E4);
  EXPECT_EQ(hash_of_all([](char32_t c) { return to_lower(text_of(c)); }), 0x6B763109DC190E82);
  EXPECT_EQ(hash_of_all([](char32_t c) { return titled(text_of(c)); }), 0x4143CF6022F0B993);
  EXPECT_EQ(hash_of_all([](char32_t c) { return capitalized(text_of(c)); }), 0x4143CF6022F0B993);
  EXPECT_EQ(hash_of_all([](char32_t c) { return swapped_case(text_of(c)); }), 0xF85082D8BFD5D1A5);
  EXPECT_EQ(hash_of_all([](char32_t c) { return casefolded(text_of(c)); }), 0x86571D38FC5D4DC8);
}

TEST(JinjaUnicode, KnowsEveryCharacterAsPython) {
  EXPECT_EQ(hash_of_all([](char32_t c) { return property(c, kAlphabetic); }), 0x4B8226549BBB1665);
  EXPECT_EQ(hash_of_all([](char32_t c) { return property(c, kDigit); }), 0xB3636B0D3088E695);
  EXPECT_EQ(hash_of_all([](char32_t c) { return property(c, kNumeric); }), 0xFAD56B7E5970BD35);
  EXPECT_EQ(hash_of_all([](char32_t c) { return property(c, kPrintable); }), 0x2A7AF5AA4B6934E5);
  EXPECT_EQ(hash_of_all([](char32_t c) { return flag(is_cased(text_of(c), kUppercase)); }),
            0x1D885369B81A47B4);
  EXPECT_EQ(hash_of_all([](char32_t c) { return flag(is_cased(text_of(c), kLowercase)); }),
            0xCA493132805F46D4);
  EXPECT_EQ(hash_of_all([](char32_t c) { return flag(is_space(c)); }), 0xBE321105DDA30224);
  EXPECT_EQ(hash_of_all([](char32_t c) {
              const auto digit = decimal_digit(c);
              return digit ? std::to_string(*digit) : std::string("-");
            }),
            0xF4065DACF4185745);
}

TEST(JinjaUnicode, EndsWordsWithTheFinalSigma) {
  EXPECT_EQ(to_lower("ΣΑΣ"), "σας");
  EXPECT_EQ(to_lower("ΑΣ'Α"), "ασ'α");
  EXPECT_EQ(to_lower("ΑΣ' Α"), "ας' α");
  EXPECT_EQ(to_lower("Σ"), "σ");
  EXPECT_EQ(titled("ΣΑΣ ΑΣ"), "Σας Ας");
}

TEST(JinjaUnicode, Strips) {
  EXPECT_EQ(strip(" \t\u00a0a b\u3000\n"), "a b");
  EXPECT_EQ(strip(" \u2003 "), "");
  EXPECT_EQ(strip_left(" é "), "é ");
  EXPECT_EQ(strip_right(" é "), " é");
  EXPECT_EQ(strip("\u200b"), "\u200b");  // no space in Python
}

}  // namespace
}  // namespace llmos::jinja
