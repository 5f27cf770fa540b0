// SPDX-License-Identifier: Apache-2.0
#include "config/value.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace llmos::config {

namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array kByteUnits = {
    Unit{"B", 1},
    Unit{"KB", 1'000},
    Unit{"MB", 1'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"TB", 1'000'000'000'000},
    Unit{"KiB", uint64_t{1} << 10},
    Unit{"MiB", uint64_t{1} << 20},
    Unit{"GiB", uint64_t{1} << 30},
    Unit{"TiB", uint64_t{1} << 40},
};

constexpr std::array kTimeUnits = {
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"min", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
};

Status expected(std::string_view what, std::string_view found) {
  return Status(Code::kInvalid,
                (Text() << "expected a " << what << ", found " << quoted(found)).str());
}

Status too_large(std::string_view found) {
  return Status(Code::kInvalid,
                (Text() << "the number " << quoted(found) << " is too large to represent").str());
}

// Reads a number from the front of `text` and drops it there.
template <class T>
Result<T> take_number(std::string_view& text, Kind kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return too_large(text);
  if (error != std::errc()) return expected(kind_text(kind), text);
  text.remove_prefix(size_t(end - text.data()));
  return value;
}

template <class T>
Result<T> whole_number(std::string_view text, Kind kind) {
  std::string_view rest = text;
  Result<T> value = take_number<T>(rest, kind);
  if (value.ok() && !rest.empty()) return expected(kind_text(kind), text);
  return value;
}

template <size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name) return &unit;
  return nullptr;
}

// A whole number and a unit, one space allowed between; `limit` is the largest product.
template <size_t N>
Result<uint64_t> parse_measure(std::string_view text, Kind kind, const std::array<Unit, N>& units,
                               std::string_view unit_otherwise, uint64_t limit) {
  std::string_view rest = text;
  const Result<uint64_t> number = take_number<uint64_t>(rest, kind);
  if (!number.ok()) return number.status();
  if (rest.starts_with(' ')) rest.remove_prefix(1);
  if (rest.empty()) rest = *number == 0 ? units[0].name : unit_otherwise;
  const Unit* unit = find_unit(units, rest);
  if (!unit) return expected(kind_text(kind), text);
  if (*number > limit / unit->factor) return too_large(text);
  return *number * unit->factor;
}

// The largest unit that divides `number`, decimal ones only when no binary one does better.
template <size_t N>
std::string format_measure(uint64_t number, const std::array<Unit, N>& units) {
  const Unit* best = &units[0];
  for (const Unit& unit : units)
    if (number % unit.factor == 0 && number / unit.factor <= number / best->factor) best = &unit;
  return (Text() << number / best->factor << best->name).str();
}

std::string format_duration(int64_t ns) {
  if (ns == 0) return "0";
  const uint64_t size = ns < 0 ? uint64_t{0} - uint64_t(ns) : uint64_t(ns);
  return (Text() << (ns < 0 ? "-" : "") << format_measure(size, kTimeUnits)).str();
}

Result<Value> parse_bool(std::string_view text) {
  if (text == "true" || text == "1" || text == "on" || text == "yes") return Value(true);
  if (text == "false" || text == "0" || text == "off" || text == "no") return Value(false);
  return expected(kind_text(Kind::kBool), text);
}

Result<Value> parse_double(std::string_view text) {
  const Result<double> value = whole_number<double>(text, Kind::kDouble);
  if (!value.ok()) return value.status();
  if (!std::isfinite(*value)) return expected("finite number", text);
  return Value(*value);
}

Result<Value> parse_enum(std::string_view text, std::span<const std::string_view> names) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == text) return Value(uint64_t{i});
  Text message;
  message << "expected one of";
  for (size_t i = 0; i < names.size(); ++i) message << (i == 0 ? " " : ", ") << names[i];
  return Status(Code::kInvalid, (message << "; found " << quoted(text)).str());
}

Result<Value> parse_integers(std::string_view text) {
  std::vector<int64_t> list;
  while (!text.empty()) {
    if (list.size() == kListCountMax)
      return Status(Code::kInvalid,
                    (Text() << "the list has more than " << kListCountMax << " numbers").str());
    const size_t comma = text.find(',');
    const Result<int64_t> number = whole_number<int64_t>(text.substr(0, comma), Kind::kIntegers);
    if (!number.ok()) return number.status();
    list.push_back(*number);
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return expected(kind_text(Kind::kIntegers), ",");
  }
  return Value(std::move(list));
}

