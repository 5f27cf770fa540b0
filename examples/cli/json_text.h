// SPDX-License-Identifier: Apache-2.0
// Writes JSON, in the order of the calls:
//
//   JsonText json;
//   json.open('{').key("ids").open('[').value(1).value(2).close(']').close('}');
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace cli {

class JsonText {
 public:
  JsonText& open(char bracket) {
    separate();
    text_ += bracket;
    first_ = true;
    return *this;
  }
  JsonText& close(char bracket) {
    text_ += bracket;
    first_ = false;
    return *this;
  }
  JsonText& key(std::string_view name) {
    value(name);
    text_ += ':';
    first_ = true;
    return *this;
  }
  // UTF-8 in, valid JSON out; control characters are escaped.
  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(std::same_as<bool> auto truth) { return raw(truth ? "true" : "false"); }
  template <class T>
  requires(std::is_arithmetic_v<T> && !std::same_as<T, bool>) JsonText& value(T number) {
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(number)) return null();
    }
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    return raw({digits, size_t(end - digits)});
  }
  JsonText& null() { return raw("null"); }

  const std::string& str() const { return text_; }

 private:
  void separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  JsonText& raw(std::string_view text) {
    separate();
    text_ += text;
    return *this;
  }

  std::string text_;
  bool first_ = true;
};

inline JsonText& JsonText::value(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  separate();
  text_ += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (c == '\n') {
      text_ += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      text_ += "\\u00";
      text_ += kHex[byte >> 4];
      text_ += kHex[byte & 15];
    } else {
      text_ += c;
    }
  }
  text_ += '"';
  return *this;
}

}  // namespace cli
