// SPDX-License-Identifier: Apache-2.0
// Filters over lists, dicts and whatever else can be walked.
#include <algorithm>
#include <array>
#include <set>

#include "text/jinja/attributes.h"
#include "text/jinja/builtins.h"
#include "text/jinja/compare.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/iterator.h"
#include "text/jinja/operators.h"
#include "text/jinja/text.h"
#include "text/jinja/unicode.h"

namespace llmos::jinja {

namespace {

Value iterator(Iterator* made) { return Value::object(Kind::kIterator, made); }

// Strings in lower case, so that comparing ignores it.
Value without_case(Heap& heap, const Value& value) {
  if (!value.is_string()) return value;
  heap.step(value.text().size());
  return heap.string(to_lower(value.text()));
}

Value length(Interpreter& interpreter, Arguments& a) {
  return Value::integer(length_of(interpreter.heap(), a.positional[0]));
}

Value list(Interpreter& interpreter, Arguments& a) {
  return interpreter.heap().list(collect(interpreter.heap(), a.positional[0]));
}

Value first(Interpreter& interpreter, Arguments& a) {
  const Value item = iterate(interpreter.heap(), a.positional[0]).next();
  return item.missing() ? Value::undefined(Lack::kHint, "No first item, sequence was empty.")
                        : item;
}

Value last(Interpreter& interpreter, Arguments& a) {
  const Value item = iterate_reversed(interpreter.heap(), a.positional[0]).next();
  return item.missing() ? Value::undefined(Lack::kHint, "No last item, sequence was empty.") : item;
}

Value join(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const AttributePath path(heap, a.positional[2]);
  const std::string_view separator = a.positional[1].missing() ? "" : str(heap, a.positional[1]);
  Iterator& items = iterate(heap, a.positional[0]);
  std::string out;
  bool begun = false;
  for (Value item = items.next(); !item.missing(); item = items.next()) {
    const std::string_view text = str(heap, path.get(heap, item));
    heap.charge(text.size() + separator.size());
    if (begun) out += separator;
    out += text;
    begun = true;
  }
  return heap.string(std::move(out));
}

// A list of keys as the original's sort compares them, one for each "a,b" of the attribute.
class SortKeys {
 public:
  SortKeys(Heap& heap, const Value& attribute, bool case_sensitive)
      : heap_(heap), case_sensitive_(case_sensitive) {
    if (!attribute.is_string()) {
      paths_.emplace_back(heap, attribute);
      return;
    }
    std::string_view rest = attribute.text();
    for (;;) {
      const size_t comma = rest.find(',');
      heap.charge(sizeof(AttributePath));
      paths_.emplace_back(heap, Value::string(rest.substr(0, comma)));
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
  }

  Value of(const Value& item) const {
    std::vector<Value> keys;
    for (const AttributePath& path : paths_) {
      const Value key = path.get(heap_, item);
      keys.push_back(case_sensitive_ ? key : without_case(heap_, key));
    }
    return heap_.list(std::move(keys));
  }

 private:
  Heap& heap_;
  const bool case_sensitive_;
  std::vector<AttributePath> paths_;
};

struct Keyed {
  Value key, item;
};

// Stable, also backwards, as Python's sorted().
Value sorted(Heap& heap, std::vector<Keyed> keyed, bool reverse) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const Keyed& x, const Keyed& y) {
    return reverse ? less(heap, y.key, x.key) : less(heap, x.key, y.key);
  });
  std::vector<Value> items;
  for (const Keyed& each : keyed) items.push_back(each.item);
  return heap.list(std::move(items));
}

Value sort(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const SortKeys keys(heap, a.positional[3], truth(a.positional[2]));
  std::vector<Keyed> keyed;
  for (const Value& item : collect(heap, a.positional[0])) keyed.push_back({keys.of(item), item});
  return sorted(heap, std::move(keyed), truth(a.positional[1]));
}

Value dict_sort(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Value by = a.positional[2].missing() ? Value::string("key") : a.positional[2];
  const bool by_key = by.is_string() && by.text() == "key";
  if (!by_key && !(by.is_string() && by.text() == "value")) {
    fail(Text() << "dictsort: expected by 'key' or 'value'");
  }
  const Value& value = a.positional[0];
  fail_if_undefined(value);
  if (!value.is(Kind::kDict))
    fail_type(Text() << "dictsort: expected a dict, found " << type_name(value));
  std::vector<Keyed> keyed;
  for (const Dict::Entry& entry : value.dict().entries) {
    const Value& key = by_key ? entry.key : entry.value;
    keyed.push_back({truth(a.positional[1]) ? key : without_case(heap, key),
                     heap.tuple({entry.key, entry.value})});
  }
  return sorted(heap, std::move(keyed), truth(a.positional[3]));
}

