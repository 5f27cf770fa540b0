// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/string.h"

#include <algorithm>

#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace llmos::jinja {

namespace {

size_t last_character(std::string_view text) {
  size_t at = text.size() - 1;
  while (at > 0 && (uint8_t(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

// The number of copies that a count below 0 stands for: no bound.
size_t bound_of(Int count) { return count < 0 ? std::string_view::npos : size_t(clamped(count)); }

}  // namespace

std::string_view strip_characters(Heap& heap, std::string_view text, const Value& characters,
                                  Side side) {
  heap.scan(text.size());
  if (characters.missing() || characters.is_none()) {
    if (side != Side::kRight) text = strip_left(text);
    return side == Side::kLeft ? text : strip_right(text);
  }
  if (!characters.is_string()) {
    fail_type(Text() << "strip: expected a string, found " << type_name(characters));
  }
  const auto among = [&](std::string_view character) {
    heap.step(1 + characters.text().size() / 16);
    return characters.text().find(character) != std::string_view::npos;
  };
  while (side != Side::kRight && !text.empty()) {
    size_t end = 0;
    take_character(text, &end);
    if (!among(text.substr(0, end))) break;
    text.remove_prefix(end);
  }
  while (side != Side::kLeft && !text.empty()) {
    const size_t last = last_character(text);
    if (!among(text.substr(last))) break;
    text.remove_suffix(text.size() - last);
  }
  return text;
}

std::string replaced(Heap& heap, std::string_view text, std::string_view old, std::string_view with,
                     Int count) {
  heap.scan(text.size());
  std::string out;
  size_t left = bound_of(count);
  const auto add = [&](std::string_view piece) {
    heap.charge(piece.size());
    out += piece;
  };
  if (old.empty()) {  // between all characters
    size_t at = 0;
    for (; left > 0; --left) {
      heap.step();
      add(with);
      if (at == text.size()) return out;
      const size_t first = at;
      take_character(text, &at);
      add(text.substr(first, at - first));
    }
    add(text.substr(at));
    return out;
  }
  for (; left > 0; --left) {
    const size_t found = find_text(text, old);
    if (found == text.npos) break;
    heap.step();
    add(text.substr(0, found));
    add(with);
    text.remove_prefix(found + old.size());
  }
  add(text);
  return out;
}

std::vector<std::string_view> split_lines(Heap& heap, std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  heap.scan(text.size());
  size_t first = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const char32_t c = take_character(text, &at);
    if (!is_line_break(c)) continue;
    if (c == '\r' && text.substr(at).starts_with('\n')) ++at;
    heap.charge(sizeof(Value));
    lines.push_back(text.substr(first, (keep_ends ? at : end) - first));
    first = at;
  }
  if (first < text.size()) lines.push_back(text.substr(first));
  return lines;
}

std::string padded(Heap& heap, std::string_view text, Int width, std::string_view filler,
                   Side side) {
  heap.scan(text.size());
  const Int length = Int(character_count(text));
  const Int missing = std::max<Int>(0, width - length);
  const auto count = size_t(clamped(missing));
  // Python puts the odd one to the left where the width is odd.
  const size_t left = side == Side::kLeft    ? count
                      : side == Side::kRight ? 0
                                             : count / 2 + (count & size_t(clamped(width)) & 1);
  if (count > 0) {
    heap.charge(std::min(count, size_t{1} << 40) * filler.size());
    heap.step(count);
  }
  std::string out;
  for (size_t i = 0; i < left; ++i) out += filler;
  out += text;
  for (size_t i = left; i < count; ++i) out += filler;
  return out;
}

std::vector<std::string_view> split_space(Heap& heap, std::string_view text, Int count,
                                          bool from_right) {
  std::vector<std::string_view> parts;
  heap.step(text.size());
  size_t left = bound_of(count);
  for (;;) {
    text = from_right ? strip_right(text) : strip_left(text);
    if (text.empty()) break;
    heap.charge(sizeof(Value));
    if (left-- == 0) {
      parts.push_back(text);
      break;
    }
    size_t word = 0;  // where the word ends, or from the right begins
    if (from_right) {
      word = text.size();
      while (word > 0) {
        size_t at = last_character(text.substr(0, word));
        size_t after = at;
        if (is_space(take_character(text, &after))) break;
        word = at;
      }
      parts.push_back(text.substr(word));
      text = text.substr(0, word);
    } else {
      while (word < text.size()) {
        size_t after = word;
        if (is_space(take_character(text, &after))) break;
        word = after;
      }
      parts.push_back(text.substr(0, word));
      text.remove_prefix(word);
    }
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_at(Heap& heap, std::string_view text,
                                       std::string_view separator, Int count, bool from_right) {
  if (separator.empty()) fail_value(Text() << "split: an empty separator");
  std::vector<std::string_view> parts;
  heap.scan(text.size());
  for (size_t left = bound_of(count); left > 0; --left) {
    const size_t found = from_right ? find_last_text(text, separator) : find_text(text, separator);
    if (found == text.npos) break;
    heap.step();
    heap.charge(sizeof(Value));
    const std::string_view before = text.substr(0, found);
    const std::string_view after = text.substr(found + separator.size());
    parts.push_back(from_right ? after : before);
    text = from_right ? before : after;
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace llmos::jinja
