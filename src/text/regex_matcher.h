// SPDX-License-Identifier: Apache-2.0
// What the two matchers of a RegexProgram share: plain backtracking (regex_plain.h), and the one
// that remembers (regex_careful.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

#include "text/regex_program.h"

namespace llmos {

// Whether the assertion is true at the byte `at` of the text.
bool assertion_holds(RegexNode::Assert assertion, std::string_view text, size_t at);

// The byte so many characters before `at`; nullopt where the text begins earlier.
std::optional<size_t> steps_back(std::string_view text, size_t at, size_t characters);

// A choice that can be taken otherwise: for a split, its second way; for a span, one character
// fewer, down to `least`.
struct RegexChoice {
  uint32_t step;
  bool taken;  // of a split in careful matching: the second way is being tried
  size_t at;
  size_t least;
};

// What both ways to match share.
class RegexMatcher {
 protected:
  RegexMatcher(const RegexProgram& program, std::string_view text)
      : program_(program), text_(text) {}

  bool takes(const CodePointTable& table, size_t* at) const {
    if (*at == text_.size()) return false;
    const unicode::Character c = unicode::decode(text_.substr(*at));
    if (!table.contains(c.code_point)) return false;
    *at += c.bytes;
    return true;
  }

  const CodePointTable& table(const RegexStep& step) const { return program_.tables[step.set]; }

  const RegexProgram& program_;
  const std::string_view text_;

  static constexpr size_t kChoicesInPlace = 24;  // more than ordinary patterns ever have open
  std::array<std::byte, kChoicesInPlace * sizeof(RegexChoice)> in_place_;
  std::pmr::monotonic_buffer_resource memory_{in_place_.data(), in_place_.size()};
  std::pmr::vector<RegexChoice> choices_{&memory_};
};

}  // namespace llmos