class UniqueItems final : public Iterator {
 public:
  UniqueItems(Heap& heap, const Value& source, bool case_sensitive, const Value& attribute)
      : heap_(heap), source_(source), case_sensitive_(case_sensitive), path_(heap, attribute) {}

  Value next() override {
    if (!items_) items_ = &iterate(heap_, source_);
    for (;;) {
      const Value item = items_->next();
      if (item.missing()) return item;
      Value key = path_.get(heap_, item);
      if (!case_sensitive_) key = without_case(heap_, key);
      check_key(heap_, key);
      heap_.charge(sizeof(Value) * 2);
      if (seen_.insert(key).second) return item;
    }
  }

 private:
  Heap& heap_;
  const Value source_;
  const bool case_sensitive_;
  const AttributePath path_;
  Iterator* items_ = nullptr;
  std::set<Value, KeyLess> seen_;
};

Value unique(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  return iterator(
      heap.make<UniqueItems>(heap, a.positional[0], truth(a.positional[1]), a.positional[2]));
}

template <bool kMax>
Value extreme(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const bool case_sensitive = truth(a.positional[1]);
  const AttributePath path(heap, a.positional[2]);
  const auto key_of = [&](const Value& item) {
    const Value key = path.get(heap, item);
    return case_sensitive ? key : without_case(heap, key);
  };
  Iterator& items = iterate(heap, a.positional[0]);
  Value best = items.next();
  if (best.missing()) {
    return Value::undefined(Lack::kHint, "No aggregated item, sequence was empty.");
  }
  Value best_key = key_of(best);
  for (Value item = items.next(); !item.missing(); item = items.next()) {
    const Value key = key_of(item);
    if (!(kMax ? less(heap, best_key, key) : less(heap, key, best_key))) continue;
    best = item;
    best_key = key;
  }
  return best;
}

Value sum(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const AttributePath path(heap, a.positional[1]);
  Value total = a.positional[2].missing() ? Value::integer(0) : a.positional[2];
  if (total.is_string()) fail_type(Text() << "sum: strings are joined, not summed");
  Iterator& items = iterate(heap, a.positional[0]);
  for (Value item = items.next(); !item.missing(); item = items.next()) {
    total = arithmetic(heap, Op::kAdd, total, path.get(heap, item));
  }
  return total;
}

Value reverse(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Value& value = a.positional[0];
  if (value.is_string()) {
    return get_slice(heap, value, Value(), Value(), Value::integer(-1));
  }
  if (is_reversible(value)) return iterator(&iterate_reversed(heap, value));
  std::vector<Value> items = collect(heap, value);
  std::reverse(items.begin(), items.end());
  return heap.list(std::move(items));
}

class Batches final : public Iterator {
 public:
  Batches(Heap& heap, const Value& source, Int size, const Value& fill)
      : heap_(heap), source_(source), size_(size), fill_(fill) {}

  Value next() override {
    if (!items_) items_ = &iterate(heap_, source_);
    if (done_) return Value();
    std::vector<Value> batch = std::move(begun_);
    begun_.clear();
    for (Value item = items_->next(); !item.missing(); item = items_->next()) {
      heap_.charge(sizeof(Value));
      if (Int(batch.size()) == size_) {
        begun_ = {item};
        return heap_.list(std::move(batch));
      }
      batch.push_back(item);
    }
    done_ = true;
    if (batch.empty()) return Value();
    if (!fill_.missing() && !fill_.is_none()) {
      while (Int(batch.size()) < size_) {
        heap_.charge(sizeof(Value));
        batch.push_back(fill_);
      }
    }
    return heap_.list(std::move(batch));
  }

 private:
  Heap& heap_;
  const Value source_;
  const Int size_;
  const Value fill_;
  Iterator* items_ = nullptr;
  std::vector<Value> begun_;
  bool done_ = false;
};

Value batch(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Int size = integer_argument(a.positional[1], "batch");
  return iterator(heap.make<Batches>(heap, a.positional[0], size, a.positional[2]));
}

