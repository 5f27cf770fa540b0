// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/attributes.h"

#include <algorithm>
#include <array>

#include "text/jinja/builtins.h"
#include "text/jinja/compare.h"
#include "text/jinja/iterator.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

namespace {

constexpr std::array<std::string_view, 8> kListChanges = {"append", "clear", "pop",    "reverse",
                                                          "insert", "sort",  "extend", "remove"};
constexpr std::array<std::string_view, 5> kDictChanges = {"clear", "pop", "popitem", "setdefault",
                                                          "update"};

template <class Names>
bool among(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool changes(const Value& owner, std::string_view name) {
  return (owner.is(Kind::kList) && among(kListChanges, name)) ||
         (owner.is(Kind::kDict) && among(kDictChanges, name));
}

Value unsafe(Heap& heap, const Value& owner, std::string_view name) {
  Text message;
  message << "access to attribute '" << name << "' of '" << type_name(owner)
          << "' object is unsafe.";
  return Value::undefined(Lack::kHint, heap.keep(message.str()));
}

Value method(Heap& heap, const Value& owner, const Builtin& builtin) {
  Method* const made = heap.make<Method>();
  made->self = owner;
  made->builtin = &builtin;
  return Value::object(Kind::kMethod, made);
}

Value loop_attribute(Loop& loop, std::string_view name) {
  if (name == "index") return Value::integer(loop.index());
  if (name == "index0") return Value::integer(loop.index0);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(loop.peek().missing());
  if (name == "length") return Value::integer(loop.length());
  if (name == "revindex") return Value::integer(loop.length() - loop.index0);
  if (name == "revindex0") return Value::integer(loop.length() - loop.index());
  if (name == "depth") return Value::integer(loop.depth0 + 1);
  if (name == "depth0") return Value::integer(loop.depth0);
  if (name == "previtem") {
    return loop.index0 == 0 ? Value::undefined(Lack::kHint, "there is no previous item")
                            : loop.before;
  }
  if (name == "nextitem") {
    const Value next = loop.peek();
    return next.missing() ? Value::undefined(Lack::kHint, "there is no next item") : next;
  }
  return Value();
}

Value macro_attribute(Heap& heap, const Macro& macro, std::string_view name) {
  const Stmt& definition = *macro.definition;
  if (name == "name") {
    return macro_name(macro).empty() ? Value::none() : Value::string(macro_name(macro));
  }
  if (name == "catch_kwargs") return Value::boolean(definition.takes_kwargs);
  if (name == "catch_varargs") return Value::boolean(definition.takes_varargs);
  if (name == "caller") return Value::boolean(definition.takes_caller);
  if (name != "arguments") return Value();
  std::vector<Value> names;
  for (const std::string_view parameter : definition.parameters) {
    names.push_back(Value::string(parameter));
  }
  return heap.tuple(std::move(names));
}

Value number_attribute(const Value& owner, std::string_view name) {
  if (name == "real") return positive(owner);
  if (name == "imag") {
    return owner.is(Kind::kFloat) ? Value::number(0) : Value::integer(0);
  }
  if (owner.is(Kind::kFloat)) return Value();
  if (name == "numerator") return positive(owner);
  return name == "denominator" ? Value::integer(1) : Value();
}

Value range_attribute(const Range& range, std::string_view name) {
  if (name == "start") return Value::integer(range.start);
  if (name == "stop") return Value::integer(range.stop);
  return name == "step" ? Value::integer(range.step) : Value();
}

// Python has them on every object, also on an undefined one.
bool is_of_every_object(std::string_view name) { return name == "__class__" || name == "__doc__"; }

// What the type itself offers under that name; kMissing: nothing.
Value own_attribute(Heap& heap, const Value& owner, std::string_view name) {
  switch (owner.kind()) {
    case Kind::kNamespace:
      heap.step(owner.names().entries.size() / 8);
      for (const Namespace::Entry& entry : owner.names().entries) {
        if (entry.name == name)
          return name.starts_with('_') ? unsafe(heap, owner, name) : entry.value;
      }
      return Value();
    case Kind::kLoop: {
      const Value value = loop_attribute(owner.loop(), name);
      if (!value.missing()) return value;
      break;
    }
    case Kind::kMacro:
      return macro_attribute(heap, owner.macro(), name);
    case Kind::kTuple:
      if (owner.list().group && name == "grouper") return owner.list().items[0];
      if (owner.list().group && name == "list") return owner.list().items[1];
      break;
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
      return number_attribute(owner, name);
    case Kind::kRange: {
      const Value value = range_attribute(owner.range(), name);
      if (!value.missing()) return value;
      break;
    }
    default:
      break;
  }
  if (changes(owner, name)) return unsafe(heap, owner, name);
  const Builtin* const builtin =
      owner.is_string() ? find_string_method(name) : find_method(owner.kind(), name);
  if (builtin) return method(heap, owner, *builtin);
  return is_of_every_object(name) ? unsafe(heap, owner, name) : Value();
}

// The item at a key or index; kMissing: nothing there, or no such key is possible.
Value own_item(Heap& heap, const Value& owner, const Value& key) {
  switch (owner.kind()) {
    case Kind::kDict: {
      try {
        check_key(heap, key);
      } catch (const Failure& failure) {
        if (failure.cause != Failure::Cause::kType) throw;
        return Value();
      }
      heap.step();
      const Value* const found = owner.dict().find(key);
      return found ? *found : Value();
    }
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange: {
      if (!key.is_integer()) return Value();
      const Int length = length_of(heap, owner);
      const Int index = key.as_int() < 0 ? key.as_int() + length : key.as_int();
      if (index < 0 || index >= length) return Value();
      if (owner.is_sequence()) return owner.list().items[size_t(index)];
      if (owner.is(Kind::kRange)) return Value::integer(owner.range().at(index));
      const size_t first = byte_of_character(owner.text(), size_t(index));
      size_t end = first;
      take_character(owner.text(), &end);
      return Value::string(owner.text().substr(first, end - first), owner.markup());
    }
    default:
      return Value();
  }
}

struct Bounds {
  int64_t start, stop, step;
  size_t count;
};

int64_t bound_of(const Value& value, std::string_view what) {
  return clamped(integer_argument(value, what));
}

bool left_out(const Value& value) { return value.missing() || value.is_none(); }

// Python's slice.indices().
Bounds bounds_of(int64_t length, const Value& start, const Value& stop, const Value& step) {
  Bounds bounds{};
  bounds.step = left_out(step) ? 1 : bound_of(step, "a slice");
  if (bounds.step == 0) fail_value(Text() << "the step of a slice must not be zero");
  const bool forward = bounds.step > 0;
  const int64_t low = forward ? 0 : -1, high = forward ? length : length - 1;
  const auto place = [&](const Value& value, int64_t otherwise) {
    if (left_out(value)) return otherwise;
    const int64_t at = bound_of(value, "a slice");
    return std::clamp(at < 0 ? std::max(at + length, low) : at, low, high);
  };
  bounds.start = place(start, forward ? low : high);
  bounds.stop = place(stop, forward ? high : low);
  const int64_t distance = forward ? bounds.stop - bounds.start : bounds.start - bounds.stop;
  if (distance > 0) {
    const uint64_t stride = forward ? uint64_t(bounds.step) : uint64_t(0) - uint64_t(bounds.step);
    bounds.count = size_t((uint64_t(distance) - 1) / stride + 1);
  }
  return bounds;
}

Value slice_string(Heap& heap, const Value& owner, const Bounds& bounds) {
  const std::string_view text = owner.text();
  heap.scan(text.size());
  if (bounds.step == 1) {
    const size_t first = byte_of_character(text, size_t(bounds.start));
    const std::string_view rest = text.substr(first);
    return Value::string(rest.substr(0, byte_of_character(rest, bounds.count)), owner.markup());
  }
  std::vector<size_t> starts;  // of each character
  heap.charge(text.size() * sizeof(size_t));
  for (size_t at = 0; at < text.size(); take_character(text, &at)) starts.push_back(at);
  std::string out;
  for (size_t i = 0; i < bounds.count; ++i) {
    const size_t first = starts[size_t(bounds.start + int64_t(i) * bounds.step)];
    size_t end = first;
    take_character(text, &end);
    out.append(text, first, end - first);
  }
  return heap.string(std::move(out), owner.markup());
}

Value slice_list(Heap& heap, const Value& owner, const Bounds& bounds) {
  heap.step(bounds.count);
  heap.charge(bounds.count * sizeof(Value));
  std::vector<Value> items;
  items.reserve(bounds.count);
  for (size_t i = 0; i < bounds.count; ++i) {
    items.push_back(owner.list().items[size_t(bounds.start + int64_t(i) * bounds.step)]);
  }
  return owner.is(Kind::kTuple) ? heap.tuple(std::move(items)) : heap.list(std::move(items));
}

Value slice_range(Heap& heap, const Range& range, const Bounds& bounds) {
  Range* const made = heap.make<Range>();
  made->step = range.step * bounds.step;
  made->start = range.at(bounds.start);
  made->stop = range.at(bounds.stop);
  return Value::object(Kind::kRange, made);
}

}  // namespace

Value get_attribute(Heap& heap, const Value& owner, std::string_view name) {
  if (!is_of_every_object(name)) fail_if_undefined(owner);
  Value value = own_attribute(heap, owner, name);
  if (value.missing() && owner.is(Kind::kDict)) value = own_item(heap, owner, Value::string(name));
  return value.missing() ? Value::undefined(Lack::kAttribute, name, owner.kind()) : value;
}

Value get_item(Heap& heap, const Value& owner, const Value& key) {
  fail_if_undefined(owner);
  Value value = own_item(heap, owner, key);
  if (!value.missing()) return value;
  if (key.is_string()) {
    value = own_attribute(heap, owner, key.text());
    if (!value.missing()) return value;
    return Value::undefined(Lack::kAttribute, key.text(), owner.kind());
  }
  Text message;
  message << type_name(owner) << " object has no element " << repr(heap, key);
  return Value::undefined(Lack::kHint, heap.keep(message.str()));
}

Value get_slice(Heap& heap, const Value& owner, const Value& start, const Value& stop,
                const Value& step) {
  fail_if_undefined(owner);
  if (!owner.is_string() && !owner.is_sequence() && !owner.is(Kind::kRange)) {
    fail_type(Text() << "no slice of " << type_name(owner));
  }
  const Bounds bounds = bounds_of(clamped(length_of(heap, owner)), start, stop, step);
  if (owner.is_string()) return slice_string(heap, owner, bounds);
  if (owner.is(Kind::kRange)) return slice_range(heap, owner.range(), bounds);
  return slice_list(heap, owner, bounds);
}

AttributePath::AttributePath(Heap& heap, const Value& path) {
  if (path.missing() || path.is_none()) return;
  if (!path.is_string()) {
    steps_.push_back(path);
    return;
  }
  std::string_view rest = path.text();
  heap.step(rest.size());
  heap.charge(rest.size() * sizeof(Value));
  for (;;) {
    const size_t dot = rest.find('.');
    const std::string_view step = rest.substr(0, dot);
    const bool digits = !step.empty() && std::all_of(step.begin(), step.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
    if (digits) {
      Int index = 0;
      for (const char c : step) index = std::min<Int>(index * 10 + (c - '0'), Int(1) << 100);
      steps_.push_back(Value::integer(index));
    } else {
      steps_.push_back(Value::string(step));
    }
    if (dot == rest.npos) break;
    rest.remove_prefix(dot + 1);
  }
}

Value AttributePath::get(Heap& heap, Value item, const Value& otherwise) const {
  for (const Value& step : steps_) {
    heap.step();
    item = get_item(heap, item, step);
    if (item.is_undefined() && !otherwise.missing() && !otherwise.is_none()) item = otherwise;
  }
  return item;
}

}  // namespace llmos::jinja
