// SPDX-License-Identifier: Apache-2.0
// Matching a regular expression in time linear in the text, whatever the pattern.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/regex_matcher.h"

namespace llmos {

// Backtracking that remembers, for every split and span and every place, that trying it there was
// in vain, so that nothing is tried twice. Whether trying fails depends on the step and the place
// alone, because intervals are written out and nothing is captured.
//
// Words  A *trial* is a split or a span at a place. It is *tried* once entered, and *good* if,
//        within a kLook, it reached the end. A trial that is tried and not good has
//        failed, or is being tried further down: then the pattern went in a circle without taking
//        a character, and that must fail too.
class CarefulMatcher : RegexMatcher {
 public:
  // Takes 2 bits for each slot of the program and byte of the text.
  CarefulMatcher(const RegexProgram& program, std::string_view text)
      : RegexMatcher(program, text),
        row_(text.size() + 1),
        tried_((program.slots * row_ + 63) / 64),
        good_(tried_.size()),
        runs_(program.slots) {}

  // The end of the match that begins at `at`.
  std::optional<size_t> match(size_t at) { return run(0, at, false); }

 private:
  struct Run {  // of characters that a kPossessive takes
    size_t begin = 0;
    size_t end = 0;
  };

  static bool get(const std::vector<uint64_t>& bits, size_t i) {
    return bits[i / 64] >> i % 64 & 1;
  }
  static void set(std::vector<uint64_t>* bits, size_t i) {
    (*bits)[i / 64] |= uint64_t{1} << i % 64;
  }
  static void clear(std::vector<uint64_t>* bits, size_t i) {
    (*bits)[i / 64] &= ~(uint64_t{1} << i % 64);
  }
  size_t trial(const RegexStep& step, size_t at) const { return step.slot * row_ + at; }

  std::optional<size_t> run(uint32_t step_index, size_t at, bool looking);
  // False if the trial is known; known_good_ says how it went.
  bool enter(const RegexStep& step, size_t at);
  bool open_span(uint32_t step_index, size_t* at);
  // Its trials are of going on behind it, so that each place behind it is tried once.
  bool short_span(uint32_t step_index, size_t* at);
  // At the place of the last choice, or the next one before it that is not known.
  bool leave_short_span(size_t* at);
  bool possessive(const RegexStep& step, size_t* at);
  // False if no choice is left, or if one is known to be good.
  bool take_choice(size_t base, uint32_t* step_index, size_t* at);
  // The open choices are the way that led here. What is looked for may be looked for again, from
  // another place: its trials are good. The way of a match is forgotten, as it has not failed.
  size_t succeed(size_t base, size_t at, bool looking);
  bool looks(uint32_t step_index, size_t at);

  const size_t row_;
  std::vector<uint64_t> tried_;
  std::vector<uint64_t> good_;
  std::vector<Run> runs_;
  bool known_good_ = false;
};

}  // namespace llmos
