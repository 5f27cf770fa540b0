// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/builtins.h"

#include <algorithm>
#include <array>

#include "text/jinja/attributes.h"
#include "text/jinja/compare.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/iterator.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/time.h"

namespace llmos::jinja {

namespace {

constexpr Int kRangeMax = 100'000;  // the sandbox's own bound

template <class Specs>
auto find_in(const Specs& specs, std::string_view name) -> decltype(&*specs.begin()) {
  const auto found = std::find_if(specs.begin(), specs.end(),
                                  [&](const Builtin& builtin) { return builtin.name == name; });
  return found == specs.end() ? nullptr : &*found;
}

Value range(Interpreter& interpreter, Arguments& a) {
  Range* const made = interpreter.heap().make<Range>();
  const Int first = integer_argument(a.positional[0], "range");
  if (a.positional[1].missing()) {
    made->stop = first;
  } else {
    made->start = first;
    made->stop = integer_argument(a.positional[1], "range");
    made->step = integer_argument(a.positional[2], "range", 1);
  }
  if (made->step == 0) fail_value(Text() << "the step of a range must not be zero");
  const Int size = made->size();
  if (size > kRangeMax || size < 0) {
    fail(Text() << "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
  }
  return Value::object(Kind::kRange, made);
}

// dict(mapping or pairs, **more), also for namespace().
std::vector<Dict::Entry> dict_entries(Interpreter& interpreter, const Arguments& a) {
  Heap& heap = interpreter.heap();
  std::vector<Dict::Entry> entries;
  if (a.positional.size() > 1) fail_type(Text() << "dict: expected at most one argument");
  if (!a.positional.empty()) {
    const Value& source = a.positional[0];
    if (source.is(Kind::kDict)) {
      heap.charge(source.dict().entries.size() * sizeof(Dict::Entry));
      entries = source.dict().entries;
    } else {
      for (const Value& pair : collect(heap, source)) {
        const std::vector<Value> parts = collect(heap, pair);
        if (parts.size() != 2) fail_value(Text() << "dict: expected pairs");
        entries.push_back({parts[0], parts[1]});
      }
    }
  }
  for (const Arguments::Named& named : a.keywords) {
    entries.push_back({Value::string(named.name), named.value});
  }
  return entries;
}

Value dict(Interpreter& interpreter, Arguments& a) {
  return interpreter.heap().dict(dict_entries(interpreter, a));
}

Value make_namespace(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  Namespace* const names = heap.make<Namespace>();
  const Value whole = heap.dict(dict_entries(interpreter, a));
  for (const Dict::Entry& entry : whole.dict().entries) {
    if (!entry.key.is_string())
      fail_unsupported(Text() << "a namespace with a name that is no string");
    heap.charge(sizeof(Namespace::Entry));
    names->entries.push_back({entry.key.text(), entry.value});
  }
  return Value::object(Kind::kNamespace, names);
}

Value raise_exception(Interpreter& interpreter, Arguments& a) {
  throw Failure{Code::kInvalid, std::string(str(interpreter.heap(), a.positional[0])), 0, true};
}

Value strftime_now(Interpreter& interpreter, Arguments& a) {
  const Value& format = a.positional[0];
  fail_if_undefined(format);
  if (!format.is_string()) fail_type(Text() << "strftime_now: expected a string");
  return interpreter.heap().string(format_time(format.text(), interpreter.now()));
}

// What joiner() gives: nothing at the first call, then the separator.
Value join_next(Interpreter&, Arguments& a) {
  Namespace& state = a.positional[0].names();
  const bool used = truth(state.entries[1].value);
  state.entries[1].value = Value::boolean(true);
  return used ? state.entries[0].value : Value::string("");
}

constexpr Builtin kJoinNext = {"joiner", "self", join_next};

Value joiner(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  Namespace* const state = heap.make<Namespace>();
  state->entries = {{"sep", a.positional[0].missing() ? Value::string(", ") : a.positional[0]},
                    {"used", Value::boolean(false)}};
  Method* const made = heap.make<Method>();
  made->self = Value::object(Kind::kNamespace, state);
  made->builtin = &kJoinNext;
  return Value::object(Kind::kMethod, made);
}

Value unsupported(Interpreter&, Arguments&) {
  fail_unsupported(Text() << "the functions cycler and lipsum");
}

constexpr std::array<Function, 8> kFunctions = {{
    {{"range", "start stop? step?", range, false}},
    {{"dict", "*", dict}},
    {{"namespace", "*", make_namespace}},
    {{"raise_exception", "message", raise_exception}},
    {{"strftime_now", "format", strftime_now}},
    {{"joiner", "sep?", joiner}},
    {{"cycler", "*", unsupported}},
    {{"lipsum", "*", unsupported}},
}};

template <View::Part kPart>
Value dict_view(Interpreter& interpreter, Arguments& a) {
  View* const view = interpreter.heap().make<View>();
  view->part = kPart;
  view->dict = &a.positional[0].dict();
  return Value::object(Kind::kView, view);
}

Value dict_get(Interpreter& interpreter, Arguments& a) {
  check_key(interpreter.heap(), a.positional[1]);
  if (const Value* const found = a.positional[0].dict().find(a.positional[1])) return *found;
  return a.positional[2].missing() ? Value::none() : a.positional[2];
}

// Values never change, so a copy is the value itself.
Value copy(Interpreter&, Arguments& a) { return a.positional[0]; }

Value count_items(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  Int count = 0;
  Iterator& items = iterate(heap, a.positional[0]);
  for (Value item = items.next(); !item.missing(); item = items.next()) {
    count += same(item, a.positional[1]) || equal(heap, item, a.positional[1]);
  }
  return Value::integer(count);
}

Value index_of(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Int length = length_of(heap, a.positional[0]);
  const auto bound = [&](const Value& value, Int otherwise) {
    const Int at = integer_argument(value, "index", otherwise);
    return at < 0 ? std::max<Int>(0, at + length) : at;
  };
  const Int first = bound(a.positional[2], 0), end = bound(a.positional[3], length);
  Iterator& items = iterate(heap, a.positional[0]);
  Int index = 0;
  for (Value item = items.next(); !item.missing(); item = items.next(), ++index) {
    if (index < first || index >= end) continue;
    if (same(item, a.positional[1]) || equal(heap, item, a.positional[1])) {
      return Value::integer(index);
    }
  }
  fail_value(Text() << "index: the value is not there");
}

Value loop_cycle(Interpreter&, Arguments& a) {
  const Loop& loop = a.positional[0].loop();
  const size_t count = a.positional.size() - 1;
  if (count == 0 || !a.keywords.empty()) fail_type(Text() << "no items for cycling given");
  return a.positional[1 + size_t(loop.index0 % Int(count))];
}

Value loop_changed(Interpreter& interpreter, Arguments& a) {
  Loop& loop = a.positional[0].loop();
  if (!a.keywords.empty()) fail_type(Text() << "changed: unexpected argument");
  const std::vector<Value> now(a.positional.begin() + 1, a.positional.end());
  bool unchanged = loop.changed_before && now.size() == loop.last_changed.size();
  for (size_t i = 0; unchanged && i < now.size(); ++i) {
    unchanged = same(now[i], loop.last_changed[i]) ||
                equal(interpreter.heap(), now[i], loop.last_changed[i]);
  }
  loop.changed_before = true;
  interpreter.heap().charge(now.size() * sizeof(Value));
  loop.last_changed = now;
  return Value::boolean(!unchanged);
}

constexpr std::array<Builtin, 5> kDictMethods = {{
    {"keys", "self", dict_view<View::Part::kKeys>, false},
    {"values", "self", dict_view<View::Part::kValues>, false},
    {"items", "self", dict_view<View::Part::kItems>, false},
    {"get", "self key default?", dict_get, false},
    {"copy", "self", copy, false},
}};
constexpr std::array<Builtin, 3> kListMethods = {{
    {"count", "self value", count_items, false},
    {"index", "self value start? stop?", index_of, false},
    {"copy", "self", copy, false},
}};
constexpr std::array<Builtin, 2> kLoopMethods = {{
    {"cycle", "*", loop_cycle},
    {"changed", "*", loop_changed},
}};

}  // namespace

const FilterSpec* find_filter(std::string_view name) {
  for (const auto filters :
       {text_filters(), number_filters(), sequence_filters(), selection_filters()}) {
    if (const FilterSpec* const found = find_in(filters, name)) return found;
  }
  return nullptr;
}

const Function* find_function(std::string_view name) { return find_in(kFunctions, name); }

const Builtin* find_method(Kind kind, std::string_view name) {
  switch (kind) {
    case Kind::kDict:
      return find_in(kDictMethods, name);
    case Kind::kList:
      return find_in(kListMethods, name);
    case Kind::kTuple:
    case Kind::kRange:
      return name == "copy" ? nullptr : find_in(kListMethods, name);
    case Kind::kLoop:
      return find_in(kLoopMethods, name);
    default:
      return nullptr;
  }
}

}  // namespace llmos::jinja
