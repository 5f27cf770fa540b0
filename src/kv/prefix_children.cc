// SPDX-License-Identifier: Apache-2.0
// PrefixTree: the children of one node, as a search tree over their tokens. A treap: ordered by
// tokens, a heap by balance(), which nobody outside can predict.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "kv/mix.h"
#include "kv/prefix_tree.h"

namespace llmos {

int64_t PrefixTree::common(uint32_t node, std::span<const TokenId> tokens) const {
  const TokenId* const own = tokens_of(node);
  const auto count = std::min<int64_t>(nodes_[node].token_count, int64_t(tokens.size()));
  int64_t i = 0;
  for (; i + 2 <= count; i += 2) {
    uint64_t a = 0, b = 0;
    std::memcpy(&a, own + i, sizeof a);
    std::memcpy(&b, tokens.data() + i, sizeof b);
    if (a == b) continue;
    return i + (own[i] == tokens[size_t(i)]);
  }
  return i + (i < count && own[i] == tokens[size_t(i)]);
}

// Whether the node's tokens, of which the first `common` are also the first of `tokens`, come
// before these in the order of the search trees.
bool PrefixTree::before(uint32_t node, std::span<const TokenId> tokens, int64_t common) const {
  if (common == int64_t(tokens.size())) return false;
  return common == nodes_[node].token_count || tokens_of(node)[common] < tokens[size_t(common)];
}

uint64_t PrefixTree::balance(uint32_t node) const { return mix(secret_ ^ node); }

// The neighbours of `tokens` in the order share the most with them, and the way down passes both.
PrefixTree::Found PrefixTree::find_child(uint32_t parent, std::span<const TokenId> tokens) const {
  Found best{kNone, 0};
  for (uint32_t node = nodes_[parent].children; node != kNone;) {
    const int64_t shared = common(node, tokens);
    if (shared > best.tokens) best = {node, shared};
    if (shared == int64_t(tokens.size())) break;
    node = before(node, tokens, shared) ? nodes_[node].right : nodes_[node].left;
  }
  return best;
}

// Into the search tree of its parent's children.
void PrefixTree::attach(uint32_t node) {
  if (uint32_t& only = nodes_[nodes_[node].parent].children; only == kNone) {
    only = node;
    return;
  }
  const std::span<const TokenId> tokens(tokens_of(node), nodes_[node].token_count);
  const auto is_before = [&](uint32_t other) {
    return before(other, tokens, common(other, tokens));
  };
  const uint64_t rank = balance(node);
  uint32_t* link = &nodes_[nodes_[node].parent].children;
  while (*link != kNone && balance(*link) >= rank) {
    link = is_before(*link) ? &nodes_[*link].right : &nodes_[*link].left;
  }
  uint32_t below = std::exchange(*link, node);  // is split among the two sides of the node
  uint32_t* left = &nodes_[node].left;
  uint32_t* right = &nodes_[node].right;
  while (below != kNone) {
    if (is_before(below)) {
      *left = below;
      left = &nodes_[below].right;
      below = *left;
    } else {
      *right = below;
      right = &nodes_[below].left;
      below = *right;
    }
  }
  *left = kNone;
  *right = kNone;
}

void PrefixTree::detach(uint32_t node) {
  uint32_t* link = &nodes_[nodes_[node].parent].children;
  uint32_t left = nodes_[node].left, right = nodes_[node].right;
  if (*link == node && left == kNone && right == kNone) {
    *link = kNone;
    return;
  }
  const std::span<const TokenId> tokens(tokens_of(node), nodes_[node].token_count);
  while (*link != node) {
    LLMOS_CHECK(*link != kNone) << "node " << node << " is not among its parent's children";
    const uint32_t at = *link;
    link = before(at, tokens, common(at, tokens)) ? &nodes_[at].right : &nodes_[at].left;
  }
  while (left != kNone && right != kNone) {
    if (balance(left) >= balance(right)) {
      *link = left;
      link = &nodes_[left].right;
      left = *link;
    } else {
      *link = right;
      link = &nodes_[right].left;
      right = *link;
    }
  }
  *link = left != kNone ? left : right;
}

}  // namespace llmos
