// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace llmos {

// Every `pattern` in `text` becomes `content`, from left to right; an empty pattern is nowhere.
std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content);

}  // namespace llmos
