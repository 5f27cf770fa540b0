// SPDX-License-Identifier: Apache-2.0
// Filters that make text.
#include <algorithm>
#include <array>

#include "text/jinja/builtins.h"
#include "text/jinja/compare.h"
#include "text/jinja/format.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/iterator.h"
#include "text/jinja/json.h"
#include "text/jinja/markup.h"
#include "text/jinja/operators.h"
#include "text/jinja/string.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace llmos::jinja {

namespace {

// The text of the value, and whether it was markup.
Value soft_string(Interpreter& interpreter, const Value& value) {
  return value.is_string() ? value : Value::string(str(interpreter.heap(), value));
}

template <std::string (*kChange)(std::string_view)>
Value changed(Interpreter& interpreter, Arguments& a) {
  const Value text = soft_string(interpreter, a.positional[0]);
  interpreter.heap().step(text.text().size());
  return interpreter.heap().string(kChange(text.text()), text.markup());
}

Value string(Interpreter& interpreter, Arguments& a) {
  return soft_string(interpreter, a.positional[0]);
}

std::string title_words(std::string_view text) {
  constexpr std::string_view kBefore = "-({[<";
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = take_character(text, &at);
    if (is_space(c) || (c < 0x80 && kBefore.find(char(c)) != kBefore.npos)) {
      out.append(text, start, at - start);
      continue;
    }
    // A word: its first character upper case, the others lower.
    size_t end = at;
    while (end < text.size()) {
      size_t after = end;
      const char32_t next = take_character(text, &after);
      if (is_space(next) || (next < 0x80 && kBefore.find(char(next)) != kBefore.npos)) break;
      end = after;
    }
    out += to_upper(text.substr(start, at - start));
    out += to_lower(text.substr(at, end - at));
    at = end;
  }
  return out;
}

Value trim(Interpreter& interpreter, Arguments& a) {
  const Value text = soft_string(interpreter, a.positional[0]);
  return Value::string(
      strip_characters(interpreter.heap(), text.text(), a.positional[1], Side::kBoth),
      text.markup());
}

Value replace(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Value& limit = a.positional[3];
  const Int count = limit.missing() || limit.is_none() ? -1 : integer_argument(limit, "replace");
  return heap.string(replaced(heap, str(heap, a.positional[0]), str(heap, a.positional[1]),
                              str(heap, a.positional[2]), count));
}

Value escape(Interpreter& interpreter, Arguments& a) {
  return escaped(interpreter.heap(), a.positional[0]);
}

Value force_escape(Interpreter& interpreter, Arguments& a) {
  return escaped(interpreter.heap(), Value::string(str(interpreter.heap(), a.positional[0])));
}

Value safe(Interpreter& interpreter, Arguments& a) {
  return Value::string(str(interpreter.heap(), a.positional[0]), true);
}

Value indent(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Value& text = a.positional[0];
  fail_if_undefined(text);
  if (!text.is_string())
    fail_type(Text() << "indent: expected a string, found " << type_name(text));
  const Value& width = a.positional[1];
  std::string margin;
  if (width.is_string()) {
    margin = width.text();
  } else {
    const int64_t spaces = clamped(integer_argument(width, "indent", 4));
    heap.charge(size_t(std::max<int64_t>(0, spaces)));
    margin.assign(size_t(std::max<int64_t>(0, spaces)), ' ');
  }
  const bool first = truth(a.positional[2]), blank = truth(a.positional[3]);
  const std::string whole = std::string(text.text()) + '\n';
  const std::vector<std::string_view> lines = split_lines(heap, whole, false);
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) out += '\n';
    const bool wanted = i == 0 ? first : blank || !lines[i].empty();
    heap.charge(lines[i].size() + margin.size());
    if (wanted) out += margin;
    out += lines[i];
  }
  return heap.string(std::move(out), text.markup());
}

Value center(Interpreter& interpreter, Arguments& a) {
  const Value text = soft_string(interpreter, a.positional[0]);
  const Int width = integer_argument(a.positional[1], "center", 80);
  return interpreter.heap().string(padded(interpreter.heap(), text.text(), width, " ", Side::kBoth),
                                   text.markup());
}

