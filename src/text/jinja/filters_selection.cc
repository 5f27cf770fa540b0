// SPDX-License-Identifier: Apache-2.0
// map, select, reject and their kin: generators, which compute an item when it is asked for.
#include <array>
#include <optional>

#include "text/jinja/attributes.h"
#include "text/jinja/builtins.h"
#include "text/jinja/compare.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/iterator.h"
#include "text/jinja/text.h"

namespace llmos::jinja {

namespace {

// The value that a filter was applied to, and the arguments behind it.
Value take_source(Arguments& arguments) {
  auto& positional = arguments.positional;
  if (positional.empty()) fail_type(Text() << "expected something to walk over");
  const Value source = positional.front();
  positional.erase(positional.begin());
  return source;
}

std::string_view name_of(const Value& value, std::string_view what) {
  if (!value.is_string())
    fail(Text() << "there is no " << what << " named by " << type_name(value));
  return value.text();
}

// Walks `source_` from the first time that an item is asked for; nothing at all where it is false.
class LazyItems : public Iterator {
 public:
  LazyItems(Interpreter& interpreter, Arguments arguments)
      : interpreter_(interpreter),
        heap_(interpreter.heap()),
        source_(take_source(arguments)),
        arguments_(std::move(arguments)) {}

  Value next() final {
    if (!begun_) begin();
    return items_ ? next_of(*items_) : Value();
  }

 protected:
  virtual void prepare() = 0;
  virtual Value next_of(Iterator& items) = 0;

  // The arguments for `item`, behind the first `used` of ours.
  Arguments arguments_for(const Value& item, size_t used) const {
    Arguments made;
    const auto& given = arguments_.positional;
    made.positional = {item};
    made.positional.insert(made.positional.end(), given.begin() + ptrdiff_t(used), given.end());
    made.keywords = arguments_.keywords;
    return made;
  }

  Interpreter& interpreter_;
  Heap& heap_;
  const Value source_;
  Arguments arguments_;

 private:
  void begin() {
    begun_ = true;
    if (!truth(source_)) return;
    prepare();
    items_ = &iterate(heap_, source_);
  }

  Iterator* items_ = nullptr;
  bool begun_ = false;
};

class MappedItems final : public LazyItems {
 public:
  using LazyItems::LazyItems;

 private:
  void prepare() override {
    if (!arguments_.positional.empty()) {
      filter_ = name_of(arguments_.positional[0], "filter");
      return;
    }
    const Value attribute = arguments_.take("attribute");
    if (attribute.missing()) fail(Text() << "map: expected a filter or an attribute");
    otherwise_ = arguments_.take("default");
    if (!arguments_.keywords.empty()) {
      fail(Text() << "map: unexpected argument '" << arguments_.keywords[0].name << "'");
    }
    path_.emplace(heap_, attribute);
  }

  Value next_of(Iterator& items) override {
    const Value item = items.next();
    if (item.missing()) return item;
    if (path_) return path_->get(heap_, item, otherwise_);
    return interpreter_.filter(filter_, arguments_for(item, 1));
  }

  std::string_view filter_;
  std::optional<AttributePath> path_;
  Value otherwise_;
};

// kWanted: whether items that pass are kept or left out; kByAttribute: the test is on an attribute.
template <bool kWanted, bool kByAttribute>
class SelectedItems final : public LazyItems {
 public:
  using LazyItems::LazyItems;

 private:
  static constexpr size_t kTest = kByAttribute ? 1 : 0;  // where its name stands

  void prepare() override {
    const auto& given = arguments_.positional;
    if (kByAttribute && given.empty()) fail(Text() << "expected the name of an attribute");
    path_.emplace(heap_, kByAttribute ? given[0] : Value());
    if (given.size() > kTest) test_ = name_of(given[kTest], "test");
  }

  Value next_of(Iterator& items) override {
    for (;;) {
      const Value item = items.next();
      if (item.missing() || passes(path_->get(heap_, item)) == kWanted) return item;
    }
  }

  bool passes(const Value& value) {
    if (test_.data() == nullptr) return truth(value);
    return interpreter_.test(test_, arguments_for(value, kTest + 1));
  }

  std::optional<AttributePath> path_;
  std::string_view test_;
};

template <class Items>
Value lazy(Interpreter& interpreter, Arguments& a) {
  return Value::object(Kind::kIterator, interpreter.heap().make<Items>(interpreter, std::move(a)));
}

constexpr std::array<FilterSpec, 5> kFilters = {{
    {{"map", "*", lazy<MappedItems>}},
    {{"select", "*", lazy<SelectedItems<true, false>>}},
    {{"reject", "*", lazy<SelectedItems<false, false>>}},
    {{"selectattr", "*", lazy<SelectedItems<true, true>>}},
    {{"rejectattr", "*", lazy<SelectedItems<false, true>>}},
}};

}  // namespace

std::span<const FilterSpec> selection_filters() { return kFilters; }

}  // namespace llmos::jinja
