// SPDX-License-Identifier: Apache-2.0
// A struct with one option of every kind, and its table.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "config/option_table.h"

namespace llmos::config {

enum class Color : uint8_t { kRed, kGreen };

// One option of every kind.
struct Every {
  bool flag{};
  int32_t integer{-3};
  uint16_t count{7};
  uint64_t bytes{4096};
  std::chrono::milliseconds pause{250};
  double ratio{0.5};
  Color color{Color::kGreen};
  std::string text{"a \"b\"\\c\t"};
  std::vector<int32_t> list{0, 1};
};

inline constexpr std::string_view kColors[] = {"red", "green"};

inline const OptionTable& every_table() {
  static const OptionTable table = OptionTable::of<Every>({
      option<&Every::flag>("x.flag", "A flag."),
      option<&Every::integer>("x.integer", "A number.", {-10, 10}),
      option<&Every::count>("x.count", "A count.", {1, 100}, "things"),
      bytes_option<&Every::bytes>("x.bytes", "A size.", {0, uint64_t{1} << 40}),
      option<&Every::pause>("x.pause", "A time.",
                            {std::chrono::milliseconds(0), std::chrono::seconds(10)}),
      option<&Every::ratio>("x.ratio", "A share.", {0, 1}),
      enum_option<&Every::color>("y.color", "A color.", kColors),
      option<&Every::text>("y.text", "A text."),
      option<&Every::list>("y.list", "A list.", {0, 64}),
  });
  return table;
}

inline std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace llmos::config
