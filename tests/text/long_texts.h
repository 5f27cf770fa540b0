// SPDX-License-Identifier: Apache-2.0
// Long texts of one thing over and over: where a pattern or a merge that is not linear shows.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace llmos::test {

// What takes below 0.05 s in a release build has room for sanitizers and a busy machine; quadratic
// time would take a minute.
inline constexpr size_t kLongTextBytes = 250'000;
inline constexpr double kLongTextSecondsMax = 10;

inline std::vector<std::string> long_texts(size_t bytes = kLongTextBytes) {
  std::vector<std::string> texts;
  for (const std::string_view part :
       {"a", "Aa", " ", "\n", " \n", "7", "\u0301", "\u4E2D", "\U0001F600", "\xFF",
        "'=", "Hello w\u00F6rld \u4E2D\u6587 123 \n\t it's \U0001F600\u0301 "}) {
    std::string& text = texts.emplace_back();
    while (text.size() + part.size() <= bytes) text += part;
  }
  texts.push_back(std::string(bytes - 1, ' ') + "x");
  return texts;
}

}  // namespace llmos::test
