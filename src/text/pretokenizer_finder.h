// SPDX-License-Identifier: Apache-2.0
// What a step of a pre-tokenizer looks for in a text: its matches, from left to right.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "llmos/status.h"
#include "sync/function_ref.h"
#include "text/tokenizer_spec.h"

namespace llmos {

using MatchSink = FunctionRef<void(size_t, size_t)>;  // begin and end of a match

class Finder {
 public:
  virtual ~Finder() = default;
  // Const and thread-safe. Matches do not overlap; they may be empty.
  virtual void for_each_match(std::string_view text, MatchSink match) const = 0;
};

// Matches of a regular expression, by a scanner of our own where there is one for it.
// Failure: as Regex::compile().
Result<std::unique_ptr<const Finder>> regex_finder(std::string_view pattern);

// For a step of another kind; null if it does not look for anything.
std::unique_ptr<const Finder> step_finder(const PretokenizerStep& step);

}  // namespace llmos