Value slice(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const std::vector<Value> items = collect(heap, a.positional[0]);
  const Int count = integer_argument(a.positional[1], "slice");
  if (count == 0) fail(Text() << "division by zero");
  const Value& fill = a.positional[2];
  std::vector<Value> slices;
  const Int each = count > 0 ? Int(items.size()) / count : 0;
  const Int longer = count > 0 ? Int(items.size()) % count : 0;
  size_t at = 0;
  for (Int i = 0; i < count; ++i) {
    heap.step();
    const auto size = size_t(each + (i < longer ? 1 : 0));
    std::vector<Value> part(items.begin() + ptrdiff_t(at), items.begin() + ptrdiff_t(at + size));
    at += size;
    if (!fill.missing() && !fill.is_none() && i >= longer) part.push_back(fill);
    slices.push_back(heap.list(std::move(part)));
  }
  const Value list = heap.list(std::move(slices));
  return iterator(&iterate(heap, list));
}

// A generator that fails only when it is walked.
class NoItems final : public Iterator {
 public:
  Value next() override { fail_type(Text() << "items: expected a dict"); }
};

Value items(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const Value& value = a.positional[0];
  if (value.is_undefined()) return iterator(&iterate(heap, value));
  if (!value.is(Kind::kDict)) return iterator(heap.make<NoItems>());
  View* const view = heap.make<View>();
  view->part = View::Part::kItems;
  view->dict = &value.dict();
  return iterator(&iterate(heap, Value::object(Kind::kView, view)));
}

Value group_by(Interpreter& interpreter, Arguments& a) {
  Heap& heap = interpreter.heap();
  const AttributePath path(heap, a.positional[1]);
  const bool case_sensitive = truth(a.positional[3]);
  std::vector<Keyed> keyed;
  for (const Value& item : collect(heap, a.positional[0])) {
    const Value key = path.get(heap, item, a.positional[2]);
    keyed.push_back({case_sensitive ? key : without_case(heap, key), item});
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [&](const Keyed& x, const Keyed& y) { return less(heap, x.key, y.key); });
  std::vector<Value> groups;
  for (size_t i = 0; i < keyed.size();) {
    const Value key = keyed[i].key;
    const Value name = path.get(heap, keyed[i].item, a.positional[2]);
    std::vector<Value> group;
    for (; i < keyed.size() && equal(heap, keyed[i].key, key); ++i) group.push_back(keyed[i].item);
    if (group.empty()) group.push_back(keyed[i++].item);  // a key that is not equal to itself
    List* const pair = heap.make<List>();
    pair->items = {case_sensitive ? key : name, heap.list(std::move(group))};
    pair->group = true;
    groups.push_back(Value::tuple(pair));
  }
  return heap.list(std::move(groups));
}

Value otherwise(Interpreter&, Arguments& a) {
  const Value& value = a.positional[0];
  const bool wanted = value.is_undefined() || (truth(a.positional[2]) && !truth(value));
  if (!wanted) return value;
  return a.positional[1].missing() ? Value::string("") : a.positional[1];
}

Value attribute(Interpreter& interpreter, Arguments& a) {
  const Value& name = a.positional[1];
  if (!name.is_string()) fail_type(Text() << "attr: expected a name");
  if (a.positional[0].is(Kind::kDict) && !find_method(Kind::kDict, name.text())) {
    return Value::undefined(Lack::kAttribute, name.text(), Kind::kDict);
  }
  return get_attribute(interpreter.heap(), a.positional[0], name.text());
}

constexpr std::array<FilterSpec, 20> kFilters = {{
    {{"length", "obj", length, false}},
    {{"count", "obj", length, false}},
    {{"list", "value", list}},
    {{"first", "seq", first}},
    {{"last", "seq", last}},
    {{"join", "value d? attribute?", join}},
    {{"sort", "value reverse? case_sensitive? attribute?", sort}},
    {{"dictsort", "value case_sensitive? by? reverse?", dict_sort}},
    {{"unique", "value case_sensitive? attribute?", unique}},
    {{"min", "value case_sensitive? attribute?", extreme<false>}},
    {{"max", "value case_sensitive? attribute?", extreme<true>}},
    {{"sum", "iterable attribute? start?", sum}},
    {{"reverse", "value", reverse}},
    {{"batch", "value linecount fill_with?", batch}},
    {{"slice", "value slices fill_with?", slice}},
    {{"items", "value", items}},
    {{"groupby", "value attribute default? case_sensitive?", group_by}},
    {{"default", "value default_value? boolean?", otherwise}},
    {{"d", "value default_value? boolean?", otherwise}},
    {{"attr", "obj name", attribute}},
}};

}  // namespace

std::span<const FilterSpec> sequence_filters() { return kFilters; }

}  // namespace llmos::jinja
