// SPDX-License-Identifier: Apache-2.0
// The members of a JSON object, for json*.cc only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/json.h"

namespace llmos {

// Small objects are scanned. Larger ones carry their member numbers sorted by key; a hash table
// would be faster and could be attacked with chosen keys.
struct Json::Object {
  static constexpr size_t kScanMax = 8;

  std::vector<JsonMember> members;  // in order of addition
  std::vector<uint32_t> by_key;     // empty while members.size() <= kScanMax

  const JsonMember* find(std::string_view key) const noexcept {
    if (members.size() <= kScanMax) {
      const auto found = std::find_if(members.begin(), members.end(),
                                      [&](const JsonMember& member) { return member.key == key; });
      return found == members.end() ? nullptr : &*found;
    }
    const auto found = lower_bound(key);
    return found != by_key.end() && members[*found].key == key ? &members[*found] : nullptr;
  }

  // Adds a member that is not there yet.
  Json& add(std::string key, Json value) {
    LLMOS_CHECK(members.size() < std::numeric_limits<uint32_t>::max()) << "object too large";
    const auto number = uint32_t(members.size());
    if (number > kScanMax) by_key.insert(lower_bound(key), number);
    members.push_back({std::move(key), std::move(value)});
    if (number == kScanMax) sort_keys();
    return members.back().value;
  }

  // After `members` was filled by hand.
  void sort_keys() {
    by_key.clear();
    if (members.size() <= kScanMax) return;
    by_key.resize(members.size());
    std::iota(by_key.begin(), by_key.end(), 0u);
    // Equal keys, which only a parser sees, stay in the order of their appearance.
    std::sort(by_key.begin(), by_key.end(), [&](uint32_t a, uint32_t b) {
      const int order = members[a].key.compare(members[b].key);
      return order != 0 ? order < 0 : a < b;
    });
  }

  // A member whose key occurred before: the number of its second occurrence. After sort_keys().
  std::optional<size_t> find_duplicate() const {
    if (members.size() <= kScanMax) {
      for (size_t i = 1; i < members.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
          if (members[i].key == members[j].key) return i;
        }
      }
      return std::nullopt;
    }
    const auto found = std::adjacent_find(
        by_key.begin(), by_key.end(),
        [&](uint32_t a, uint32_t b) { return members[a].key == members[b].key; });
    return found == by_key.end() ? std::nullopt : std::optional<size_t>(*std::next(found));
  }

 private:
  std::vector<uint32_t>::const_iterator lower_bound(std::string_view key) const noexcept {
    return std::lower_bound(by_key.begin(), by_key.end(), key,
                            [&](uint32_t i, std::string_view k) { return members[i].key < k; });
  }
};

}  // namespace llmos
