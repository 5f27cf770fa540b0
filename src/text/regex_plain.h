// SPDX-License-Identifier: Apache-2.0
// Matching a regular expression by plain backtracking: fast for ordinary patterns and texts, and
// given up where it is not (regex.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "text/regex_matcher.h"

namespace llmos {

// Plain backtracking, within a budget of steps.
class PlainMatcher : RegexMatcher {
 public:
  PlainMatcher(const RegexProgram& program, std::string_view text, size_t budget)
      : RegexMatcher(program, text), budget_(budget) {
    choices_.reserve(kChoicesInPlace);
  }

  bool over_budget() const { return steps_ > budget_; }

  // The end of the match that begins at `at`; nullopt where there is none or the budget is spent.
  std::optional<size_t> match(size_t at);

 private:
  std::optional<size_t> run(uint32_t step_index, size_t at);
  bool span(uint32_t step_index, size_t* at);
  void take_choice(uint32_t* step_index, size_t* at);
  bool looks(uint32_t step_index, size_t at);

  const size_t budget_;
  size_t steps_ = 0;
};

}  // namespace llmos