Value truncate(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Value& text = a.positional[0];
  const Int length = integer_argument(a.positional[1], "truncate", 255);
  const bool kill_words = truth(a.positional[2]);
  const Value end = a.positional[3].missing() ? Value::string("...") : a.positional[3];
  const Value& given_leeway = a.positional[4];
  const Int leeway = given_leeway.missing() || given_leeway.is_none()
                         ? 5
                         : integer_argument(given_leeway, "truncate");
  const Int keep = length - length_of(heap, end);
  if (keep < 0 || leeway < 0) fail(Text() << "truncate: a length below that of its end");
  if (length_of(heap, text) <= length + leeway) return text;
  if (!text.is_string() || !end.is_string()) fail_type(Text() << "truncate: expected a string");
  std::string_view kept = text.text().substr(0, byte_of_character(text.text(), size_t(keep)));
  if (!kill_words) kept = kept.substr(0, kept.rfind(' '));
  return heap.string(std::string(kept).append(end.text()));
}

Value word_count(Interpreter& interpreter, Arguments& a) {
  const std::string_view text = str(interpreter.heap(), a.positional[0]);
  Int count = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = take_character(text, &at);
    const bool word = c == '_' || (character_properties(c) & (kAlphabetic | kNumeric)) != 0;
    count += word && !inside;
    inside = word;
  }
  return Value::integer(count);
}

Value format(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  if (a.positional.empty()) fail_type(Text() << "format: expected a string");
  const Value text = soft_string(interpreter, a.positional[0]);
  std::vector<Value> rest(a.positional.begin() + 1, a.positional.end());
  if (!rest.empty() && !a.keywords.empty()) {
    fail(Text() << "format: expected either positions or names, found both");
  }
  if (a.keywords.empty()) return format_percent(heap, text, heap.tuple(std::move(rest)));
  std::vector<Dict::Entry> entries;
  for (const Arguments::Named& named : a.keywords) {
    entries.push_back({Value::string(named.name), named.value});
  }
  return format_percent(heap, text, heap.dict(std::move(entries)));
}

// One level of json.dumps(indent=...): a number of spaces or a text.
std::string_view json_indent(Heap& heap, const Value& indent) {
  if (indent.is_string()) return indent.text();
  const int64_t spaces = std::max<int64_t>(0, clamped(integer_argument(indent, "tojson")));
  heap.charge(size_t(spaces));
  return heap.keep(std::string(size_t(spaces), ' '));
}

Value to_json_text(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const auto given = [&](size_t i) {
    return !a.positional[i].missing() && !a.positional[i].is_none();
  };
  JsonStyle style;
  style.ascii = truth(a.positional[1]);
  style.sort_keys = truth(a.positional[4]);
  if (given(2)) {
    style.indented = true;
    style.indent = json_indent(heap, a.positional[2]);
    style.item_separator = ",";
  }
  if (given(3)) {
    const std::vector<Value> parts = collect(heap, a.positional[3]);
    if (parts.size() != 2 || !parts[0].is_string() || !parts[1].is_string()) {
      fail_type(Text() << "tojson: expected two strings as separators");
    }
    style.item_separator = parts[0].text();
    style.key_separator = parts[1].text();
  }
  return heap.string(to_json(heap, a.positional[0], style));
}

constexpr std::array<FilterSpec, 17> kFilters = {{
    {{"upper", "s", changed<to_upper>}},
    {{"lower", "s", changed<to_lower>}},
    {{"capitalize", "s", changed<capitalized>}},
    {{"title", "s", changed<title_words>}},
    {{"string", "s", string, false}},
    {{"trim", "value chars?", trim}},
    {{"replace", "s old new count?", replace}},
    {{"e", "s", escape, false}},
    {{"escape", "s", escape, false}},
    {{"forceescape", "value", force_escape}},
    {{"safe", "value", safe}},
    {{"indent", "s width? first? blank?", indent}},
    {{"center", "value width?", center}},
    {{"truncate", "s length? killwords? end? leeway?", truncate}},
    {{"wordcount", "s", word_count}},
    {{"format", "*", format}},
    {{"tojson", "x ensure_ascii? indent? separators? sort_keys?", to_json_text}},
}};

}  // namespace

std::span<const FilterSpec> text_filters() { return kFilters; }

}  // namespace llmos::jinja
