// SPDX-License-Identifier: Apache-2.0
// ByteTrie finds all texts of a fixed set that a text begins with, byte by byte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace llmos {

// Nodes lie in breadth-first order, so that the children of one are neighbours: a node costs 9
// bytes, and finding a child is one memchr over at most 256 of them.
// Threads  Every const method from any number of threads.
class ByteTrie {
 public:
  using Node = uint32_t;
  static constexpr Node kRoot = 0;  // also "no such child": nothing leads back to the root
  static constexpr int32_t kNoValue = -1;

  struct Key {
    std::string_view text;
    int32_t value;  // from 0
  };

  ByteTrie() : ByteTrie(std::vector<Key>{}) {}
  // Empty texts are left out; of equal texts the last one counts. O(bytes) after sorting.
  explicit ByteTrie(std::vector<Key> keys);

  bool empty() const noexcept { return labels_.size() == 1; }
  // The child, or kRoot where there is none.
  Node step(Node node, uint8_t byte) const noexcept {
    return node == kRoot ? root_[byte] : find_child(node, byte);
  }
  int32_t value(Node node) const noexcept { return values_[node]; }

  struct Match {
    size_t bytes = 0;
    int32_t value = kNoValue;
  };
  // The longest key of at most `bytes_max` bytes that `text` begins with and `allowed(value)`
  // holds for; 0 bytes: none.
  template <class Allowed>
  Match longest(std::string_view text, size_t bytes_max, Allowed&& allowed) const {
    Match best;
    Node node = kRoot;
    for (size_t i = 0; i < text.size() && i < bytes_max; ++i) {
      node = step(node, uint8_t(text[i]));
      if (node == kRoot) break;
      if (values_[node] != kNoValue && allowed(values_[node])) best = {i + 1, values_[node]};
    }
    return best;
  }
  Match longest(std::string_view text) const {
    return longest(text, text.size(), [](int32_t) { return true; });
  }

 private:
  Node find_child(Node node, uint8_t byte) const noexcept;

  std::array<Node, 256> root_{};
  std::vector<uint32_t> first_child_;  // of node n: [first_child_[n], first_child_[n + 1])
  std::vector<uint8_t> labels_;        // the byte that leads to the node
  std::vector<int32_t> values_;
};

}  // namespace llmos
