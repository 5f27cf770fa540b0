// SPDX-License-Identifier: Apache-2.0
// value.name, value[key] and value[a:b:c], with the rules of the immutable sandbox: an attribute
// before a key behind a dot, a key before an attribute in brackets; what is private or would change
// a value is undefined.
#pragma once

#include <string_view>
#include <vector>

#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

// What is not there is an undefined value. Failure: kInvalid on an undefined owner.
Value get_attribute(Heap& heap, const Value& owner, std::string_view name);
Value get_item(Heap& heap, const Value& owner, const Value& key);
// kMissing or none: left out. Failure: kInvalid.
Value get_slice(Heap& heap, const Value& owner, const Value& start, const Value& stop,
                const Value& step);

// "a.b.0" as filters take it: the steps one after the other.
class AttributePath {
 public:
  // kMissing or none: the item itself.
  AttributePath(Heap& heap, const Value& path);
  // `otherwise` replaces what is undefined on the way, unless it is missing or none.
  Value get(Heap& heap, Value item, const Value& otherwise = Value()) const;

 private:
  std::vector<Value> steps_;
};

}  // namespace llmos::jinja
