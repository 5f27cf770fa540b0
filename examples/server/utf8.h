// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace server {

// Bytes of the well-formed UTF-8 character that `text` begins with; 0 where there is none.
size_t utf8_character_bytes(std::string_view text) noexcept;

}  // namespace server
