// SPDX-License-Identifier: Apache-2.0
// safetensors bytes put together by hand, right or wrong.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace llmos::test {

// A file with that header, its length before it, and the data behind it.
inline std::string safetensors_bytes(std::string_view header, std::string_view data) {
  const uint64_t size = header.size();
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes.append(header).append(data);
}

}  // namespace llmos::test
