// SPDX-License-Identifier: Apache-2.0
#include "text/byte_trie.h"

#include <algorithm>
#include <cstring>

namespace llmos {
namespace {

// Equal texts are left once, with the value of the last.
void sort_unique(std::vector<ByteTrie::Key>& keys) {
  std::erase_if(keys, [](const ByteTrie::Key& key) { return key.text.empty(); });
  std::stable_sort(keys.begin(), keys.end(),
                   [](const auto& a, const auto& b) { return a.text < b.text; });
  std::reverse(keys.begin(), keys.end());
  const auto same = [](const auto& a, const auto& b) { return a.text == b.text; };
  keys.erase(std::unique(keys.begin(), keys.end(), same), keys.end());
  std::reverse(keys.begin(), keys.end());
}

struct Span {  // the keys [begin, end) share their first `depth` bytes, which lead to one node
  size_t begin;
  size_t end;
};

}  // namespace

ByteTrie::ByteTrie(std::vector<Key> keys) {
  sort_unique(keys);
  std::vector<Span> level{{0, keys.size()}};
  labels_.push_back(0);
  values_.push_back(kNoValue);
  for (size_t depth = 0; !level.empty(); ++depth) {
    std::vector<Span> next;
    for (auto [begin, end] : level) {
      first_child_.push_back(uint32_t(labels_.size()));
      if (begin < end && keys[begin].text.size() == depth) ++begin;  // the key that ends here
      while (begin < end) {
        const char byte = keys[begin].text[depth];
        const auto other = [&](const Key& key) { return key.text[depth] == byte; };
        const auto stop = std::partition_point(keys.begin() + ptrdiff_t(begin),
                                               keys.begin() + ptrdiff_t(end), other);
        const Key& first = keys[begin];
        labels_.push_back(uint8_t(byte));
        values_.push_back(first.text.size() == depth + 1 ? first.value : kNoValue);
        next.push_back({begin, size_t(stop - keys.begin())});
        begin = next.back().end;
      }
    }
    level = std::move(next);
  }
  first_child_.push_back(uint32_t(labels_.size()));
  for (Node child = first_child_[kRoot]; child < first_child_[kRoot + 1]; ++child) {
    root_[labels_[child]] = child;
  }
}

ByteTrie::Node ByteTrie::find_child(Node node, uint8_t byte) const noexcept {
  const uint32_t begin = first_child_[node];
  const uint32_t end = first_child_[node + 1];
  if (begin == end) return kRoot;
  const uint8_t* const labels = labels_.data();
  const void* const found = std::memchr(labels + begin, byte, end - begin);
  return found ? Node(static_cast<const uint8_t*>(found) - labels) : kRoot;
}

}  // namespace llmos
