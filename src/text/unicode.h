// SPDX-License-Identifier: Apache-2.0
// Code points: their general category by Unicode 16.0.0, and reading them from hostile bytes.
//
// Version  16.0.0, the tables of Oniguruma 6.9.10, which runs the regular expressions of HF
//          tokenizers: every class of ours equals theirs on every code point.
// Bytes    A byte that begins no well-formed UTF-8 character counts as one U+FFFD, one byte long.
//          So any bytes can be walked, and no byte is ever lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llmos::unicode {

inline constexpr char32_t kCodePointMax = 0x10FFFF;
inline constexpr char32_t kReplacement = 0xFFFD;

// The general category of a code point, named as Unicode does.
enum class Category : uint8_t {
  kCn,
  kLu,
  kLl,
  kLt,
  kLm,
  kLo,
  kMn,
  kMc,
  kMe,
  kNd,
  kNl,
  kNo,
  kPc,
  kPd,
  kPs,
  kPe,
  kPi,
  kPf,
  kPo,
  kSm,
  kSc,
  kSk,
  kSo,
  kZs,
  kZl,
  kZp,
  kCc,
  kCf,
  kCs,
  kCo,
};

// A set of categories, one bit each.
using Categories = uint32_t;
constexpr Categories bit(Category category) { return Categories{1} << unsigned(category); }
constexpr Categories bits(Category first, Category last) { return (bit(last) << 1) - bit(first); }
inline constexpr Categories kLetter = bits(Category::kLu, Category::kLo);
inline constexpr Categories kMark = bits(Category::kMn, Category::kMe);
inline constexpr Categories kNumber = bits(Category::kNd, Category::kNo);
inline constexpr Categories kPunctuation = bits(Category::kPc, Category::kPo);
inline constexpr Categories kSymbol = bits(Category::kSm, Category::kSo);
inline constexpr Categories kSeparator = bits(Category::kZs, Category::kZp);

namespace detail {

// Two stages: a block of 128 code points, then the code point in it. 5 bits of category, 2 flags.
inline constexpr unsigned kBlockBits = 7;
inline constexpr uint8_t kCategoryMask = 0x1F;
inline constexpr uint8_t kAlterable = 0x20;
inline constexpr uint8_t kOtherAlphabetic = 0x40;
extern const uint16_t* const kBlockIndex;
extern const uint8_t* const kBlocks;

inline uint8_t property(char32_t c) {
  const size_t block = kBlockIndex[c >> kBlockBits];
  return kBlocks[(block << kBlockBits) | (c & ((1u << kBlockBits) - 1))];
}

}  // namespace detail

// Of any code point up to kCodePointMax.
inline Category category(char32_t c) {
  return Category(detail::property(c) & detail::kCategoryMask);
}
inline bool is(Categories set, char32_t c) { return set >> unsigned(category(c)) & 1; }
// White_Space.
inline bool is_space(char32_t c) { return (c >= 9 && c <= 13) || c == 0x85 || is(kSeparator, c); }
// A symbol with the property Alphabetic: letters in circles and squares.
inline bool is_letter_symbol(char32_t c) { return detail::property(c) & detail::kOtherAlphabetic; }
// \w as Oniguruma has it: Alphabetic, marks, decimal digits, connectors.
inline bool is_word(char32_t c) {
  constexpr Categories kWord =
      kLetter | kMark | bit(Category::kNd) | bit(Category::kNl) | bit(Category::kPc);
  return is(kWord, c) || is_letter_symbol(c);
}
// False where every normalisation form leaves the code point alone, whatever stands beside it; but
// an ASCII letter, for which it is false, may become one with a mark behind it.
inline bool may_normalize(char32_t c) { return detail::property(c) & detail::kAlterable; }

struct Character {
  char32_t code_point;
  uint32_t bytes;
};

// The first character of `text`, which is not empty.
Character decode_slow(std::string_view text) noexcept;
inline Character decode(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  return decode_slow(text);
}
// The last character of `text`, which is not empty.
Character decode_last(std::string_view text) noexcept;

// `c` is a Unicode scalar value.
void append(std::string& text, char32_t c);

}  // namespace llmos::unicode
