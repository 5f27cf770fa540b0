// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/iterator.h"

#include <memory>
#include <utility>

#include "text/jinja/compare.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

namespace {

// Walks `count` items by their index, in either direction.
class IndexIterator : public Iterator {
 public:
  IndexIterator(Heap& heap, size_t count, bool reversed)
      : heap_(heap), count_(count), reversed_(reversed) {}
  Value next() override {
    heap_.step();
    if (taken_ == count_) return Value();
    const size_t index = taken_++;
    return at(reversed_ ? count_ - 1 - index : index);
  }

 protected:
  virtual Value at(size_t index) = 0;
  Heap& heap_;

 private:
  const size_t count_;
  const bool reversed_;
  size_t taken_ = 0;
};

class ListIterator final : public IndexIterator {
 public:
  ListIterator(Heap& heap, const List& list, bool reversed)
      : IndexIterator(heap, list.items.size(), reversed), list_(list) {}

 private:
  Value at(size_t index) override { return list_.items[index]; }
  const List& list_;
};

class ViewIterator final : public IndexIterator {
 public:
  ViewIterator(Heap& heap, const View& view, bool reversed)
      : IndexIterator(heap, view.dict->entries.size(), reversed), view_(view) {}

 private:
  Value at(size_t index) override { return view_item(heap_, view_, index); }
  const View view_;
};

class RangeIterator final : public IndexIterator {
 public:
  RangeIterator(Heap& heap, const Range& range, bool reversed)
      : IndexIterator(heap, size_t(range.size()), reversed), range_(range) {}

 private:
  Value at(size_t index) override { return Value::integer(range_.at(Int(index))); }
  const Range& range_;
};

class StringIterator final : public Iterator {
 public:
  StringIterator(Heap& heap, std::string_view text) : heap_(heap), text_(text) {}
  Value next() override {
    heap_.step();
    if (at_ == text_.size()) return Value();
    const size_t first = at_;
    take_character(text_, &at_);
    return Value::string(text_.substr(first, at_ - first));
  }

 private:
  Heap& heap_;
  const std::string_view text_;
  size_t at_ = 0;
};

class ReversedStringIterator final : public Iterator {
 public:
  ReversedStringIterator(Heap& heap, std::string_view text)
      : heap_(heap), text_(text), at_(text.size()) {}
  Value next() override {
    heap_.step();
    if (at_ == 0) return Value();
    const size_t end = at_--;
    while (at_ > 0 && (uint8_t(text_[at_]) & 0xC0) == 0x80) --at_;
    return Value::string(text_.substr(at_, end - at_));
  }

 private:
  Heap& heap_;
  const std::string_view text_;
  size_t at_;
};

class LoopIterator final : public Iterator {
 public:
  explicit LoopIterator(Loop& loop) : loop_(loop) {}
  // What Python's walk over a loop gives: its items, each with the loop.
  Value next() override {
    const Value item = loop_.next();
    if (item.missing()) return item;
    return loop_.heap.tuple({item, Value::object(Kind::kLoop, &loop_)});
  }

 private:
  Loop& loop_;
};

const List kNothing;

View keys_of(const Value& dict) {
  View view;
  view.part = View::Part::kKeys;
  view.dict = &dict.dict();
  return view;
}

}  // namespace

Int Range::size() const {
  using Wide = unsigned __int128;
  if (step > 0) return start < stop ? Int((Wide(stop) - Wide(start) - 1) / Wide(step)) + 1 : 0;
  return start > stop ? Int((Wide(start) - Wide(stop) - 1) / (Wide(0) - Wide(step))) + 1 : 0;
}

Value view_item(Heap& heap, const View& view, size_t index) {
  const Dict::Entry& entry = view.dict->entries[index];
  switch (view.part) {
    case View::Part::kKeys:
      return entry.key;
    case View::Part::kValues:
      return entry.value;
    case View::Part::kItems:
      break;
  }
  return heap.tuple({entry.key, entry.value});
}

bool is_iterable(const Value& value) { return (has_length(value) || value.is(Kind::kIterator)); }

Iterator& iterate(Heap& heap, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return *heap.make<ListIterator>(heap, kNothing, false);
    case Kind::kString:
      return *heap.make<StringIterator>(heap, value.text());
    case Kind::kList:
    case Kind::kTuple:
      return *heap.make<ListIterator>(heap, value.list(), false);
    case Kind::kDict:
      return *heap.make<ViewIterator>(heap, keys_of(value), false);
    case Kind::kView:
      return *heap.make<ViewIterator>(heap, value.view(), false);
    case Kind::kRange:
      return *heap.make<RangeIterator>(heap, value.range(), false);
    case Kind::kIterator:
      return value.iterator();
    case Kind::kLoop:
      return *heap.make<LoopIterator>(value.loop());
    default:
      fail_type(Text() << "expected something to walk over, found " << type_name(value));
  }
}

bool is_reversible(const Value& value) { return has_length(value) && !value.is(Kind::kLoop); }

Iterator& iterate_reversed(Heap& heap, const Value& value) {
  switch (value.kind()) {
    case Kind::kString:
      return *heap.make<ReversedStringIterator>(heap, value.text());
    case Kind::kList:
    case Kind::kTuple:
      return *heap.make<ListIterator>(heap, value.list(), true);
    case Kind::kDict:
      return *heap.make<ViewIterator>(heap, keys_of(value), true);
    case Kind::kView:
      return *heap.make<ViewIterator>(heap, value.view(), true);
    case Kind::kRange:
      return *heap.make<RangeIterator>(heap, value.range(), true);
    case Kind::kUndefined:
      return iterate(heap, value);
    default:
      fail_type(Text() << "expected a sequence to reverse, found " << type_name(value));
  }
}

std::vector<Value> collect(Heap& heap, const Value& value) {
  Iterator& iterator = iterate(heap, value);
  std::vector<Value> items;
  for (Value item = iterator.next(); !item.missing(); item = iterator.next()) {
    heap.charge(sizeof(Value));
    items.push_back(item);
  }
  return items;
}

Loop::Loop(Heap& over_heap, const Value& over)
    : heap(over_heap), source(over), items(&iterate(over_heap, over)) {}

Value Loop::next() {
  Value item = after;
  after = Value();
  if (item.missing()) item = items->next();
  if (item.missing()) return item;
  ++index0;
  before = current;
  current = item;
  return item;
}

Value Loop::peek() {
  if (after.missing()) after = items->next();
  return after;
}

Int Loop::length() {
  if (known_length >= 0) return known_length;
  if (has_length(source)) return known_length = length_of(heap, source);
  const Value rest = heap.list(collect(heap, Value::object(Kind::kIterator, items)));
  items = &iterate(heap, rest);
  return known_length = Int(rest.list().items.size()) + index() + (after.missing() ? 0 : 1);
}

Int loop_length(const Value& loop) { return loop.loop().length(); }

}  // namespace llmos::jinja
