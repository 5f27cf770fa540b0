// SPDX-License-Identifier: Apache-2.0
#include "text/charsmap.h"

#include <algorithm>

#include "base/text.h"

namespace llmos {
namespace {

// The fields of a unit of Darts' double array.
constexpr bool has_leaf(uint32_t unit) { return unit >> 8 & 1; }
constexpr uint32_t value_of(uint32_t unit) { return unit & 0x7FFFFFFF; }
constexpr uint32_t label_of(uint32_t unit) { return unit & 0x800000FF; }
constexpr uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 0x200) >> 6); }

uint32_t read_u32(std::string_view bytes) {
  const auto at = [&](size_t i) { return uint32_t(uint8_t(bytes[i])) << (8 * i); };
  return at(0) | at(1) | at(2) | at(3);
}

}  // namespace

Result<Charsmap> Charsmap::parse(std::string_view blob) {
  const auto corrupt = [&](const char* what) {
    return Status(Code::kCorrupt, (Text() << "precompiled charsmap: expected " << what << ", found "
                                          << blob.size() << " bytes")
                                      .str());
  };
  Charsmap map;
  if (blob.empty()) return map;
  if (blob.size() < 4) return corrupt("a size of 4 bytes");
  const uint32_t trie_bytes = read_u32(blob);
  if (trie_bytes % 4 != 0 || trie_bytes == 0) return corrupt("a trie of whole 4-byte units");
  if (trie_bytes > blob.size() - 4) return corrupt("as many bytes as the trie has");
  for (size_t at = 4; at < size_t{4} + trie_bytes; at += 4) {
    map.units_.push_back(read_u32(blob.substr(at)));
  }
  map.replacements_ = blob.substr(size_t{4} + trie_bytes);
  return map;
}

// Calls found(bytes, value) for every entry that `text` begins with, shortest first, until it
// answers false. A zero byte ends every search: Darts keeps values behind the label 0.
template <class Found>
void Charsmap::walk(std::string_view text, Found&& found) const {
  if (units_.empty()) return;
  size_t node = offset_of(units_[0]);
  for (size_t i = 0; i < text.size() && text[i] != '\0'; ++i) {
    node ^= uint8_t(text[i]);
    if (node >= units_.size() || label_of(units_[node]) != uint8_t(text[i])) return;
    const bool leaf = has_leaf(units_[node]);
    node ^= offset_of(units_[node]);
    if (node >= units_.size()) return;
    if (leaf && !found(i + 1, value_of(units_[node]))) return;
  }
}

std::string_view Charsmap::replacement(uint32_t offset) const {
  const std::string_view rest =
      std::string_view(replacements_).substr(std::min<size_t>(offset, replacements_.size()));
  return rest.substr(0, rest.find('\0'));
}

size_t Charsmap::replacement_bytes_max() const {
  size_t longest = 0;
  for (size_t begin = 0; begin < replacements_.size();) {
    const size_t end = std::min(replacements_.find('\0', begin), replacements_.size());
    longest = std::max(longest, end - begin);
    begin = end + 1;
  }
  return longest;
}

std::optional<Charsmap::Match> Charsmap::longest(std::string_view text) const {
  std::optional<Match> match;
  walk(text, [&](size_t bytes, uint32_t value) {
    match = Match{bytes, replacement(value)};
    return true;
  });
  return match;
}

std::optional<Charsmap::Match> Charsmap::shortest(std::string_view text) const {
  std::optional<Match> match;
  walk(text, [&](size_t bytes, uint32_t value) {
    match = Match{bytes, replacement(value)};
    return false;
  });
  return match;
}

}  // namespace llmos
