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

std::string errno_text(int error) {
  const char* name = strerrorname_np(error);
  const char* description = strerrordesc_np(error);
  return (Text() << (name ? name : "errno") << " (" << (description ? description : "unknown error")
                 << ')')
      .str();
}

}  // namespace llmos
