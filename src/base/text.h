// SPDX-License-Identifier: Apache-2.0
// Text builds a message piece by piece: Text() << "expected " << 4 << " bytes, found " << n. It
// exists so that messages need neither a format library nor <sstream> in our headers.
#pragma once

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace llmos {

class Text {
 public:
  Text& operator<<(std::string_view piece) {
    text_ += piece;
    return *this;
  }
  Text& operator<<(char piece) {
    text_ += piece;
    return *this;
  }
  Text& operator<<(const char* piece) {
    return *this << std::string_view(piece ? piece : "(null)");
  }
  Text& operator<<(std::same_as<bool> auto value) {
    return *this << std::string_view(value ? "true" : "false");
  }
  Text& operator<<(double value);  // shortest form that reads back to the same double
  Text& operator<<(const void* pointer);
  template <std::integral T>
  requires(!std::same_as<T, bool>) Text& operator<<(T value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return *this << std::string_view(digits, size_t(end - digits));
  }

  const std::string& str() const& { return text_; }
  std::string str() && { return std::move(text_); }

 private:
  std::string text_;
};

// 1536 -> "1.5 KiB"; exact below 1 KiB, else one decimal.
std::string bytes_text(uint64_t bytes);

// `text` with all but printable ASCII escaped (\x0a), cut after `bytes_max` bytes: hostile text
// that is shown in a message.
std::string printable(std::string_view text, size_t bytes_max);

// Bytes of the well-formed UTF-8 character that `text` begins with (Unicode table 3-7: no overlong
// forms, no surrogates, nothing above U+10FFFF); 0 where there is none.
size_t utf8_character_bytes(std::string_view text) noexcept;

// "ENOENT (No such file or directory)" for the errno value `error`.
std::string errno_text(int error);

}  // namespace llmos
