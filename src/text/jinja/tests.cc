// SPDX-License-Identifier: Apache-2.0
// What may stand behind `is`.
#include <algorithm>
#include <array>

#include "text/jinja/builtins.h"
#include "text/jinja/compare.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/iterator.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace llmos::jinja {

namespace {

template <Kind... kinds>
Value is_kind(Interpreter&, Arguments& a) {
  return Value::boolean(((a.positional[0].kind() == kinds) || ...));
}

template <bool kWanted>
Value is_bool(Interpreter&, Arguments& a) {
  const Value& value = a.positional[0];
  return Value::boolean(value.is(Kind::kBool) && value.as_bool() == kWanted);
}

template <bool kWanted>
Value is_defined(Interpreter&, Arguments& a) {
  return Value::boolean(a.positional[0].is_undefined() != kWanted);
}

bool remainder_is(Heap& heap, const Value& value, const Value& divisor, Int wanted) {
  return equal(heap, arithmetic(heap, Op::kModulo, value, divisor), Value::integer(wanted));
}

template <int kWanted>
Value is_parity(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(
      remainder_is(interpreter.heap(), a.positional[0], Value::integer(2), kWanted));
}

Value is_divisible(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(remainder_is(interpreter.heap(), a.positional[0], a.positional[1], 0));
}

Value is_number(Interpreter&, Arguments& a) { return Value::boolean(a.positional[0].is_number()); }

// What has a length and takes an index.
Value is_sequence(Interpreter&, Arguments& a) {
  const Value& value = a.positional[0];
  return Value::boolean(has_length(value) && !value.is(Kind::kView) && !value.is(Kind::kLoop));
}

Value is_iterable_value(Interpreter&, Arguments& a) {
  return Value::boolean(is_iterable(a.positional[0]));
}

Value is_callable(Interpreter&, Arguments& a) {
  switch (a.positional[0].kind()) {
    case Kind::kUndefined:  // calling it is possible, and fails
    case Kind::kMacro:
    case Kind::kFunction:
    case Kind::kMethod:
    case Kind::kLoop:
      return Value::boolean(true);
    default:
      return Value::boolean(false);
  }
}

Value is_escaped(Interpreter&, Arguments& a) {
  return Value::boolean(a.positional[0].is_string() && a.positional[0].markup());
}

Value is_same(Interpreter&, Arguments& a) {
  return Value::boolean(same(a.positional[0], a.positional[1]));
}

Value is_in(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(contains(interpreter.heap(), a.positional[1], a.positional[0]));
}

Value is_lower(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(is_cased(str(interpreter.heap(), a.positional[0]), kLowercase));
}

Value is_upper(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(is_cased(str(interpreter.heap(), a.positional[0]), kUppercase));
}

template <class Find>
Value known(Interpreter& interpreter, const Value& name, const Find& find) {
  check_key(interpreter.heap(), name);
  return Value::boolean(name.is_string() && find(name.text()) != nullptr);
}

Value is_filter(Interpreter& interpreter, Arguments& a) {
  return known(interpreter, a.positional[0], find_filter);
}

Value is_test(Interpreter& interpreter, Arguments& a) {
  return known(interpreter, a.positional[0], find_test);
}

Value is_equal(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(equal(interpreter.heap(), a.positional[0], a.positional[1]));
}

Value is_not_equal(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(!equal(interpreter.heap(), a.positional[0], a.positional[1]));
}

Value is_less(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(less(interpreter.heap(), a.positional[0], a.positional[1]));
}

Value is_less_or_equal(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(less_or_equal(interpreter.heap(), a.positional[0], a.positional[1]));
}

Value is_greater(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(less(interpreter.heap(), a.positional[1], a.positional[0]));
}

Value is_greater_or_equal(Interpreter& interpreter, Arguments& a) {
  return Value::boolean(less_or_equal(interpreter.heap(), a.positional[1], a.positional[0]));
}

constexpr std::array<TestSpec, 39> kTests = {{
    {{"odd", "value", is_parity<1>}},
    {{"even", "value", is_parity<0>}},
    {{"divisibleby", "value num", is_divisible}},
    {{"defined", "value", is_defined<true>}},
    {{"undefined", "value", is_defined<false>}},
    {{"filter", "value", is_filter}},
    {{"test", "value", is_test}},
    {{"none", "value", is_kind<Kind::kNone>}},
    {{"boolean", "value", is_kind<Kind::kBool>}},
    {{"false", "value", is_bool<false>}},
    {{"true", "value", is_bool<true>}},
    {{"integer", "value", is_kind<Kind::kInt>}},
    {{"float", "value", is_kind<Kind::kFloat>}},
    {{"lower", "value", is_lower}},
    {{"upper", "value", is_upper}},
    {{"string", "value", is_kind<Kind::kString>}},
    {{"mapping", "value", is_kind<Kind::kDict>}},
    {{"number", "value", is_number}},
    {{"sequence", "value", is_sequence}},
    {{"iterable", "value", is_iterable_value}},
    {{"callable", "value", is_callable, false}},
    {{"sameas", "value other", is_same}},
    {{"escaped", "value", is_escaped}},
    {{"in", "value seq", is_in}},
    {{"==", "a b", is_equal, false}},
    {{"eq", "a b", is_equal, false}},
    {{"equalto", "a b", is_equal, false}},
    {{"!=", "a b", is_not_equal, false}},
    {{"ne", "a b", is_not_equal, false}},
    {{">", "a b", is_greater, false}},
    {{"gt", "a b", is_greater, false}},
    {{"greaterthan", "a b", is_greater, false}},
    {{">=", "a b", is_greater_or_equal, false}},
    {{"ge", "a b", is_greater_or_equal, false}},
    {{"<", "a b", is_less, false}},
    {{"lt", "a b", is_less, false}},
    {{"lessthan", "a b", is_less, false}},
    {{"<=", "a b", is_less_or_equal, false}},
    {{"le", "a b", is_less_or_equal, false}},
}};

}  // namespace

const TestSpec* find_test(std::string_view name) {
  const auto found = std::find_if(kTests.begin(), kTests.end(),
                                  [&](const TestSpec& test) { return test.name == name; });
  return found == kTests.end() ? nullptr : &*found;
}

}  // namespace llmos::jinja
