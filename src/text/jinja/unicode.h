// SPDX-License-Identifier: Apache-2.0
// What Python's string methods know about characters: Unicode 14.0, as Python 3.11 has it. The
// table is made by tests/golden/make_unicode_table.py.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llmos::jinja {

// Python's str.isspace(), also what \s matches and strip() strips.
bool is_space(char32_t character);
// Where str.splitlines() splits.
bool is_line_break(char32_t character);

// Properties of a character, as bits.
enum CharacterProperty : uint16_t {
  kAlphabetic = 1,  // isalpha
  kDecimal = 2,     // isdecimal
  kDigit = 4,       // isdigit
  kNumeric = 8,     // isnumeric
  kUppercase = 16,  // isupper
  kLowercase = 32,  // islower
  kTitlecase = 64,
  kPrintable = 128,  // repr() leaves it as it is
  kCased = 256,
  kCaseIgnorable = 512,  // does not end a word for the final sigma
};
uint16_t character_properties(char32_t character);
// The value of a decimal digit of any script.
std::optional<int> decimal_digit(char32_t character);

// Python's str.upper(), lower() and the mapping to title case of one character.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(char32_t character);
// The first character in title case, the others in lower case.
std::string capitalized(std::string_view text);
// Python's str.title(): so for each run of cased characters.
std::string titled(std::string_view text);
std::string swapped_case(std::string_view text);
// Python's str.casefold().
std::string casefolded(std::string_view text);

// Python's isupper() and islower(): `wanted` is kUppercase or kLowercase.
bool is_cased(std::string_view text, CharacterProperty wanted);

std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
inline std::string_view strip(std::string_view text) { return strip_left(strip_right(text)); }

}  // namespace llmos::jinja
