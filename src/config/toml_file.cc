// SPDX-License-Identifier: Apache-2.0
#include "config/toml_file.h"

// Errors as values, compiled in here and nowhere else.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/text.h"

namespace llmos::config {

namespace {

// The parser's own words, which may quote the document.
constexpr size_t kDescriptionBytesMax = 160;

bool is_printable(char c) { return (c >= 0x20 && c < 0x7f) || c == '\t'; }

// Dots that may belong to keys. A line that starts with # holds no key: it is a comment, or the
// inside of a string. It is skipped as far as it is printable ASCII, so that no odd line break can
// end it earlier for the parser than for us.
size_t count_dots(std::string_view text) {
  size_t dots = 0;
  bool at_line_start = true;
  for (size_t i = 0; i < text.size(); ++i) {
    if (at_line_start && text[i] == '#')
      while (i + 1 < text.size() && is_printable(text[i + 1])) ++i;
    dots += text[i] == '.';
    at_line_start = text[i] == '\n' || (at_line_start && (text[i] == ' ' || text[i] == '\t'));
  }
  return dots;
}

Status check_bounds(std::string_view text) {
  if (text.size() > kFileBytesMax)
    return Status(Code::kInvalid, (Text() << "1: the file has " << text.size() << " bytes; at most "
                                          << kFileBytesMax << " are allowed")
                                      .str());
  if (count_dots(text) > kDotsMax)
    return Status(Code::kInvalid, (Text() << "1: the file has more than " << kDotsMax
                                          << " dots outside of comment lines")
                                      .str());
  return {};
}

bool is_bare(std::string_view part) {
  return !part.empty() && part.size() <= kNameBytesMax &&
         part.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "0123456789_-") == part.npos;
}

std::string join_key(const std::string& parent, std::string_view part) {
  std::string key = parent;
  if (!key.empty()) key += '.';
  return key += is_bare(part) ? std::string(part) : quoted(part);
}

std::string_view type_text(toml::node_type type) {
  switch (type) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
    default:
      return "a value of another type";
  }
}

TomlValue list_value(const toml::array& list) {
  if (list.size() > kListCountMax)
    return TomlOther{(Text() << "a list of " << list.size() << " elements").str()};
  std::vector<int64_t> numbers;
  for (const toml::node& element : list) {
    const auto* number = element.as_integer();
    if (!number) return TomlOther{"a list with elements that are no integers"};
    numbers.push_back(number->get());
  }
  return numbers;
}

TomlValue leaf_value(const toml::node& node) {
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* string = node.as_string()) return string->get();
  if (const auto* list = node.as_array()) return list_value(*list);
  return TomlOther{std::string(type_text(node.type()))};
}

void flatten(const toml::table& table, const std::string& parent, size_t depth,
             std::vector<TomlEntry>& entries) {
  for (const auto& [name, node] : table) {
    const std::string key = join_key(parent, name.str());
    const toml::table* inner = node.as_table();
    if (inner && !inner->empty() && depth < kKeyPartsMax) {
      flatten(*inner, key, depth + 1, entries);
    } else {
      const uint32_t line = name.source().begin.line;
      entries.push_back({key, line, leaf_value(node), inner && inner->empty()});
    }
  }
}

std::string found_text(const TomlValue& value) {
  Text text;
  if (const auto* flag = std::get_if<bool>(&value)) text << "the boolean " << *flag;
  if (const auto* number = std::get_if<int64_t>(&value)) text << "the integer " << *number;
  if (const auto* number = std::get_if<double>(&value)) text << "the number " << *number;
  if (const auto* string = std::get_if<std::string>(&value))
    text << "the string " << quoted(*string);
  if (std::holds_alternative<std::vector<int64_t>>(value)) text << "a list of integers";
  if (const auto* other = std::get_if<TomlOther>(&value)) text << other->found;
  return std::move(text).str();
}

Result<Value> unsigned_value(int64_t number) {
  if (number < 0)
    return Status(Code::kInvalid,
                  (Text() << "expected a number of 0 or more, found " << number).str());
  return Value(uint64_t(number));
}

// The alternatives that convert without reading text.
std::optional<Result<Value>> convert_typed(Kind kind, const TomlValue& value) {
  const auto* integer = std::get_if<int64_t>(&value);
  switch (kind) {
    case Kind::kBool:
      if (const auto* flag = std::get_if<bool>(&value)) return Value(*flag);
      break;
    case Kind::kInteger:
      if (integer) return Value(*integer);
      break;
    case Kind::kUnsigned:
    case Kind::kBytes:
      if (integer) return unsigned_value(*integer);
      break;
    case Kind::kDuration:
      if (integer && *integer == 0) return Value(*integer);
      break;
    case Kind::kDouble:
      if (integer) return Value(double(*integer));
      if (const auto* number = std::get_if<double>(&value); number && std::isfinite(*number))
        return Value(*number);
      break;
    case Kind::kIntegers:
      if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) return Value(*list);
      break;
    case Kind::kEnum:
    case Kind::kString:
      break;
  }
  return std::nullopt;
}

// Kinds that are written as strings in TOML.
bool is_written_as_string(Kind kind) {
  return kind == Kind::kBytes || kind == Kind::kDuration || kind == Kind::kEnum ||
         kind == Kind::kString;
}

}  // namespace

Result<std::vector<TomlEntry>> parse_toml(std::string_view text) {
  if (Status status = check_bounds(text); !status.ok()) return status;
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Status(Code::kInvalid, (Text() << error.source().begin.line << ": "
                                          << printable(error.description(), kDescriptionBytesMax))
                                      .str());
  }
  std::vector<TomlEntry> entries;
  flatten(parsed.table(), "", 1, entries);
  return entries;
}

Result<Value> convert_toml(Kind kind, const TomlValue& value,
                           std::span<const std::string_view> names) {
  if (std::optional<Result<Value>> typed = convert_typed(kind, value)) return *std::move(typed);
  if (const auto* string = std::get_if<std::string>(&value); string && is_written_as_string(kind))
    return parse_value(kind, *string, names);
  return Status(
      Code::kInvalid,
      (Text() << "expected a " << kind_text(kind) << ", found " << found_text(value)).str());
}

}  // namespace llmos::config
