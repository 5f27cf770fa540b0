// SPDX-License-Identifier: Apache-2.0
// The values of a template: Python's, as far as templates can make them. Lists, tuples and dicts
// never change once made (the immutable sandbox), so values are shared without copying.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace llmos::jinja {

// Python's integers have no bounds; ours hold 128 bits, and what leaves them is an error. That is
// room for every integer of JSON and for products of two of them.
__extension__ typedef __int128 Int;
inline constexpr Int kIntMax = Int((~static_cast<unsigned __int128>(0)) >> 1);
inline constexpr Int kIntMin = -kIntMax - 1;

enum class Kind : uint8_t {
  kMissing,  // no value at all: an argument left out, a variable before its assignment
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kRange,
  kView,       // dict.keys(), .values(), .items()
  kIterator,   // a generator: can be walked once
  kNamespace,  // namespace(): the one kind that templates change
  kMacro,
  kLoop,      // the variable `loop`
  kFunction,  // a function of the environment
  kMethod,    // a method with the value it belongs to
};

// What an undefined value says when it is used.
enum class Lack : uint8_t { kVariable, kAttribute, kHint };

class Interpreter;
struct List;
struct Dict;
struct Range;
struct View;
struct Iterator;
struct Namespace;
struct Macro;
struct Loop;
struct Function;
struct Method;

// Whatever a Heap owns.
struct Object {
  virtual ~Object() = default;
};

// One value, 32 bytes, freely copied. What it points to belongs to the Heap of the render, to the
// template or to the context, which all outlive it.
class Value {
 public:
  Value() = default;  // missing
  static Value undefined(Lack lack, std::string_view name, Kind owner = Kind::kMissing) {
    Value value(Kind::kUndefined);
    value.lack_ = lack;
    value.owner_ = owner;
    value.text_ = {name.data(), name.size()};
    return value;
  }
  static Value none() { return Value(Kind::kNone); }
  static Value boolean(bool b) {
    Value value(Kind::kBool);
    value.integer_ = b;
    return value;
  }
  static Value integer(Int i) {
    Value value(Kind::kInt);
    value.integer_ = i;
    return value;
  }
  static Value number(double d) {
    Value value(Kind::kFloat);
    value.number_ = d;
    return value;
  }
  static Value string(std::string_view text, bool markup = false) {
    Value value(Kind::kString);
    value.text_ = {text.data(), text.size()};
    value.markup_ = markup;
    return value;
  }
  static Value list(const List* list) { return Value(Kind::kList, list); }
  static Value tuple(const List* list) { return Value(Kind::kTuple, list); }
  static Value object(Kind kind, const void* object) { return Value(kind, object); }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool missing() const { return is(Kind::kMissing); }
  bool is_undefined() const { return is(Kind::kUndefined); }
  bool is_none() const { return is(Kind::kNone); }
  bool is_string() const { return is(Kind::kString); }
  bool is_sequence() const { return is(Kind::kList) || is(Kind::kTuple); }
  bool is_integer() const { return is(Kind::kInt) || is(Kind::kBool); }  // as in Python
  bool is_number() const { return is_integer() || is(Kind::kFloat); }

  // Each for its own kinds only.
  bool as_bool() const { return integer_ != 0; }
  Int as_int() const { return integer_; }       // kInt, kBool
  double as_double() const { return number_; }  // kFloat
  // kString; of kUndefined the name or the hint.
  std::string_view text() const { return {text_.data, text_.size}; }
  bool markup() const { return markup_; }  // marked safe: escaping leaves it alone
  Lack lack() const { return lack_; }
  Kind owner() const { return owner_; }  // of an undefined attribute
  const List& list() const { return *static_cast<const List*>(object_); }
  const Dict& dict() const { return *static_cast<const Dict*>(object_); }
  const Range& range() const { return *static_cast<const Range*>(object_); }
  const View& view() const { return *static_cast<const View*>(object_); }
  Iterator& iterator() const { return *static_cast<Iterator*>(const_cast<void*>(object_)); }
  Namespace& names() const { return *static_cast<Namespace*>(const_cast<void*>(object_)); }
  const Macro& macro() const { return *static_cast<const Macro*>(object_); }
  Loop& loop() const { return *static_cast<Loop*>(const_cast<void*>(object_)); }
  const Function& function() const { return *static_cast<const Function*>(object_); }
  const Method& method() const { return *static_cast<const Method*>(object_); }
  const void* identity() const { return object_; }

 private:
  explicit Value(Kind kind) : kind_(kind) {}
  Value(Kind kind, const void* object) : kind_(kind), object_(object) {}

  Kind kind_ = Kind::kMissing;
  bool markup_ = false;
  Lack lack_ = Lack::kVariable;
  Kind owner_ = Kind::kMissing;
  struct Bytes {
    const char* data;
    size_t size;
  };
  union {
    Int integer_ = 0;
    Bytes text_;
    double number_;
    const void* object_;
  };
};

// The items of a list or a tuple.
struct List : Object {
  std::vector<Value> items;
  bool group = false;  // a tuple of groupby: its items are also .grouper and .list
};

// Keeps the order of insertion; made at once and then constant. Keys are hashable values.
struct Dict : Object {
  struct Entry {
    Value key, value;
  };
  std::vector<Entry> entries;
  std::vector<uint32_t> by_key;  // sorted; empty while a scan is as fast

  const Value* find(const Value& key) const;  // null: not there
  const Value* find(std::string_view key) const;
};

struct Range : Object {
  Int start = 0, stop = 0, step = 1;
  Int size() const;
  Int at(Int index) const { return start + index * step; }
};

struct View : Object {
  enum class Part : uint8_t { kKeys, kValues, kItems } part;
  const Dict* dict;
};

// The items of anything that can be walked, one after the other, computed when asked for.
struct Iterator : Object {
  // The next item, or kMissing at the end and ever after.
  virtual Value next() = 0;
};

struct Namespace : Object {
  struct Entry {
    std::string_view name;
    Value value;
  };
  std::vector<Entry> entries;
};

}  // namespace llmos::jinja
