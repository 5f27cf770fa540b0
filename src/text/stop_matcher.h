// SPDX-License-Identifier: Apache-2.0
// StopMatcher finds the strings that end a generation in text that comes in pieces.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llmos {

// Of several stop strings the one that is complete first counts, of those the longest. What could
// still become a stop string is held back, never more: push() passes on everything else at once.
// Cost     O(text * stop strings) and the longest stop string for each push(), whatever the texts.
// Threads  One at a time.
class StopMatcher {
 public:
  // Empty strings never match.
  explicit StopMatcher(std::vector<std::string> stops);

  // Appends to `out` what is certain to stand before any stop string. True: a stop string is
  // complete; `out` ends before it, and push() ignores what comes until reset().
  bool push(std::string_view text, std::string& out);
  // The generation ended otherwise: appends what was held back.
  void finish(std::string& out);
  void reset();

  // Which of the stop strings was found.
  std::optional<size_t> found() const noexcept { return found_; }

 private:
  // Knuth, Morris, Pratt: after a mismatch behind n matching bytes, borders[n] of them still match.
  struct Pattern {
    std::string text;
    std::vector<size_t> borders;
    size_t matched = 0;
  };
  static void advance(Pattern& pattern, char byte);

  std::vector<Pattern> patterns_;
  std::string held_;
  std::optional<size_t> found_;
};

}  // namespace llmos
