// SPDX-License-Identifier: Apache-2.0
// Truth, equality, order and membership of values, as Python has them.
#pragma once

#include <compare>

#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

bool truth(const Value& value);

// Python's ==: numbers by value whatever their type, sequences and dicts by content, the rest by
// identity. Failure: kExhausted.
bool equal(Heap& heap, const Value& a, const Value& b);
// Python's `is`, as far as it can be told.
bool same(const Value& a, const Value& b);
// Python's <. Failure: kInvalid for values without an order.
bool less(Heap& heap, const Value& a, const Value& b);
bool less_or_equal(Heap& heap, const Value& a, const Value& b);
// Python's `item in container`; walks iterators.
bool contains(Heap& heap, const Value& container, const Value& item);

// Exact, also where a double cannot hold the integer. unordered: not a number.
std::partial_ordering compare_numbers(const Value& a, const Value& b);

// Failure: kInvalid for what Python cannot hash.
void check_key(Heap& heap, const Value& key);
// A total order over keys, in which equal keys (1, 1.0 and True) are equivalent.
int order_keys(const Value& a, const Value& b);

struct KeyLess {
  bool operator()(const Value& a, const Value& b) const { return order_keys(a, b) < 0; }
};

// The number of items or code points. Failure: kInvalid for what has no length.
Int length_of(Heap& heap, const Value& value);
bool has_length(const Value& value);

}  // namespace llmos::jinja
