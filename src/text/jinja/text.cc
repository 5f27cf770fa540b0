// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/text.h"

#include <string.h>  // memmem

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "text/jinja/callable.h"
#include "text/jinja/iterator.h"
#include "text/jinja/unicode.h"

namespace llmos::jinja {

namespace {

// What the messages of undefined attributes say, by the kind of the owner.
std::string_view owner_name(Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return "None";
    case Kind::kDict:
      return "'dict object'";
    case Kind::kString:
      return "'str object'";
    case Kind::kList:
      return "'list object'";
    case Kind::kInt:
      return "'int object'";
    default:
      return "the value";
  }
}

void append_quoted(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  const bool single = text.find('\'') != text.npos;
  const char quote = single && text.find('"') == text.npos ? '"' : '\'';
  out += quote;
  for (size_t at = 0; at < text.size();) {
    const size_t first = at;
    const char32_t c = take_character(text, &at);
    if (c == char32_t(quote) || c == '\\') {
      out += '\\';
      out += char(c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (character_properties(c) & kPrintable) {
      out.append(text, first, at - first);
    } else {
      const int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
      out += '\\';
      out += c < 0x100 ? 'x' : c < 0x10000 ? 'u' : 'U';
      for (int i = digits - 1; i >= 0; --i) out += kHex[c >> (4 * i) & 15];
    }
  }
  out += quote;
}

void append_repr(Heap& heap, std::string& out, const Value& value);

void append_items(Heap& heap, std::string& out, const std::vector<Value>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    append_repr(heap, out, items[i]);
  }
}

void append_entries(Heap& heap, std::string& out, const Dict& dict) {
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i > 0) out += ", ";
    append_repr(heap, out, dict.entries[i].key);
    out += ": ";
    append_repr(heap, out, dict.entries[i].value);
  }
}

void append_view(Heap& heap, std::string& out, const View& view) {
  static constexpr std::string_view kNames[] = {"dict_keys([", "dict_values([", "dict_items(["};
  out += kNames[int(view.part)];
  for (size_t i = 0; i < view.dict->entries.size(); ++i) {
    if (i > 0) out += ", ";
    append_repr(heap, out, view_item(heap, view, i));
  }
  out += "])";
}

void append_range(std::string& out, const Range& range) {
  out += "range(" + int_text(range.start) + ", " + int_text(range.stop);
  if (range.step != 1) out += ", " + int_text(range.step);
  out += ')';
}

void append_namespace(Heap& heap, std::string& out, const Namespace& names) {
  out += "<Namespace {";
  for (size_t i = 0; i < names.entries.size(); ++i) {
    if (i > 0) out += ", ";
    append_quoted(out, names.entries[i].name);
    out += ": ";
    append_repr(heap, out, names.entries[i].value);
  }
  out += "}>";
}

void append_repr(Heap& heap, std::string& out, const Value& value) {
  const Depth depth(heap);
  const size_t before = out.size();
  switch (value.kind()) {
    case Kind::kMissing:
      break;
    case Kind::kUndefined:
      out += "Undefined";
      break;
    case Kind::kNone:
      out += "None";
      break;
    case Kind::kBool:
      out += value.as_bool() ? "True" : "False";
      break;
    case Kind::kInt:
      out += int_text(value.as_int());
      break;
    case Kind::kFloat:
      out += float_text(value.as_double());
      break;
    case Kind::kString:
      if (value.markup()) out += "Markup(";
      append_quoted(out, value.text());
      if (value.markup()) out += ')';
      break;
    case Kind::kList:
      out += '[';
      append_items(heap, out, value.list().items);
      out += ']';
      break;
    case Kind::kTuple:
      out += '(';
      append_items(heap, out, value.list().items);
      out += value.list().items.size() == 1 ? ",)" : ")";
      break;
    case Kind::kDict:
      out += '{';
      append_entries(heap, out, value.dict());
      out += '}';
      break;
    case Kind::kRange:
      append_range(out, value.range());
      break;
    case Kind::kView:
      append_view(heap, out, value.view());
      break;
    case Kind::kNamespace:
      append_namespace(heap, out, value.names());
      break;
    case Kind::kLoop:
      out += "<LoopContext " + int_text(value.loop().index()) + "/" +
             int_text(value.loop().length()) + ">";
      break;
    case Kind::kMacro:
      out += "<Macro ";
      out += macro_name(value.macro()).empty()
                 ? "anonymous"
                 : repr(heap, Value::string(macro_name(value.macro())));
      out += ">";
      break;
    // The original prints an address here.
    case Kind::kIterator:
      out += "<generator object>";
      break;
    case Kind::kFunction:
    case Kind::kMethod:
      out += "<function>";
      break;
  }
  // Every level pays for what it wrote, so that nesting cannot multiply text for nothing.
  heap.charge((out.size() - before) / 8);
  heap.step();
}

}  // namespace

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kRange:
      return "range";
    case Kind::kView:
      return "dict view";
    case Kind::kIterator:
      return "generator";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kMacro:
      return "Macro";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kFunction:
    case Kind::kMethod:
      return "function";
  }
  return "value";
}

