// SPDX-License-Identifier: Apache-2.0
// The methods of strings.
#include <algorithm>
#include <array>

#include "text/jinja/builtins.h"
#include "text/jinja/compare.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/iterator.h"
#include "text/jinja/operators.h"
#include "text/jinja/string.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace llmos::jinja {

namespace {

std::string_view self(const Arguments& a) { return a.positional[0].text(); }

Value like_self(const Arguments& a, std::string_view text) {
  return Value::string(text, a.positional[0].markup());
}

std::string_view text_argument(const Value& value, std::string_view what) {
  fail_if_undefined(value);
  if (!value.is_string()) {
    fail_type(Text() << what << ": expected a string, found " << type_name(value));
  }
  return value.text();
}

template <std::string (*kChange)(std::string_view)>
Value changed(Interpreter& interpreter, Arguments& a) {
  interpreter.heap().step(self(a).size());
  return interpreter.heap().string(kChange(self(a)), a.positional[0].markup());
}

template <Side kSide>
Value strip_side(Interpreter& interpreter, Arguments& a) {
  return like_self(a, strip_characters(interpreter.heap(), self(a), a.positional[1], kSide));
}

Value strings(Heap& heap, const std::vector<std::string_view>& parts, bool markup) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.push_back(Value::string(part, markup));
  return heap.list(std::move(items));
}

template <bool kFromRight>
Value split(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Value& separator = a.positional[1];
  const Int count = integer_argument(a.positional[2], "split", -1);
  const bool by_space = separator.missing() || separator.is_none();
  return strings(
      heap,
      by_space ? split_space(heap, self(a), count, kFromRight)
               : split_at(heap, self(a), text_argument(separator, "split"), count, kFromRight),
      a.positional[0].markup());
}

Value splitlines(Interpreter& interpreter, Arguments& a) {
  return strings(interpreter.heap(),
                 split_lines(interpreter.heap(), self(a), truth(a.positional[1])),
                 a.positional[0].markup());
}

template <bool kFromRight>
Value partition(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const std::string_view separator = text_argument(a.positional[1], "partition");
  if (separator.empty()) fail_value(Text() << "partition: an empty separator");
  heap.scan(self(a).size());
  const size_t found =
      kFromRight ? find_last_text(self(a), separator) : find_text(self(a), separator);
  if (found == std::string_view::npos) {
    const Value nothing = like_self(a, "");
    return kFromRight ? heap.tuple({nothing, nothing, a.positional[0]})
                      : heap.tuple({a.positional[0], nothing, nothing});
  }
  return heap.tuple({like_self(a, self(a).substr(0, found)), like_self(a, separator),
                     like_self(a, self(a).substr(found + separator.size()))});
}

// The part of the string between two optional indexes; `offset`: the characters before it.
struct Part {
  std::string_view text;
  size_t offset = 0;
  bool inside = true;  // false: the indexes leave nothing, not even an empty place
};

Part part_of(Heap& heap, std::string_view text, const Value& first, const Value& last) {
  heap.scan(text.size());
  const auto length = int64_t(character_count(text));
  const auto place = [&](const Value& value, int64_t otherwise) {
    if (value.missing() || value.is_none()) return otherwise;
    const int64_t at = clamped(integer_argument(value, "an index"));
    return at < 0 ? std::max<int64_t>(0, at + length) : at;
  };
  const int64_t start = place(first, 0), end = std::min(place(last, length), length);
  if (start > end) return {{}, 0, false};
  const size_t from = byte_of_character(text, size_t(start));
  const std::string_view rest = text.substr(from);
  return {rest.substr(0, byte_of_character(rest, size_t(end - start))), size_t(start)};
}

template <bool kFromRight>
Int position(Interpreter& interpreter, const Arguments& a) {
  const std::string_view wanted = text_argument(a.positional[1], "find");
  const Part part = part_of(interpreter.heap(), self(a), a.positional[2], a.positional[3]);
  if (!part.inside) return -1;
  const size_t found =
      kFromRight ? find_last_text(part.text, wanted) : find_text(part.text, wanted);
  if (found == std::string_view::npos) return -1;
  return Int(part.offset + character_count(part.text.substr(0, found)));
}

template <bool kFromRight>
Value find(Interpreter& interpreter, Arguments& a) {
  return Value::integer(position<kFromRight>(interpreter, a));
}

template <bool kFromRight>
Value index(Interpreter& interpreter, Arguments& a) {
  const Int found = position<kFromRight>(interpreter, a);
  if (found < 0) fail_value(Text() << "index: the text is not there");
  return Value::integer(found);
}

