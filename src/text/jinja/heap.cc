// SPDX-License-Identifier: Apache-2.0
#include "text/jinja/heap.h"

#include <algorithm>
#include <numeric>

#include "text/jinja/compare.h"

namespace llmos::jinja {

namespace {

constexpr size_t kScanMax = 8;  // up to so many entries a search looks at each

}  // namespace

Value Heap::string(std::string text, bool markup) {
  return Value::string(keep(std::move(text)), markup);
}

std::string_view Heap::keep(std::string text) {
  charge(text.capacity() + sizeof(std::string));
  return texts_.emplace_back(std::move(text));
}

const List* Heap::make_list(std::vector<Value> items) {
  charge(items.capacity() * sizeof(Value));
  List* const list = make<List>();
  list->items = std::move(items);
  return list;
}

Value Heap::dict(std::vector<Dict::Entry> entries) {
  charge(entries.size() * (sizeof(Dict::Entry) + sizeof(uint32_t)));
  Dict* const dict = make<Dict>();
  for (const Dict::Entry& entry : entries) check_key(*this, entry.key);
  std::vector<uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return order_keys(entries[a].key, entries[b].key) < 0;
  });
  // Each run of equal keys collapses into its first entry, which takes the last one's value.
  std::vector<bool> dropped(entries.size());
  for (size_t i = 1, first = 0; i < order.size(); ++i) {
    if (order_keys(entries[order[first]].key, entries[order[i]].key) != 0) {
      first = i;
      continue;
    }
    entries[order[first]].value = entries[order[i]].value;
    dropped[order[i]] = true;
  }
  std::vector<uint32_t> place(entries.size());
  for (uint32_t i = 0; i < entries.size(); ++i) {
    place[i] = uint32_t(dict->entries.size());
    if (!dropped[i]) dict->entries.push_back(entries[i]);
  }
  if (dict->entries.size() > kScanMax) {
    for (const uint32_t i : order) {
      if (!dropped[i]) dict->by_key.push_back(place[i]);
    }
  }
  return Value::object(Kind::kDict, dict);
}

void Heap::fail_steps() const {
  fail_limit(Text() << "the template took more than " << limits_.steps_max
                    << " steps; raise ChatTemplateLimits::steps_max if it is trusted");
}

void Heap::fail_bytes() const {
  fail_limit(Text() << "the values of the template took more than " << bytes_text(limits_.bytes_max)
                    << "; raise ChatTemplateLimits::memory_bytes_max if it is trusted");
}

void Heap::fail_depth() const {
  fail_limit(Text() << "expected at most " << limits_.depth_max
                    << " levels of macros, expressions and nested values, found more");
}

const Value* Dict::find(const Value& key) const {
  if (by_key.empty()) {
    for (const Entry& entry : entries) {
      if (order_keys(entry.key, key) == 0) return &entry.value;
    }
    return nullptr;
  }
  const auto found = std::lower_bound(
      by_key.begin(), by_key.end(), key,
      [&](uint32_t i, const Value& k) { return order_keys(entries[i].key, k) < 0; });
  if (found == by_key.end() || order_keys(entries[*found].key, key) != 0) return nullptr;
  return &entries[*found].value;
}

const Value* Dict::find(std::string_view key) const { return find(Value::string(key)); }

}  // namespace llmos::jinja
