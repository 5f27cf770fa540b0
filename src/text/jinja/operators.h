// SPDX-License-Identifier: Apache-2.0
// Python's arithmetic. Failure: kInvalid for types that do not fit and division by zero; kExhausted
// for integers beyond 128 bits.
#pragma once

#include "text/jinja/ast.h"
#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

Value arithmetic(Heap& heap, Op op, const Value& a, const Value& b);
Value negate(const Value& value);
Value positive(const Value& value);

double to_double(const Value& number);  // of a bool, int or float
// Rounded towards zero. Failure: kInvalid for NaN and infinity, kExhausted beyond 128 bits.
Int truncated(double value);

// An argument that must be an integer; `otherwise` when it is missing.
Int integer_argument(const Value& value, std::string_view what);
Int integer_argument(const Value& value, std::string_view what, Int otherwise);
// Clamped to what a size can be: for widths, counts and indexes.
int64_t clamped(Int value);

}  // namespace llmos::jinja
