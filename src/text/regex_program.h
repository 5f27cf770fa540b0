// SPDX-License-Identifier: Apache-2.0
// A regular expression as a list of steps for the matcher in regex.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "llmos/status.h"
#include "text/regex_syntax.h"

namespace llmos {

struct RegexStep {
  enum class Op : uint8_t {
    kSet,         // takes one character of tables[set]
    kSpan,        // takes min to max characters of tables[set], as many as it can, then fewer
    kPossessive,  // the same, never fewer
    kSplit,       // goes on at `to`; failing that, at `other`
    kJump,        // goes on at `to`
    kLook,        // goes on at `to` if the steps behind this one reach their kMatch (not: negated)
    kAssert,      // goes on if `assertion` holds
    kMatch,       // the end, of the whole or of what a kLook looks for
  };

  Op op = Op::kMatch;
  RegexNode::Assert assertion = RegexNode::Assert::kLineBegin;
  bool negated = false;
  uint16_t set = 0;
  uint16_t behind = 0;  // kLook: begins so many characters behind the place
  uint32_t to = 0;
  uint32_t other = 0;
  uint32_t min = 0;
  uint32_t max = 0;
  uint32_t slot = 0;  // of kSplit, kSpan, kPossessive: which row of the memory is its own
};

struct RegexProgram {
  std::vector<RegexStep> steps;
  std::vector<CodePointTable> tables;
  uint32_t slots = 0;
  bool may_be_empty = false;           // then a match may begin anywhere
  std::vector<CodePointTable> begins;  // else the one table of characters that a match begins with
};

// A pattern of 16 KB without intervals stays below; what intervals unfold to is refused above.
inline constexpr size_t kRegexStepsMax = 32 << 10;

// Failure: kUnsupported, kExhausted (regex.h).
Result<RegexProgram> compile_regex(const RegexNode& tree);

}  // namespace llmos
