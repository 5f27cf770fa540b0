// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "text/jinja/format.h"
#include "text/jinja/markup.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

namespace {

std::string_view symbol_of(Op op) {
  switch (op) {
    case Op::kAdd:
      return "+";
    case Op::kSubtract:
      return "-";
    case Op::kMultiply:
      return "*";
    case Op::kDivide:
      return "/";
    case Op::kFloorDivide:
      return "//";
    case Op::kModulo:
      return "%";
    default:
      return "**";
  }
}

[[noreturn]] void fail_operands(Op op, const Value& a, const Value& b) {
  fail_if_undefined(a);
  fail_if_undefined(b);
  fail_type(Text() << "no operation " << symbol_of(op) << " between " << type_name(a) << " and "
                   << type_name(b));
}

[[noreturn]] void fail_wide() {
  fail_limit(Text() << "an integer beyond 128 bits, which is all that integers hold here");
}

[[noreturn]] void fail_zero() { fail(Text() << "division by zero"); }

Int floor_divide(Int a, Int b) {
  if (b == 0) fail_zero();
  if (a == kIntMin && b == -1) fail_wide();
  const Int quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

Int modulo(Int a, Int b) {
  if (b == 0) fail_zero();
  if (b == -1) return 0;
  const Int rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

double modulo(double a, double b) {
  if (b == 0) fail_zero();
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double floor_divide(double a, double b) {
  const double rest = modulo(a, b);
  const double quotient = (a - rest) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floor = std::floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

Value integer_power(Int base, Int exponent) {
  if (exponent < 0) {
    if (base == 0) fail_zero();
    return Value::number(std::pow(double(base), double(exponent)));
  }
  Int result = 1;
  for (;;) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) fail_wide();
    exponent >>= 1;
    if (exponent == 0) return Value::integer(result);
    // A base that overflows matters: a bit of the exponent above it is set.
    if (__builtin_mul_overflow(base, base, &base)) fail_wide();
  }
}

Value float_power(double a, double b) {
  if (a == 0 && b < 0) fail_zero();
  if (a < 0 && std::isfinite(b) && b != std::floor(b)) {
    fail_unsupported(Text() << "a complex number, the power of a negative one");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    fail(Text() << "the result of ** is too large");
  }
  return Value::number(result);
}

Value integer_arithmetic(Op op, Int a, Int b) {
  Int result = 0;
  bool wide = false;
  switch (op) {
    case Op::kAdd:
      wide = __builtin_add_overflow(a, b, &result);
      break;
    case Op::kSubtract:
      wide = __builtin_sub_overflow(a, b, &result);
      break;
    case Op::kMultiply:
      wide = __builtin_mul_overflow(a, b, &result);
      break;
    case Op::kDivide:
      if (b == 0) fail_zero();
      return Value::number(double(a) / double(b));
    case Op::kFloorDivide:
      result = floor_divide(a, b);
      break;
    case Op::kModulo:
      result = modulo(a, b);
      break;
    default:
      return integer_power(a, b);
  }
  if (wide) fail_wide();
  return Value::integer(result);
}

Value float_arithmetic(Op op, double a, double b) {
  switch (op) {
    case Op::kAdd:
      return Value::number(a + b);
    case Op::kSubtract:
      return Value::number(a - b);
    case Op::kMultiply:
      return Value::number(a * b);
    case Op::kDivide:
      if (b == 0) fail_zero();
      return Value::number(a / b);
    case Op::kFloorDivide:
      return Value::number(floor_divide(a, b));
    case Op::kModulo:
      return Value::number(modulo(a, b));
    default:
      return float_power(a, b);
  }
}

Value joined(Heap& heap, const Value& a, const Value& b) {
  if (a.markup() != b.markup()) return joined(heap, escaped(heap, a), escaped(heap, b));
  heap.charge(a.text().size() + b.text().size());
  std::string text;
  text.reserve(a.text().size() + b.text().size());
  return heap.string(text.append(a.text()).append(b.text()), a.markup());
}

Value joined_items(Heap& heap, const Value& a, const Value& b) {
  const auto& first = a.list().items;
  const auto& second = b.list().items;
  heap.step(first.size() + second.size());
  heap.charge((first.size() + second.size()) * sizeof(Value));
  std::vector<Value> items;
  items.reserve(first.size() + second.size());
  items.insert(items.end(), first.begin(), first.end());
  items.insert(items.end(), second.begin(), second.end());
  return a.is(Kind::kTuple) ? heap.tuple(std::move(items)) : heap.list(std::move(items));
}

// The bytes of `count` copies, charged before they are made.
size_t charge_copies(Heap& heap, size_t bytes, Int count) {
  if (count != clamped(count)) fail(Text() << "a repetition beyond 64 bits");
  if (count <= 0 || bytes == 0) return 0;
  size_t total = 0;
  if (__builtin_mul_overflow(bytes, size_t(count), &total))
    total = std::numeric_limits<size_t>::max();
  heap.charge(total);
  heap.step(uint64_t(count));
  return size_t(count);
}

Value repeated(Heap& heap, const Value& value, Int count) {
  if (value.is_string()) {
    const size_t copies = charge_copies(heap, value.text().size(), count);
    std::string text;
    text.reserve(copies * value.text().size());
    for (size_t i = 0; i < copies; ++i) text += value.text();
    return heap.string(std::move(text), value.markup());
  }
  const auto& source = value.list().items;
  const size_t copies = charge_copies(heap, source.size() * sizeof(Value), count);
  std::vector<Value> items;
  items.reserve(copies * source.size());
  for (size_t i = 0; i < copies; ++i) items.insert(items.end(), source.begin(), source.end());
  return value.is(Kind::kTuple) ? heap.tuple(std::move(items)) : heap.list(std::move(items));
}

}  // namespace

Value arithmetic(Heap& heap, Op op, const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return integer_arithmetic(op, a.as_int(), b.as_int());
  if (a.is_number() && b.is_number()) return float_arithmetic(op, to_double(a), to_double(b));
  if (op == Op::kAdd && a.is_string() && b.is_string()) return joined(heap, a, b);
  if (op == Op::kAdd && a.kind() == b.kind() && a.is_sequence()) return joined_items(heap, a, b);
  if (op == Op::kMultiply && b.is_integer() && (a.is_string() || a.is_sequence())) {
    return repeated(heap, a, b.as_int());
  }
  if (op == Op::kMultiply && a.is_integer() && (b.is_string() || b.is_sequence())) {
    return repeated(heap, b, a.as_int());
  }
  if (op == Op::kModulo && a.is_string()) return format_percent(heap, a, b);
  fail_operands(op, a, b);
}

Value negate(const Value& value) {
  fail_if_undefined(value);
  if (value.is(Kind::kFloat)) return Value::number(-value.as_double());
  if (!value.is_integer()) fail_type(Text() << "no negative of " << type_name(value));
  if (value.as_int() == kIntMin) fail_wide();
  return Value::integer(-value.as_int());
}

Value positive(const Value& value) {
  fail_if_undefined(value);
  if (value.is(Kind::kFloat)) return value;
  if (!value.is_integer()) fail_type(Text() << "no sign on " << type_name(value));
  return Value::integer(value.as_int());
}

double to_double(const Value& number) {
  return number.is(Kind::kFloat) ? number.as_double() : double(number.as_int());
}

Int truncated(double value) {
  if (std::isnan(value)) fail_value(Text() << "NaN is no integer");
  if (std::isinf(value)) fail(Text() << "infinity is no integer");
  if (std::fabs(value) >= 0x1p127) fail_wide();
  return Int(value);
}

Int integer_argument(const Value& value, std::string_view what) {
  fail_if_undefined(value);
  if (!value.is_integer()) {
    fail_type(Text() << what << ": expected an integer, found " << type_name(value));
  }
  return value.as_int();
}

Int integer_argument(const Value& value, std::string_view what, Int otherwise) {
  return value.missing() ? otherwise : integer_argument(value, what);
}

int64_t clamped(Int value) {
  constexpr Int kMax = std::numeric_limits<int64_t>::max(),
                kMin = std::numeric_limits<int64_t>::min();
  return int64_t(std::clamp(value, kMin, kMax));
}

}  // namespace llmos::jinja
