// SPDX-License-Identifier: Apache-2.0
#include "text/byte_level.h"

#include "text/unicode.h"

namespace llmos {
namespace {

constexpr size_t kCharacterEnd = 0x144;  // one behind the last of U+0100..U+0143
constexpr int16_t kNoByte = -1;

constexpr std::array<int16_t, kCharacterEnd> make_character_bytes() {
  std::array<int16_t, kCharacterEnd> table{};
  table.fill(kNoByte);
  for (size_t byte = 0; byte < kByteCharacters.size(); ++byte) {
    table[kByteCharacters[byte]] = int16_t(byte);
  }
  return table;
}

constexpr std::array<int16_t, kCharacterEnd> kCharacterBytes = make_character_bytes();

}  // namespace

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    unicode::append(text, kByteCharacters[static_cast<unsigned char>(byte)]);
  }
  return text;
}

std::optional<uint8_t> byte_of_character(char32_t c) {
  if (c >= kCharacterEnd || kCharacterBytes[c] == kNoByte) return std::nullopt;
  return uint8_t(kCharacterBytes[c]);
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    const unicode::Character c = unicode::decode(text);
    const std::optional<uint8_t> byte = byte_of_character(c.code_point);
    if (!byte) return std::nullopt;
    bytes += static_cast<char>(*byte);
    text.remove_prefix(c.bytes);
  }
  return bytes;
}

}  // namespace llmos
