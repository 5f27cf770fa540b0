// SPDX-License-Identifier: Apache-2.0
// Builds a precompiled charsmap by hand: a double array as Darts makes it, if not as dense.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace llmos::test {

inline void append_u32(std::string& bytes, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) bytes += char(value >> shift & 0xFF);
}

// The table that replaces each key, without zero bytes, by its value.
inline std::string charsmap_bytes(const std::map<std::string, std::string>& entries) {
  std::string replacements;
  std::map<std::string, uint32_t> nodes;  // beginnings of keys to their number, in order
  std::map<std::string, uint32_t> values;
  for (const auto& [key, value] : entries) {
    for (size_t bytes = 0; bytes <= key.size(); ++bytes) nodes.emplace(key.substr(0, bytes), 0);
    values[key] = uint32_t(replacements.size());
    replacements += value + '\0';
  }
  // Node n has its children in the block from base(n) on: no two nodes meet.
  uint32_t count = 0;
  for (auto& [text, number] : nodes) number = count++;
  const auto base = [&](const std::string& text) { return (nodes.at(text) + 1) * 256; };
  const auto place = [&](const std::string& text) {
    return text.empty() ? 0 : base(text.substr(0, text.size() - 1)) ^ uint8_t(text.back());
  };
  std::vector<uint32_t> units((count + 1) * 256, 0x80000000);  // a label that no byte has
  for (const auto& [text, number] : nodes) {
    const uint32_t label = text.empty() ? 0 : uint8_t(text.back());
    const uint32_t leaf = values.count(text) ? 1u << 8 : 0;
    units[place(text)] = (place(text) ^ base(text)) << 10 | leaf | label;
    if (leaf) units[base(text)] = 0x80000000 | values.at(text);
  }
  std::string bytes;
  append_u32(bytes, uint32_t(units.size() * 4));
  for (const uint32_t unit : units) append_u32(bytes, unit);
  return bytes + replacements;
}

}  // namespace llmos::test
