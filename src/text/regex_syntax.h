// SPDX-License-Identifier: Apache-2.0
// The syntax tree of a regular expression, and its parser. regex.h says which syntax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "llmos/status.h"
#include "text/code_point_set.h"

namespace llmos {

struct RegexNode {
  enum class Kind : uint8_t {
    kEmpty,      // matches here, and takes nothing
    kSet,        // one character of `set`
    kSequence,   // the children one after another
    kAlternate,  // the first child that matches and lets the rest match
    kRepeat,     // the child, `min` to `max` times
    kLook,       // the child matches ahead of here, or behind
    kAssert,     // a condition on this place
  };
  enum class Assert : uint8_t {
    kLineBegin,
    kLineEnd,
    kTextBegin,
    kTextEnd,
    kTextEndOrNewline,
    kWordBorder,
    kNoWordBorder
  };
  enum class Greed : uint8_t { kGreedy, kLazy, kPossessive };

  Kind kind = Kind::kEmpty;
  Assert assertion = Assert::kLineBegin;
  Greed greed = Greed::kGreedy;
  bool behind = false;   // of kLook
  bool negated = false;  // of kLook
  uint32_t min = 0;      // of kRepeat
  uint32_t max = 0;      // of kRepeat; kRepeatForever is no bound
  CodePointSet set;
  std::vector<RegexNode> children;
};

inline constexpr uint32_t kRepeatForever = ~0u;

// What a pattern may cost. The longest of known tokenizers has 2 KB, 5 levels and counts to 4.
inline constexpr size_t kRegexBytesMax = 16 << 10;
inline constexpr int kRegexDepthMax = 64;
inline constexpr uint32_t kRegexRepeatMax = 1000;

// Failure: kInvalid for what is no pattern, kUnsupported for syntax that we lack, kExhausted beyond
// a limit. The message names the byte.
Result<RegexNode> parse_regex(std::string_view pattern);

}  // namespace llmos
