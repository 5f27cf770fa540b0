// SPDX-License-Identifier: Apache-2.0
// Charsmap is sentencepiece's precompiled table of replacements (nmt_nfkc and its relatives).
//
// Layout   u32: bytes of the trie. The trie: a double array of Darts, u32 units, little-endian.
//          Then the replacements, each ended by a zero byte, which the trie's values point at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/status.h"

namespace llmos {

// Threads  Every const method from any number of threads.
// Trust    Every index is checked where it is used: a broken table finds nothing, or the wrong
//          thing.
class Charsmap {
 public:
  // No table at all: finds nothing.
  Charsmap() = default;
  // Failure: kCorrupt when the sizes do not fit.
  static Result<Charsmap> parse(std::string_view blob);

  struct Match {
    size_t bytes;
    std::string_view replacement;
  };
  // The longest and the shortest entry that `text` begins with.
  std::optional<Match> longest(std::string_view text) const;
  std::optional<Match> shortest(std::string_view text) const;
  // Bytes of the longest replacement; 0 without a table.
  size_t replacement_bytes_max() const;

 private:
  template <class Found>
  void walk(std::string_view text, Found&& found) const;
  std::string_view replacement(uint32_t offset) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace llmos
