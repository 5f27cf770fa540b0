// SPDX-License-Identifier: Apache-2.0
#include "text/regex_matcher.h"

namespace llmos {
namespace {

using Assert = RegexNode::Assert;

bool is_word(char32_t c) { return unicode::is_word(c) || unicode::is_latin1_number(c); }

bool at_word_border(std::string_view text, size_t at) {
  const bool before = at > 0 && is_word(unicode::decode_last(text.substr(0, at)).code_point);
  const bool after = at < text.size() && is_word(unicode::decode(text.substr(at)).code_point);
  return before != after;
}

}  // namespace

bool assertion_holds(RegexNode::Assert assertion, std::string_view text, size_t at) {
  switch (assertion) {
    case Assert::kLineBegin:
      return at == 0 || (text[at - 1] == '\n' && at < text.size());
    case Assert::kLineEnd:
      return at == text.size() || text[at] == '\n';
    case Assert::kTextBegin:
      return at == 0;
    case Assert::kTextEnd:
      return at == text.size();
    case Assert::kTextEndOrNewline:
      return at == text.size() || (at + 1 == text.size() && text[at] == '\n');
    case Assert::kWordBorder:
      return at_word_border(text, at);
    case Assert::kNoWordBorder:
      return !at_word_border(text, at);
  }
  return false;
}

std::optional<size_t> steps_back(std::string_view text, size_t at, size_t characters) {
  for (; characters > 0; --characters) {
    if (at == 0) return std::nullopt;
    at -= unicode::decode_last(text.substr(0, at)).bytes;
  }
  return at;
}

}  // namespace llmos
