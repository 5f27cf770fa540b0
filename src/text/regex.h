// SPDX-License-Identifier: Apache-2.0
// Regular expressions as tokenizers use them, in time linear in the text.
//
// Syntax   That of Oniguruma's Ruby mode, which is what tokenizer.json means: literals, ., classes
//          with ranges, nesting and &&, \s \d \w \h and their opposites, \p{category or script},
//          (?:), (?i), (?m), ( ) without capture, |, * + ? {n,m}, lazy; possessive where what
//          repeats is one character; (?=) (?!) of anything, (?<=) (?<!) of a fixed length;
//          ^ $ (of a line), \A \z \Z \b \B. No references, \R, \X, \K, \G, POSIX brackets.
//          Matching is as in Perl: of all ways to match, the first that backtracking would find.
//          An iteration that takes no character counts as failed; Oniguruma leaves the loop with
//          it. That shows only where a loop repeats what may be empty before it tries to take more,
//          as in (?:a??)*, which no tokenizer that we know does.
// Unicode  unicode.h: version 16.0.0. (?i) is simple case folding.
// Bytes    The text is any bytes: one that is not UTF-8 counts as U+FFFD (unicode.h).
// Time     O(program * text) for all matches of a text together, whatever text and pattern: plain
//          backtracking as long as it is cheap, then with a memory of what has failed.
// Memory   None for ordinary texts. With that memory: 2 bits for each loop and branch of the
//          pattern per byte of text, for the time of the call.
// Threads  Const and thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "llmos/status.h"
#include "sync/function_ref.h"

namespace llmos {

struct RegexProgram;

class Regex {
 public:
  // Failure: as parse_regex(); kUnsupported for possessive groups and for looking behind at what
  // has no fixed length; kExhausted for a program above kRegexStepsMax.
  static Result<Regex> compile(std::string_view pattern);
  Regex(Regex&& other) noexcept;
  Regex& operator=(Regex&& other) noexcept;
  ~Regex();

  // Calls match(begin, end) for every match, from left to right, none overlapping. Matches may be
  // empty, but not directly behind the match before.
  void for_each_match(std::string_view text, FunctionRef<void(size_t, size_t)> match) const;

  // The same matches, with the memory of failures from the first step on; tests compare both.
  void for_each_match_carefully(std::string_view text,
                                FunctionRef<void(size_t, size_t)> match) const;

 private:
  explicit Regex(std::unique_ptr<const RegexProgram> program);

  std::unique_ptr<const RegexProgram> program_;
};

}  // namespace llmos
