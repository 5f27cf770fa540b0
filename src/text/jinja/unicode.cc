// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/unicode.h"

#include <algorithm>
#include <iterator>

#include "text/jinja/text.h"
#include "text/jinja/unicode_table.h"

namespace llmos::jinja {

namespace {

const PropertyRange& property_range(char32_t c) {
  const auto ranges = property_ranges();  // the first begins at 0
  return *std::prev(
      std::upper_bound(ranges.begin(), ranges.end(), c,
                       [](char32_t value, const PropertyRange& r) { return value < r.first; }));
}

const CaseEntry* find_case(char32_t c) {
  const auto entries = case_entries();
  auto found = std::upper_bound(entries.begin(), entries.end(), c,
                                [](char32_t value, const CaseEntry& e) { return value < e.first; });
  // Two ranges may interleave, never more.
  for (int i = 0; i < 2 && found != entries.begin(); ++i) {
    --found;
    if (c <= found->last && (c - found->first) % found->stride == 0) return &*found;
  }
  return nullptr;
}

const SpecialCase* find_special(char32_t c) {
  const auto entries = special_cases();
  const auto found =
      std::lower_bound(entries.begin(), entries.end(), c,
                       [](const SpecialCase& e, char32_t value) { return e.character < value; });
  return found == entries.end() || found->character != c ? nullptr : &*found;
}

enum class Case : uint8_t { kUpper, kLower, kTitle };

void append_cased(std::string& out, char32_t c, Case wanted) {
  if (c < 0x80) {
    const bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    out += char(wanted == Case::kLower ? (upper ? c + 32 : c) : (lower ? c - 32 : c));
    return;
  }
  if (const SpecialCase* const special = find_special(c)) {
    const char32_t* const mapped = wanted == Case::kUpper   ? special->upper
                                   : wanted == Case::kLower ? special->lower
                                                            : special->title;
    for (int i = 0; i < 3 && mapped[i]; ++i) append_character(out, mapped[i]);
    return;
  }
  const CaseEntry* const entry = find_case(c);
  const int32_t delta = !entry                   ? 0
                        : wanted == Case::kUpper ? entry->to_upper
                        : wanted == Case::kLower ? entry->to_lower
                                                 : entry->to_title;
  append_character(out, char32_t(int32_t(c) + delta));
}

constexpr char32_t kSigma = 0x3A3, kFinalSigma = 0x3C2;

// Whether the sigma at `at` ends a word: a cased character before it and none behind, those that
// case ignores apart.
bool sigma_is_final(std::string_view text, size_t before_bytes, size_t after) {
  bool cased_before = false;
  for (size_t i = before_bytes; i > 0;) {
    --i;
    while (i > 0 && (uint8_t(text[i]) & 0xC0) == 0x80) --i;
    size_t at = i;
    const uint16_t properties = character_properties(take_character(text, &at));
    if (properties & kCaseIgnorable) continue;
    cased_before = (properties & kCased) != 0;
    break;
  }
  if (!cased_before) return false;
  while (after < text.size()) {
    const uint16_t properties = character_properties(take_character(text, &after));
    if (properties & kCaseIgnorable) continue;
    return (properties & kCased) == 0;
  }
  return true;
}

void append_lower(std::string& out, std::string_view text, size_t first, size_t after) {
  size_t at = first;
  const char32_t c = take_character(text, &at);
  if (c == kSigma) {
    append_character(out, sigma_is_final(text, first, after) ? kFinalSigma : 0x3C3);
  } else {
    append_cased(out, c, Case::kLower);
  }
}

}  // namespace

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

uint16_t character_properties(char32_t c) { return property_range(c).properties; }

std::optional<int> decimal_digit(char32_t c) {
  // Digits come in runs from 0 to 9, some runs one behind the other.
  const PropertyRange& range = property_range(c);
  if (!(range.properties & kDecimal)) return std::nullopt;
  return int((c - range.first) % 10);
}

std::string to_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) append_cased(out, take_character(text, &at), Case::kUpper);
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t first = at;
    take_character(text, &at);
    append_lower(out, text, first, at);
  }
  return out;
}

std::string to_title(char32_t character) {
  std::string out;
  append_cased(out, character, Case::kTitle);
  return out;
}

std::string capitalized(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t first = at;
    const char32_t c = take_character(text, &at);
    if (first == 0) {
      append_cased(out, c, Case::kTitle);
    } else {
      append_lower(out, text, first, at);
    }
  }
  return out;
}

std::string titled(std::string_view text) {
  std::string out;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const size_t first = at;
    const char32_t c = take_character(text, &at);
    if (inside) {
      append_lower(out, text, first, at);
    } else {
      append_cased(out, c, Case::kTitle);
    }
    inside = (character_properties(c) & kCased) != 0;
  }
  return out;
}

std::string swapped_case(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t first = at;
    const char32_t c = take_character(text, &at);
    const uint16_t properties = character_properties(c);
    if (properties & kUppercase) {
      append_lower(out, text, first, at);
    } else if (properties & kLowercase) {
      append_cased(out, c, Case::kUpper);
    } else {
      out.append(text, first, at - first);
    }
  }
  return out;
}

// Folding is the lower case of the upper case, but for these: Cherokee folds to capitals, the
// capital sharp s as the small one, and the dotless i stays apart from i. Exact for all of Unicode
// 14.0, which the tests check by a hash.
std::string casefolded(std::string_view text) {
  constexpr char32_t kDotlessI = 0x131, kCapitalSharpS = 0x1E9E;
  const auto is_cherokee = [](char32_t c) {
    return (c >= 0x13A0 && c <= 0x13FF) || (c >= 0xAB70 && c <= 0xABBF);
  };
  std::string out, upper;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = take_character(text, &at);
    upper.clear();
    append_cased(upper, c, Case::kUpper);
    if (c == kDotlessI || is_cherokee(c)) {
      out += c == kDotlessI ? "\u0131" : upper;
    } else if (c == kCapitalSharpS) {
      out += "ss";
    } else {
      for (size_t i = 0; i < upper.size();)
        append_cased(out, take_character(upper, &i), Case::kLower);
    }
  }
  return out;
}

bool is_cased(std::string_view text, CharacterProperty wanted) {
  bool any = false;
  for (size_t at = 0; at < text.size();) {
    const uint16_t properties = character_properties(take_character(text, &at));
    if (properties & (kUppercase | kLowercase | kTitlecase) & ~wanted) return false;
    any |= (properties & wanted) != 0;
  }
  return any;
}

std::string_view strip_left(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t after = at;
    if (!is_space(take_character(text, &after))) break;
    at = after;
  }
  return text.substr(at);
}

std::string_view strip_right(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t first = end - 1;
    while (first > 0 && (uint8_t(text[first]) & 0xC0) == 0x80) --first;
    size_t at = first;
    if (!is_space(take_character(text, &at))) break;
    end = first;
  }
  return text.substr(0, end);
}

}  // namespace llmos::jinja
