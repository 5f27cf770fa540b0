// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/markup.h"

#include "text/jinja/text.h"

namespace llmos::jinja {

Value escaped(Heap& heap, const Value& value) {
  if (value.is_string() && value.markup()) return value;
  const std::string_view text = str(heap, value);
  heap.scan(text.size());
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return heap.string(std::move(out), true);
}

}  // namespace llmos::jinja
