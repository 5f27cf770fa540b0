// SPDX-License-Identifier: Apache-2.0
// Filters that make numbers.
#include <array>
#include <charconv>
#include <cmath>

#include "text/jinja/builtins.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/literal.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

namespace {

// int(float(value)), as the second attempt; kMissing where that fails too.
Value int_of_float(const Value& value) {
  double number = 0;
  if (value.is_string()) {
    const std::optional<double> parsed = parse_float(value.text());
    if (!parsed) return Value();
    number = *parsed;
  } else if (value.is_number()) {
    number = to_double(value);
  } else {
    return Value();
  }
  return std::isfinite(number) ? Value::integer(truncated(number)) : Value();
}

Value to_int(Interpreter&, Arguments& a) {
  const Value& value = a.positional[0];
  fail_if_undefined(value);
  const Value otherwise = a.positional[1].missing() ? Value::integer(0) : a.positional[1];
  const Int base = integer_argument(a.positional[2], "int", 10);
  if (value.is_string()) {
    if (base == 0 || (base >= 2 && base <= 36)) {
      if (const std::optional<Int> parsed = parse_int(value.text(), int(base))) {
        return Value::integer(*parsed);
      }
    }
  } else if (value.is_integer()) {
    return positive(value);
  } else if (value.is(Kind::kFloat) && !std::isnan(value.as_double())) {
    return Value::integer(truncated(value.as_double()));
  }
  const Value second = int_of_float(value);
  return second.missing() ? otherwise : second;
}

Value to_float(Interpreter&, Arguments& a) {
  const Value& value = a.positional[0];
  fail_if_undefined(value);
  if (value.is_number()) return Value::number(to_double(value));
  if (value.is_string()) {
    if (const std::optional<double> parsed = parse_float(value.text())) {
      return Value::number(*parsed);
    }
  }
  return a.positional[1].missing() ? Value::number(0) : a.positional[1];
}

// Half to even, on the exact decimal value of the double.
double rounded(double value, Int digits) {
  constexpr Int kDigitsMax = 323;  // beyond, no double changes
  if (!std::isfinite(value) || digits > kDigitsMax) return value;
  if (digits < -308) return std::copysign(0.0, value);
  if (digits >= 0) {
    char text[700];
    const auto end =
        std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, int(digits)).ptr;
    double result = value;
    std::from_chars(text, end, result);
    return result;
  }
  const double scale = std::pow(10.0, double(-digits));
  const double scaled = value / scale;
  double whole = std::round(scaled);
  if (std::fabs(scaled - whole) == 0.5) whole = 2 * std::round(scaled / 2);
  return whole * scale;
}

Int rounded(Int value, Int digits) {
  if (digits >= 0) return value;
  if (digits < -38) return 0;
  Int scale = 1;
  for (Int i = 0; i < -digits; ++i) scale *= 10;
  const Int rest = ((value % scale) + scale) % scale;
  const Int down = value - rest;
  const bool up = rest > scale - rest || (rest == scale - rest && (down / scale) % 2 != 0);
  return up ? down + scale : down;
}

Value round(Interpreter&, Arguments& a) {
  const Value& value = a.positional[0];
  const Value method = a.positional[2].missing() ? Value::string("common") : a.positional[2];
  const std::string_view name = method.is_string() ? method.text() : "";
  if (name != "common" && name != "ceil" && name != "floor") {
    fail(Text() << "round: expected the method common, ceil or floor");
  }
  fail_if_undefined(value);
  if (!value.is_number())
    fail_type(Text() << "round: expected a number, found " << type_name(value));
  if (name == "common") {
    const Value& precision = a.positional[1];
    if (precision.is_none()) {
      return value.is_integer() ? positive(value)
                                : Value::integer(truncated(rounded(value.as_double(), Int(0))));
    }
    const Int digits = integer_argument(precision, "round", 0);
    return value.is_integer() ? Value::integer(rounded(value.as_int(), digits))
                              : Value::number(rounded(value.as_double(), digits));
  }
  const Int digits = integer_argument(a.positional[1], "round", 0);
  const double scale = std::pow(10.0, double(digits));
  const double scaled = to_double(value) * scale;
  const double whole = name == "ceil" ? std::ceil(scaled) : std::floor(scaled);
  static_cast<void>(truncated(whole));  // as the original, which goes through an integer
  return Value::number((whole == 0 ? 0.0 : whole) / scale);
}

Value absolute(Interpreter&, Arguments& a) {
  const Value& value = a.positional[0];
  fail_if_undefined(value);
  if (value.is(Kind::kFloat)) return Value::number(std::fabs(value.as_double()));
  if (!value.is_integer())
    fail_type(Text() << "abs: expected a number, found " << type_name(value));
  return value.as_int() < 0 ? negate(value) : positive(value);
}

constexpr std::array<FilterSpec, 4> kFilters = {{
    {{"int", "value default? base?", to_int}},
    {{"float", "value default?", to_float}},
    {{"round", "value precision? method?", round}},
    {{"abs", "x", absolute, false}},
}};

}  // namespace

std::span<const FilterSpec> number_filters() { return kFilters; }

}  // namespace llmos::jinja
