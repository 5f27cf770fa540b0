// SPDX-License-Identifier: Apache-2.0
// Between JSON and the values of a template.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "text/jinja/heap.h"
#include "text/jinja/value.h"

namespace llmos::jinja {

// Strings are not copied: `json` must outlive the heap. Failure: kExhausted.
Value from_json(Heap& heap, const Json& json);

struct JsonStyle {
  bool ascii = false;  // \u escapes for what is not ASCII
  bool sort_keys = false;
  bool indented = false;
  std::string_view indent;  // one level
  std::string_view item_separator = ", ";
  std::string_view key_separator = ": ";
};

// Python's json.dumps(). Failure: kInvalid for what has no JSON.
std::string to_json(Heap& heap, const Value& value, const JsonStyle& style);

}  // namespace llmos::jinja