template <class T>
Result<Value> to_value(Result<T> number) {
  if (!number.ok()) return number.status();
  return Value(*number);
}

std::string format_integers(const std::vector<int64_t>& list) {
  Text text;
  for (size_t i = 0; i < list.size(); ++i) text << (i == 0 ? "" : ",") << list[i];
  return std::move(text).str();
}

}  // namespace

std::string_view kind_text(Kind kind) noexcept {
  switch (kind) {
    case Kind::kBool:
      return "boolean (true or false)";
    case Kind::kInteger:
      return "whole number";
    case Kind::kUnsigned:
      return "whole number of 0 or more";
    case Kind::kBytes:
      return "size in bytes such as 1048576, 512MiB or 2GB";
    case Kind::kDuration:
      return "duration with its unit such as 250ms, 10s or 5min";
    case Kind::kDouble:
      return "number";
    case Kind::kEnum:
      return "word";
    case Kind::kString:
      return "string";
    case Kind::kIntegers:
      return "list of whole numbers such as 0,1,2";
  }
  return "value";
}

Result<uint64_t> parse_bytes(std::string_view text) {
  return parse_measure(text, Kind::kBytes, kByteUnits, "B", std::numeric_limits<uint64_t>::max());
}

Result<int64_t> parse_duration_ns(std::string_view text) {
  const bool negative = text.starts_with('-');
  const Result<uint64_t> size =
      parse_measure(text.substr(negative ? 1 : 0), Kind::kDuration, kTimeUnits, "missing",
                    uint64_t{std::numeric_limits<int64_t>::max()});
  if (!size.ok()) return size.status();
  return negative ? -int64_t(*size) : int64_t(*size);
}

Result<Value> parse_value(Kind kind, std::string_view text,
                          std::span<const std::string_view> names) {
  if (text.size() > kValueBytesMax)
    return Status(Code::kInvalid, (Text() << "the value has " << text.size() << " bytes; at most "
                                          << kValueBytesMax << " are allowed")
                                      .str());
  switch (kind) {
    case Kind::kBool:
      return parse_bool(text);
    case Kind::kInteger:
      return to_value(whole_number<int64_t>(text, kind));
    case Kind::kUnsigned:
      return to_value(whole_number<uint64_t>(text, kind));
    case Kind::kBytes:
      return to_value(parse_bytes(text));
    case Kind::kDuration:
      return to_value(parse_duration_ns(text));
    case Kind::kDouble:
      return parse_double(text);
    case Kind::kEnum:
      return parse_enum(text, names);
    case Kind::kString:
      if (text.find('\0') != text.npos) return expected("string without a zero byte", text);
      return Value(std::string(text));
    case Kind::kIntegers:
      return parse_integers(text);
  }
  return Status(Code::kInternal, "option of an unknown kind");
}

std::string format_value(Kind kind, const Value& value, std::span<const std::string_view> names) {
  switch (kind) {
    case Kind::kBool:
      return (Text() << std::get<bool>(value)).str();
    case Kind::kInteger:
      return (Text() << std::get<int64_t>(value)).str();
    case Kind::kUnsigned:
      return (Text() << std::get<uint64_t>(value)).str();
    case Kind::kBytes:
      return std::get<uint64_t>(value) == 0 ? "0"
                                            : format_measure(std::get<uint64_t>(value), kByteUnits);
    case Kind::kDuration:
      return format_duration(std::get<int64_t>(value));
    case Kind::kDouble:
      return (Text() << std::get<double>(value)).str();
    case Kind::kEnum:
      LLMOS_CHECK(std::get<uint64_t>(value) < names.size()) << "enumerator without a name";
      return std::string(names[std::get<uint64_t>(value)]);
    case Kind::kString:
      return std::get<std::string>(value);
    case Kind::kIntegers:
      return format_integers(std::get<std::vector<int64_t>>(value));
  }
  return {};
}

std::string quoted(std::string_view text) { return '"' + printable(text, kQuotedBytesMax) + '"'; }

}  // namespace llmos::config
