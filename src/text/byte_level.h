// SPDX-License-Identifier: Apache-2.0
// GPT-2's alphabet: every byte as a printable code point, so that any bytes can stand in a text
// file. Printable Latin-1 stands for itself, the other 68 bytes for U+0100 and up, in order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llmos {

namespace detail {

constexpr bool is_printable_latin1(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char16_t, 256> make_byte_characters() {
  std::array<char16_t, 256> table{};
  char16_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    table[byte] = is_printable_latin1(byte) ? char16_t(byte) : next++;
  }
  return table;
}

}  // namespace detail

inline constexpr std::array<char16_t, 256> kByteCharacters = detail::make_byte_characters();

// " a" -> "Ġa".
std::string to_byte_level(std::string_view bytes);

// "Ġa" -> " a". nullopt where a character stands for no byte, or is not UTF-8.
std::optional<std::string> from_byte_level(std::string_view text);

// The byte that `c` stands for.
std::optional<uint8_t> byte_of_character(char32_t c);

}  // namespace llmos
