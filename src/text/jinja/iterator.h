// SPDX-License-Identifier: Apache-2.0
// Walking values: everything that `for`, filters and functions can walk becomes an Iterator.
#pragma once

#include <vector>

#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

bool is_iterable(const Value& value);
// Failure: kInvalid for what cannot be walked.
Iterator& iterate(Heap& heap, const Value& value);
// All items, each charged to the heap.
std::vector<Value> collect(Heap& heap, const Value& value);
// Backwards. Failure: kInvalid for what Python cannot reverse.
Iterator& iterate_reversed(Heap& heap, const Value& value);
bool is_reversible(const Value& value);

Value view_item(Heap& heap, const View& view, size_t index);

// The variable `loop`: where a for loop stands. It looks one item ahead at most, and only when
// asked, because walking may have a price and end in an error.
struct Loop : Object {
  Loop(Heap& heap, const Value& over);

  Value next();  // the next item; kMissing at the end
  Int length();
  Value peek();
  Int index() const { return index0 + 1; }

  Heap& heap;
  Value source;
  Iterator* items;
  Int index0 = -1;
  Int known_length = -1;
  Value after, current, before;  // kMissing: none
  std::vector<Value> last_changed;
  bool changed_before = false;
  // Of a recursive loop: what runs its body over other items.
  const void* statement = nullptr;
  void* scope = nullptr;
  Int depth0 = 0;
};

Int loop_length(const Value& loop);

}  // namespace llmos::jinja
