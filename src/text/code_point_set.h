// SPDX-License-Identifier: Apache-2.0
// Sets of code points: built by set algebra (CodePointSet), asked in a few cycles (CodePointTable).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/unicode.h"

namespace llmos {

// Ranges of code points, sorted, neither touching nor overlapping. A value.
class CodePointSet {
 public:
  struct Range {
    char32_t first;
    char32_t last;
    friend bool operator==(const Range&, const Range&) = default;
  };

  CodePointSet() = default;
  static CodePointSet of(char32_t first, char32_t last);
  static CodePointSet of_categories(unicode::Categories categories);
  static CodePointSet spaces();  // White_Space
  static CodePointSet word();    // \w of Oniguruma: unicode::is_word, is_latin1_number
  // By the name inside \p{...}: a category ("L", "lu", "Uppercase_Letter"), a script ("Han"),
  // "space", "word", "any". Case, spaces, '_' and '-' do not count. nullopt for others.
  static std::optional<CodePointSet> named(std::string_view name);

  CodePointSet& add(const CodePointSet& other);
  CodePointSet& intersect(const CodePointSet& other);
  CodePointSet& invert();
  CodePointSet& add_case_variants();  // what simple case folding makes equal, Turkish aside

  bool contains(char32_t c) const;
  bool empty() const { return ranges_.empty(); }
  const std::vector<Range>& ranges() const { return ranges_; }
  friend bool operator==(const CodePointSet&, const CodePointSet&) = default;

 private:
  void normalize();

  std::vector<Range> ranges_;
};

// The same set as a bitmap in two stages: 9 KB, and 32 bytes for each block of 256 code points
// that is neither wholly inside nor wholly outside.
class CodePointTable {
 public:
  explicit CodePointTable(const CodePointSet& set);

  bool contains(char32_t c) const {
    const Block& block = blocks_[index_[c >> kBlockBits]];
    return block[c >> 5 & 7] >> (c & 31) & 1;
  }

 private:
  static constexpr unsigned kBlockBits = 8;
  static constexpr size_t kBlockCount = (size_t{unicode::kCodePointMax} + 1) >> kBlockBits;
  using Block = std::array<uint32_t, 8>;

  std::array<uint16_t, kBlockCount> index_{};
  std::vector<Block> blocks_;
};

}  // namespace llmos
