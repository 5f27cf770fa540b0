// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/compare.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "text/jinja/iterator.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

namespace {

template <class T>
int three_way(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

std::partial_ordering compare_int_double(Int a, double b) {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  constexpr double kTwo127 = 0x1p127;
  if (b >= kTwo127) return std::partial_ordering::less;
  if (b < -kTwo127) return std::partial_ordering::greater;
  const double whole = std::floor(b);
  const Int floor = Int(whole);
  if (a != floor) return a < floor ? std::partial_ordering::less : std::partial_ordering::greater;
  return b > whole ? std::partial_ordering::less : std::partial_ordering::equivalent;
}

bool equal_items(Heap& heap, const std::vector<Value>& a, const std::vector<Value>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i]) && !equal(heap, a[i], b[i])) return false;
  }
  return true;
}

bool equal_dicts(Heap& heap, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const Dict::Entry& entry : a.entries) {
    heap.step();
    const Value* const other = b.find(entry.key);
    if (!other || (!same(entry.value, *other) && !equal(heap, entry.value, *other))) return false;
  }
  return true;
}

bool equal_ranges(const Range& a, const Range& b) {
  const Int size = a.size();
  if (size != b.size()) return false;
  if (size == 0) return true;
  return a.start == b.start && (size == 1 || a.step == b.step);
}

[[noreturn]] void fail_order(const Value& a, const Value& b) {
  fail_if_undefined(a);
  fail_if_undefined(b);
  fail_type(Text() << "no order between " << type_name(a) << " and " << type_name(b));
}

// -1, 0, 1 by the first difference; NaN makes neither less.
bool less_items(Heap& heap, const std::vector<Value>& a, const std::vector<Value>& b,
                bool or_equal) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (same(a[i], b[i]) || equal(heap, a[i], b[i])) continue;
    return or_equal ? less_or_equal(heap, a[i], b[i]) : less(heap, a[i], b[i]);
  }
  return or_equal ? a.size() <= b.size() : a.size() < b.size();
}

bool ordered(Heap& heap, const Value& a, const Value& b, bool or_equal) {
  const Depth depth(heap);
  heap.step();
  if (a.is_number() && b.is_number()) {
    const std::partial_ordering order = compare_numbers(a, b);
    return order < 0 || (or_equal && order == 0);
  }
  if (a.is_string() && b.is_string()) {
    heap.scan(std::min(a.text().size(), b.text().size()));
    const int order = a.text().compare(b.text());  // UTF-8 sorts as its code points do
    return order < 0 || (or_equal && order == 0);
  }
  if (a.kind() == b.kind() && a.is_sequence()) {
    return less_items(heap, a.list().items, b.list().items, or_equal);
  }
  fail_order(a, b);
}

// Classes of keys; numbers of all types are one.
int key_class(const Value& key) { return key.is_number() ? int(Kind::kInt) : int(key.kind()); }

int order_numbers(const Value& a, const Value& b) {
  const std::partial_ordering order = compare_numbers(a, b);
  if (order == std::partial_ordering::unordered) {
    const auto is_nan = [](const Value& v) {
      return v.is(Kind::kFloat) && std::isnan(v.as_double());
    };
    return int(is_nan(b)) - int(is_nan(a));
  }
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.as_int() != 0;
    case Kind::kFloat:
      return value.as_double() != 0;
    case Kind::kString:
      return !value.text().empty();
    case Kind::kList:
    case Kind::kTuple:
      return !value.list().items.empty();
    case Kind::kDict:
      return !value.dict().entries.empty();
    case Kind::kRange:
      return value.range().size() > 0;
    case Kind::kView:
      return !value.view().dict->entries.empty();
    default:
      return true;
  }
}

std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  if (a.is(Kind::kFloat) && b.is(Kind::kFloat)) return a.as_double() <=> b.as_double();
  if (a.is(Kind::kFloat)) return 0 <=> compare_int_double(b.as_int(), a.as_double());
  if (b.is(Kind::kFloat)) return compare_int_double(a.as_int(), b.as_double());
  return three_way(a.as_int(), b.as_int()) <=> 0;
}

