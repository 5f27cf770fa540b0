// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/json.h"

#include <algorithm>
#include <cmath>

#include "text/jinja/compare.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

namespace {

class JsonWriter {
 public:
  JsonWriter(Heap& heap, const JsonStyle& style) : heap_(heap), style_(style) {}

  std::string write(const Value& root) && {
    value(root);
    return std::move(out_);
  }

 private:
  void value(const Value& v) {
    const Depth depth(heap_);
    heap_.step();
    heap_.charge(out_.size() - charged_);
    charged_ = out_.size();
    switch (v.kind()) {
      case Kind::kNone:
      case Kind::kBool:
      case Kind::kInt:
      case Kind::kFloat:
        return scalar(v);
      case Kind::kString:
        return string(v.text());
      case Kind::kList:
      case Kind::kTuple:
        return list(v.list().items);
      case Kind::kDict:
        return dict(v.dict());
      default:
        fail_type(Text() << "an object of type " << type_name(v) << " has no JSON");
    }
  }

  void scalar(const Value& v) {
    if (v.is_none()) {
      out_ += "null";
    } else if (v.is(Kind::kBool)) {
      out_ += v.as_bool() ? "true" : "false";
    } else if (v.is(Kind::kInt)) {
      out_ += int_text(v.as_int());
    } else if (std::isfinite(v.as_double())) {
      out_ += float_text(v.as_double());
    } else {
      out_ += std::isnan(v.as_double()) ? "NaN" : v.as_double() > 0 ? "Infinity" : "-Infinity";
    }
  }

  void list(const std::vector<Value>& items) {
    out_ += '[';
    ++level_;
    for (size_t i = 0; i < items.size(); ++i) {
      separate(i);
      value(items[i]);
    }
    close(items.empty(), ']');
  }

  void dict(const Dict& dict) {
    std::vector<const Dict::Entry*> order;
    heap_.charge(dict.entries.size() * sizeof(void*));
    for (const Dict::Entry& entry : dict.entries) order.push_back(&entry);
    if (style_.sort_keys) {
      std::stable_sort(order.begin(), order.end(), [&](const Dict::Entry* a, const Dict::Entry* b) {
        return less(heap_, a->key, b->key);
      });
    }
    out_ += '{';
    ++level_;
    for (size_t i = 0; i < order.size(); ++i) {
      separate(i);
      key(order[i]->key);
      out_ += style_.key_separator;
      value(order[i]->value);
    }
    close(order.empty(), '}');
  }

  void separate(size_t index) {
    if (index > 0) out_ += style_.item_separator;
    if (style_.indented) new_line();
  }

  void close(bool empty, char mark) {
    --level_;
    if (style_.indented && !empty) new_line();
    out_ += mark;
  }

  void new_line() {
    heap_.charge(size_t(level_) * style_.indent.size());
    out_ += '\n';
    for (int i = 0; i < level_; ++i) out_ += style_.indent;
    charged_ = out_.size();
  }

  void key(const Value& k) {
    if (k.is_string()) return string(k.text());
    if (!k.is_none() && !k.is_number()) {
      fail_type(Text() << "a key of type " << type_name(k) << " has no JSON");
    }
    out_ += '"';
    scalar(k);
    out_ += '"';
  }

  void string(std::string_view text) {
    heap_.scan(text.size());
    out_ += '"';
    for (size_t at = 0; at < text.size();) {
      const size_t first = at;
      const char32_t c = take_character(text, &at);
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += char(c);
      } else if (c < 0x20) {
        control(c);
      } else if (c >= 0x80 && style_.ascii) {
        if (c >= 0x10000) unit(0xD800 + ((c - 0x10000) >> 10));
        unit(c >= 0x10000 ? 0xDC00 + ((c - 0x10000) & 0x3FF) : c);
      } else {
        out_.append(text, first, at - first);
      }
    }
    out_ += '"';
  }

  void control(char32_t c) {
    static constexpr std::string_view kControls = "\b\f\n\r\t", kLetters = "bfnrt";
    const size_t i = kControls.find(char(c));
    if (i == kControls.npos) return unit(c);
    out_ += '\\';
    out_ += kLetters[i];
  }

  void unit(char32_t c) {
    out_ += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out_ += "0123456789abcdef"[c >> shift & 15];
  }

  Heap& heap_;
  const JsonStyle& style_;
  std::string out_;
  size_t charged_ = 0;
  int level_ = 0;
};

}  // namespace

Value from_json(Heap& heap, const Json& json) {
  const Depth depth(heap);
  heap.step();
  switch (json.kind()) {
    case Json::Kind::kNull:
      return Value::none();
    case Json::Kind::kBool:
      return Value::boolean(*json.if_bool());
    case Json::Kind::kInt:
      return Value::integer(*json.if_int64());
    case Json::Kind::kUint:
      return Value::integer(Int(*json.if_uint64()));
    case Json::Kind::kDouble:
      return Value::number(*json.if_double());
    case Json::Kind::kString:
      return Value::string(*json.if_string());
    case Json::Kind::kArray: {
      std::vector<Value> items;
      heap.charge(json.items().size() * sizeof(Value));
      items.reserve(json.items().size());
      for (const Json& item : json.items()) items.push_back(from_json(heap, item));
      return heap.list(std::move(items));
    }
    case Json::Kind::kObject:
      break;
  }
  std::vector<Dict::Entry> entries;
  heap.charge(json.members().size() * sizeof(Dict::Entry));
  entries.reserve(json.members().size());
  for (const JsonMember& member : json.members()) {
    entries.push_back({Value::string(member.key), from_json(heap, member.value)});
  }
  return heap.dict(std::move(entries));
}

std::string to_json(Heap& heap, const Value& value, const JsonStyle& style) {
  return JsonWriter(heap, style).write(value);
}

}  // namespace llmos::jinja
