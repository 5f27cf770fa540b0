// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"

#include "base/check.h"

namespace llmos::config {

namespace {

Kind element_kind(const Option& option) {
  return option.kind == Kind::kIntegers ? Kind::kInteger : option.kind;
}

// std::variant compares alternatives of the same index by their values.
bool inside(const Range& range, const Value& value) {
  return range.low <= value && value <= range.high;
}

Status out_of_range(const Option& option, std::string_view found) {
  return Status(Code::kInvalid, (Text() << "out of range: allowed are " << allowed_text(option)
                                        << ", found " << found)
                                    .str());
}

Status check_elements(const Option& option, const std::vector<int64_t>& list) {
  const int64_t low = std::get<int64_t>(option.range->low);
  const int64_t high = std::get<int64_t>(option.range->high);
  for (const int64_t element : list)
    if (element < low || element > high) return out_of_range(option, (Text() << element).str());
  return {};
}

}  // namespace

Status check_range(const Option& option, const Value& value) {
  if (!option.range) return {};
  if (option.kind == Kind::kIntegers)
    return check_elements(option, std::get<std::vector<int64_t>>(value));
  if (inside(*option.range, value)) return {};
  return out_of_range(option, format_value(option.kind, value));
}

std::string allowed_text(const Option& option) {
  Text text;
  if (option.kind == Kind::kEnum) {
    for (size_t i = 0; i < option.names.size(); ++i) text << (i ? ", " : "") << option.names[i];
  } else if (option.range) {
    const Kind kind = element_kind(option);
    text << format_value(kind, option.range->low) << " to "
         << format_value(kind, option.range->high);
    if (!option.unit.empty()) text << ' ' << option.unit;
    if (option.kind == Kind::kIntegers) text << " each";
  } else {
    text << (option.kind == Kind::kBool ? "true, false" : "any text");
  }
  return std::move(text).str();
}

}  // namespace llmos::config