bool equal(Heap& heap, const Value& a, const Value& b) {
  const Depth depth(heap);
  heap.step();
  if (a.is_number() && b.is_number()) return compare_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
    case Kind::kMissing:
      return true;
    case Kind::kString:
      heap.scan(a.text().size());
      return a.text() == b.text();
    case Kind::kList:
    case Kind::kTuple:
      return equal_items(heap, a.list().items, b.list().items);
    case Kind::kDict:
      return equal_dicts(heap, a.dict(), b.dict());
    case Kind::kRange:
      return equal_ranges(a.range(), b.range());
    default:
      return same(a, b);
  }
}

bool same(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kMissing:
    case Kind::kNone:
      return true;
    case Kind::kBool:
      return a.as_bool() == b.as_bool();
    case Kind::kInt:
      // CPython keeps one object of each of these.
      return a.as_int() == b.as_int() && a.as_int() >= -5 && a.as_int() <= 256;
    case Kind::kFloat:
      return false;
    case Kind::kUndefined:
    case Kind::kString:
      return a.text().data() == b.text().data() && a.text().size() == b.text().size();
    default:
      return a.identity() == b.identity();
  }
}

bool less(Heap& heap, const Value& a, const Value& b) { return ordered(heap, a, b, false); }
bool less_or_equal(Heap& heap, const Value& a, const Value& b) { return ordered(heap, a, b, true); }

bool contains(Heap& heap, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kString:
      if (!item.is_string()) {
        fail_type(Text() << "'in' a string needs a string, found " << type_name(item));
      }
      heap.scan(container.text().size());
      return find_text(container.text(), item.text()) != std::string_view::npos;
    case Kind::kDict:
      check_key(heap, item);
      return container.dict().find(item) != nullptr;
    case Kind::kRange:
      if (item.is_integer()) {
        const Range& range = container.range();
        const Int size = range.size();
        if (size == 0) return false;
        const Int low = std::min(range.start, range.at(size - 1));
        const Int high = std::max(range.start, range.at(size - 1));
        return item.as_int() >= low && item.as_int() <= high &&
               (item.as_int() - range.start) % range.step == 0;
      }
      break;
    case Kind::kView:
      if (container.view().part == View::Part::kKeys) {
        check_key(heap, item);
        return container.view().dict->find(item) != nullptr;
      }
      break;
    default:
      break;
  }
  Iterator& iterator = iterate(heap, container);
  for (Value value = iterator.next(); !value.missing(); value = iterator.next()) {
    if (same(value, item) || equal(heap, value, item)) return true;
  }
  return false;
}

void check_key(Heap& heap, const Value& key) {
  const Depth depth(heap);
  heap.step();
  switch (key.kind()) {
    case Kind::kList:
    case Kind::kDict:
    case Kind::kView:
      fail_type(Text() << "expected a key, found " << type_name(key) << ", which cannot be one");
    case Kind::kTuple:
      for (const Value& item : key.list().items) check_key(heap, item);
      return;
    default:
      return;
  }
}

int order_keys(const Value& a, const Value& b) {
  const int of_a = key_class(a), of_b = key_class(b);
  if (of_a != of_b) return of_a < of_b ? -1 : 1;
  if (a.is_number()) return order_numbers(a, b);
  switch (a.kind()) {
    case Kind::kUndefined:
    case Kind::kNone:
    case Kind::kMissing:
      return 0;
    case Kind::kString:
      return a.text().compare(b.text());
    case Kind::kTuple: {
      const auto& left = a.list().items;
      const auto& right = b.list().items;
      for (size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
        if (const int order = order_keys(left[i], right[i])) return order;
      }
      return three_way(left.size(), right.size());
    }
    default:
      return three_way(a.identity(), b.identity());
  }
}

bool has_length(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange:
    case Kind::kView:
    case Kind::kLoop:
      return true;
    default:
      return false;
  }
}

Int length_of(Heap& heap, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return 0;
    case Kind::kString:
      heap.scan(value.text().size());
      return Int(character_count(value.text()));
    case Kind::kList:
    case Kind::kTuple:
      return Int(value.list().items.size());
    case Kind::kDict:
      return Int(value.dict().entries.size());
    case Kind::kRange:
      return value.range().size();
    case Kind::kView:
      return Int(value.view().dict->entries.size());
    case Kind::kLoop:
      return loop_length(value);
    default:
      fail_type(Text() << type_name(value) << " has no length");
  }
}

}  // namespace llmos::jinja
