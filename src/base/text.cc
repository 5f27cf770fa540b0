// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <cstring>

namespace llmos {

Text& Text::operator<<(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return *this << std::string_view(digits, size_t(end - digits));
}

Text& Text::operator<<(const void* pointer) {
  char digits[20];
  const auto end =
      std::to_chars(digits, digits + sizeof digits, reinterpret_cast<uintptr_t>(pointer), 16).ptr;
  return *this << "0x" << std::string_view(digits, size_t(end - digits));
}

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1024) return (Text() << bytes << " B").str();
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  int unit = 0;
  double value = double(bytes) / 1024;
  for (; value >= 1023.95 && unit < 5; ++unit) value /= 1024;
  char digits[32];
  const auto end =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, 1).ptr;
  return (Text() << std::string_view(digits, size_t(end - digits)) << ' ' << kUnits[unit]).str();
}

std::string printable(std::string_view text, size_t bytes_max) {
  static constexpr char kHex[] = "0123456789abcdef";
  Text out;
  for (const char c : text.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f) {
      out << "\\x" << kHex[byte >> 4] << kHex[byte & 15];
    } else {
      out << c;
    }
  }
  if (text.size() > bytes_max) out << "...";
  return std::move(out).str();
}

size_t utf8_character_bytes(std::string_view text) noexcept {
  const auto byte = [&](size_t i) { return i < text.size() ? uint8_t(text[i]) : uint8_t{0}; };
  const auto within = [](uint8_t value, uint8_t first, uint8_t last) {
    return first <= value && value <= last;
  };
  const auto tail = [&](size_t i) { return within(byte(i), 0x80, 0xBF); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return text.empty() ? 0 : 1;
  if (within(lead, 0xC2, 0xDF)) return tail(1) ? 2 : 0;
  if (within(lead, 0xE0, 0xEF)) {
    const uint8_t first = lead == 0xE0 ? 0xA0 : 0x80, last = lead == 0xED ? 0x9F : 0xBF;
    return within(byte(1), first, last) && tail(2) ? 3 : 0;
  }
  if (within(lead, 0xF0, 0xF4)) {
    const uint8_t first = lead == 0xF0 ? 0x90 : 0x80, last = lead == 0xF4 ? 0x8F : 0xBF;
    return within(byte(1), first, last) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::string errno_text(int error) {
  Text text;
  if (const char* name = strerrorname_np(error)) {
    text << name;
  } else {
    text << "errno " << error;
  }
  const char* description = strerrordesc_np(error);
  return (text << " (" << (description ? description : "unknown error") << ')').str();
}

}  // namespace llmos