std::string undefined_message(const Value& undefined) {
  const std::string name(undefined.text());
  switch (undefined.lack()) {
    case Lack::kVariable:
      return "'" + name + "' is undefined";
    case Lack::kAttribute:
      return std::string(owner_name(undefined.owner())) + " has no attribute '" + name + "'";
    case Lack::kHint:
      break;
  }
  return name;
}

void fail_if_undefined(const Value& value) {
  if (value.is_undefined()) fail(Text() << undefined_message(value));
}

void append_str(Heap& heap, std::string& out, const Value& value) {
  if (value.is_string()) {
    heap.scan(value.text().size());
    out += value.text();
  } else if (!value.is_undefined()) {
    append_repr(heap, out, value);
  }
}

std::string_view str(Heap& heap, const Value& value) {
  if (value.is_string()) return value.text();
  std::string text;
  append_str(heap, text, value);
  return heap.keep(std::move(text));
}

std::string repr(Heap& heap, const Value& value) {
  std::string text;
  append_repr(heap, text, value);
  return text;
}

std::string int_text(Int value) {
  char digits[48];
  char* at = digits + sizeof digits;
  auto rest = static_cast<unsigned __int128>(value);
  if (value < 0) rest = 0 - rest;
  do {
    *--at = char('0' + int(rest % 10));
    rest /= 10;
  } while (rest > 0);
  if (value < 0) *--at = '-';
  return std::string(at, size_t(digits + sizeof digits - at));
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  constexpr int kExponentMin = -4, kExponentEnd = 16;  // outside Python writes an exponent
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, size_t(end - buffer));
  const size_t e = text.find('e');
  int exponent = 0;
  const char* const digits_at = buffer + e + 1 + (text[e + 1] == '+' ? 1 : 0);
  std::from_chars(digits_at, end, exponent);
  if (exponent < kExponentMin || exponent >= kExponentEnd) return std::string(text);
  char plain[48];
  const auto plain_end =
      std::to_chars(plain, plain + sizeof plain, value, std::chars_format::fixed).ptr;
  std::string out(plain, size_t(plain_end - plain));
  if (out.find('.') == out.npos) out += ".0";
  return out;
}

size_t character_count(std::string_view text) {
  return size_t(
      std::count_if(text.begin(), text.end(), [](char c) { return (uint8_t(c) & 0xC0) != 0x80; }));
}

size_t byte_of_character(std::string_view text, size_t index) {
  if (index >= text.size()) return text.size();
  if (is_ascii(text.substr(0, index + 1))) return index;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((uint8_t(text[at]) & 0xC0) != 0x80 && index-- == 0) break;
  }
  return at;
}

char32_t take_character(std::string_view text, size_t* at) {
  const auto lead = uint8_t(text[(*at)++]);
  if (lead < 0x80) return lead;
  const int tail = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  char32_t character = lead & (0x3Fu >> tail);
  for (int i = 0; i < tail && *at < text.size(); ++i) {
    character = character << 6 | (uint8_t(text[(*at)++]) & 0x3Fu);
  }
  return character;
}

void append_character(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += char(c);
  } else if (c < 0x800) {
    out += char(0xC0 | c >> 6);
    out += char(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += char(0xE0 | c >> 12);
    out += char(0x80 | (c >> 6 & 0x3F));
    out += char(0x80 | (c & 0x3F));
  } else {
    out += char(0xF0 | c >> 18);
    out += char(0x80 | (c >> 12 & 0x3F));
    out += char(0x80 | (c >> 6 & 0x3F));
    out += char(0x80 | (c & 0x3F));
  }
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return uint8_t(c) >= 0x80; });
}

size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size()) return text.npos;
  const void* const found =
      memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return found ? size_t(static_cast<const char*>(found) - text.data()) : text.npos;
}

// Knuth, Morris and Pratt, from the end.
size_t find_last_text(std::string_view text, std::string_view wanted) {
  const size_t size = wanted.size();
  if (size <= 64 || size > text.size()) return text.rfind(wanted);
  const auto at = [&](size_t i) { return wanted[size - 1 - i]; };
  std::vector<size_t> borders(size, 0);
  for (size_t i = 1, border = 0; i < size; ++i) {
    while (border > 0 && at(i) != at(border)) border = borders[border - 1];
    if (at(i) == at(border)) ++border;
    borders[i] = border;
  }
  size_t matched = 0;
  for (size_t i = text.size(); i-- > 0;) {
    while (matched > 0 && text[i] != at(matched)) matched = borders[matched - 1];
    if (text[i] == at(matched)) ++matched;
    if (matched == size) return i;
  }
  return text.npos;
}

}  // namespace llmos::jinja
