// SPDX-License-Identifier: Apache-2.0
#include "text/replace.h"

namespace llmos {

std::string replace_all(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string out;
  size_t done = 0;
  while (!pattern.empty()) {
    const size_t found = text.find(pattern, done);
    if (found == std::string_view::npos) break;
    out.append(text, done, found - done);
    out += content;
    done = found + pattern.size();
  }
  out.append(text, done);
  return out;
}

}  // namespace llmos
