// SPDX-License-Identifier: Apache-2.0
#include "text/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace llmos {

StopMatcher::StopMatcher(std::vector<std::string> stops) {
  for (std::string& stop : stops) {
    Pattern pattern{std::move(stop), {0, 0}};
    for (size_t i = 1; i < pattern.text.size(); ++i) {
      size_t border = pattern.borders[i];
      while (border > 0 && pattern.text[border] != pattern.text[i]) {
        border = pattern.borders[border];
      }
      pattern.borders.push_back(border + (pattern.text[border] == pattern.text[i]));
    }
    patterns_.push_back(std::move(pattern));
  }
}

void StopMatcher::advance(Pattern& pattern, char byte) {
  if (pattern.text.empty()) return;
  while (pattern.matched > 0 && pattern.text[pattern.matched] != byte) {
    pattern.matched = pattern.borders[pattern.matched];
  }
  if (pattern.text[pattern.matched] == byte) ++pattern.matched;
}

bool StopMatcher::push(std::string_view text, std::string& out) {
  if (found_) return true;
  for (const char byte : text) {
    held_ += byte;
    for (size_t i = 0; i < patterns_.size(); ++i) {
      advance(patterns_[i], byte);
      const size_t matched = patterns_[i].matched;
      const bool complete = matched > 0 && matched == patterns_[i].text.size();
      if (complete && (!found_ || matched > patterns_[*found_].matched)) found_ = i;
    }
    if (found_) break;
  }
  size_t kept = 0;
  for (const Pattern& pattern : patterns_) kept = std::max(kept, pattern.matched);
  if (found_) kept = patterns_[*found_].matched;
  out.append(held_, 0, held_.size() - kept);
  held_.erase(0, held_.size() - kept);
  return found_.has_value();
}

void StopMatcher::finish(std::string& out) {
  if (!found_) out += held_;
  reset();
}

void StopMatcher::reset() {
  held_.clear();
  found_.reset();
  for (Pattern& pattern : patterns_) pattern.matched = 0;
}

}  // namespace llmos