Value count(Interpreter& interpreter, Arguments& a) {
  const std::string_view wanted = text_argument(a.positional[1], "count");
  const Part part = part_of(interpreter.heap(), self(a), a.positional[2], a.positional[3]);
  if (!part.inside) return Value::integer(0);
  if (wanted.empty()) return Value::integer(Int(character_count(part.text)) + 1);
  Int found = 0;
  for (size_t at = find_text(part.text, wanted); at != std::string_view::npos;
       at = find_text(part.text, wanted, at + wanted.size())) {
    ++found;
  }
  return Value::integer(found);
}

template <bool kEnd>
Value affix(Interpreter& interpreter, Arguments& a) {
  const Part part = part_of(interpreter.heap(), self(a), a.positional[2], a.positional[3]);
  const auto matches = [&](const Value& value) {
    const std::string_view wanted = text_argument(value, "startswith");
    return part.inside && (kEnd ? part.text.ends_with(wanted) : part.text.starts_with(wanted));
  };
  const Value& wanted = a.positional[1];
  if (!wanted.is(Kind::kTuple)) return Value::boolean(matches(wanted));
  for (const Value& each : wanted.list().items) {
    interpreter.heap().step();
    if (matches(each)) return Value::boolean(true);
  }
  return Value::boolean(false);
}

template <bool kEnd>
Value without_affix(Interpreter&, Arguments& a) {
  const std::string_view affix = text_argument(a.positional[1], "removeprefix");
  std::string_view text = self(a);
  if (kEnd ? text.ends_with(affix) : text.starts_with(affix)) {
    kEnd ? text.remove_suffix(affix.size()) : text.remove_prefix(affix.size());
  }
  return like_self(a, text);
}

Value replace(Interpreter& interpreter, Arguments& a) {
  return interpreter.heap().string(
      replaced(interpreter.heap(), self(a), text_argument(a.positional[1], "replace"),
               text_argument(a.positional[2], "replace"),
               integer_argument(a.positional[3], "replace", -1)),
      a.positional[0].markup());
}

Value join(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  std::string out;
  bool begun = false;
  for (const Value& item : collect(heap, a.positional[1])) {
    const std::string_view text = text_argument(item, "join");
    heap.charge(self(a).size() + text.size());
    if (begun) out += self(a);
    out += text;
    begun = true;
  }
  return heap.string(std::move(out), a.positional[0].markup());
}

template <Side kFillSide>
Value justify(Interpreter& interpreter, Arguments& a) {
  const std::string_view filler =
      a.positional[2].missing() ? " " : text_argument(a.positional[2], "center");
  // Of markup, the original escapes the filler first, which then is longer.
  const bool longer = a.positional[0].markup() && filler.find_first_of("&<>'\"") != filler.npos;
  if (character_count(filler) != 1 || longer) {
    fail_type(Text() << "the filler must be one character");
  }
  return interpreter.heap().string(
      padded(interpreter.heap(), self(a), integer_argument(a.positional[1], "center"), filler,
             kFillSide),
      a.positional[0].markup());
}

Value zfill(Interpreter& interpreter, Arguments& a) {
  const bool sign = self(a).starts_with('+') || self(a).starts_with('-');
  const Int width = integer_argument(a.positional[1], "zfill");
  std::string out =
      padded(interpreter.heap(), self(a).substr(sign), width - sign, "0", Side::kLeft);
  if (sign) out.insert(0, 1, self(a)[0]);
  return interpreter.heap().string(std::move(out), a.positional[0].markup());
}

Value expandtabs(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const int64_t size = clamped(integer_argument(a.positional[1], "expandtabs", 8));
  std::string out;
  int64_t column = 0;
  for (size_t at = 0; at < self(a).size();) {
    const size_t first = at;
    const char32_t c = take_character(self(a), &at);
    if (c == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      heap.charge(size_t(spaces));
      out.append(size_t(spaces), ' ');
      column += spaces;
      continue;
    }
    out.append(self(a), first, at - first);
    column = c == '\n' || c == '\r' ? 0 : column + 1;
  }
  return heap.string(std::move(out), a.positional[0].markup());
}

template <uint16_t kProperties>
Value all_are(Interpreter& interpreter, Arguments& a) {
  interpreter.heap().step(self(a).size());
  for (size_t at = 0; at < self(a).size();) {
    if (!(character_properties(take_character(self(a), &at)) & kProperties)) {
      return Value::boolean(false);
    }
  }
  return Value::boolean(!self(a).empty());
}

Value isspace(Interpreter& interpreter, Arguments& a) {
  interpreter.heap().scan(self(a).size());
  return Value::boolean(!self(a).empty() && strip(self(a)).empty());
}

Value isascii(Interpreter& interpreter, Arguments& a) {
  interpreter.heap().scan(self(a).size());
  return Value::boolean(is_ascii(self(a)));
}

Value isprintable(Interpreter& interpreter, Arguments& a) {
  return self(a).empty() ? Value::boolean(true) : all_are<kPrintable>(interpreter, a);
}

Value isidentifier(Interpreter& interpreter, Arguments& a) {
  const char first = self(a).empty() ? '0' : self(a)[0];
  if (first >= '0' && first <= '9') return Value::boolean(false);
  interpreter.heap().step(self(a).size());
  for (size_t at = 0; at < self(a).size();) {
    const char32_t c = take_character(self(a), &at);
    if (c != '_' && !(character_properties(c) & (kAlphabetic | kNumeric)))
      return Value::boolean(false);
  }
  return Value::boolean(true);
}

template <CharacterProperty kProperty>
Value iscased(Interpreter& interpreter, Arguments& a) {
  interpreter.heap().step(self(a).size());
  return Value::boolean(is_cased(self(a), kProperty));
}

Value istitle(Interpreter& interpreter, Arguments& a) {
  interpreter.heap().step(self(a).size());
  bool cased = false, inside = false;
  for (size_t at = 0; at < self(a).size();) {
    const uint16_t properties = character_properties(take_character(self(a), &at));
    const bool upper = (properties & (kUppercase | kTitlecase)) != 0;
    const bool lower = (properties & kLowercase) != 0;
    if ((upper && inside) || (lower && !inside)) return Value::boolean(false);
    inside = upper || lower;
    cased |= inside;
  }
  return Value::boolean(cased);
}

Value unsupported(Interpreter&, Arguments&) {
  fail_unsupported(
      Text() << "the string methods format, format_map, encode, translate and maketrans");
}

constexpr std::array<Builtin, 47> kMethods = {{
    {"upper", "self", changed<to_upper>, false},
    {"lower", "self", changed<to_lower>, false},
    {"casefold", "self", changed<casefolded>, false},
    {"title", "self", changed<titled>, false},
    {"capitalize", "self", changed<capitalized>, false},
    {"swapcase", "self", changed<swapped_case>, false},
    {"strip", "self chars?", strip_side<Side::kBoth>, false},
    {"lstrip", "self chars?", strip_side<Side::kLeft>, false},
    {"rstrip", "self chars?", strip_side<Side::kRight>, false},
    {"split", "self sep? maxsplit?", split<false>},
    {"rsplit", "self sep? maxsplit?", split<true>},
    {"splitlines", "self keepends?", splitlines},
    {"partition", "self sep", partition<false>, false},
    {"rpartition", "self sep", partition<true>, false},
    {"startswith", "self prefix start? end?", affix<false>, false},
    {"endswith", "self suffix start? end?", affix<true>, false},
    {"removeprefix", "self prefix", without_affix<false>, false},
    {"removesuffix", "self suffix", without_affix<true>, false},
    {"find", "self sub start? end?", find<false>, false},
    {"rfind", "self sub start? end?", find<true>, false},
    {"index", "self sub start? end?", index<false>, false},
    {"rindex", "self sub start? end?", index<true>, false},
    {"count", "self sub start? end?", count, false},
    {"replace", "self old new count?", replace, false},
    {"join", "self iterable", join, false},
    {"center", "self width fillchar?", justify<Side::kBoth>, false},
    {"ljust", "self width fillchar?", justify<Side::kRight>, false},
    {"rjust", "self width fillchar?", justify<Side::kLeft>, false},
    {"zfill", "self width", zfill, false},
    {"expandtabs", "self tabsize?", expandtabs},
    {"isalpha", "self", all_are<kAlphabetic>, false},
    {"isalnum", "self", all_are<kAlphabetic | kNumeric>, false},
    {"isdecimal", "self", all_are<kDecimal>, false},
    {"isdigit", "self", all_are<kDigit>, false},
    {"isnumeric", "self", all_are<kNumeric>, false},
    {"isspace", "self", isspace, false},
    {"isascii", "self", isascii, false},
    {"isprintable", "self", isprintable, false},
    {"isidentifier", "self", isidentifier, false},
    {"isupper", "self", iscased<kUppercase>, false},
    {"islower", "self", iscased<kLowercase>, false},
    {"istitle", "self", istitle, false},
    {"format", "*", unsupported},
    {"format_map", "*", unsupported},
    {"encode", "*", unsupported},
    {"translate", "*", unsupported},
    {"maketrans", "*", unsupported},
}};

}  // namespace

const Builtin* find_string_method(std::string_view name) {
  const auto found = std::find_if(kMethods.begin(), kMethods.end(),
                                  [&](const Builtin& method) { return method.name == name; });
  return found == kMethods.end() ? nullptr : &*found;
}

}  // namespace llmos::jinja
