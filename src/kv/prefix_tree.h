// SPDX-License-Identifier: Apache-2.0
// PrefixTree: the blocks of sequences that were computed before, found again by their tokens.
//
//   PrefixTree tree(pool, {});
//   PrefixLease lease = tree.lend(domain, prompt, table);      // table now holds what is known
//   ... compute the rest; for each block that got full:
//   tree.add(lease, block_tokens, table.block(i));             // others can use it from now on
//   tree.keep_tail(lease, rest_tokens, table);                 // at the end, if wanted
//   lease = {};                                                // what it used can be evicted
//   if (pool.free_count() < needed) tree.evict(needed - pool.free_count());
//
// Words    A *node* stands for one block and the tokens in it, behind those of its parent. A *leaf*
//          has no children. A *partial* node holds fewer than block_tokens tokens, and is a leaf.
//          A *lease* keeps a path from the root in the cache; a *pin* does so until it is taken
//          away.
// Exact    Blocks are found by their tokens, compared one by one, never by a hash alone. What is
//          found is the longest beginning that the cache holds, to the token: the last part of it
//          may be the beginning of a block, which the table gets as a copy.
// Domains  Sequences of different domains never share a block, whatever their tokens: the host
//          gives each tenant its own, or one to all that may learn of each other what they asked.
// Eviction A leaf without a lease, chosen by an EvictionPolicy (extend.h); the built-in ones are
//          least recently used (exact: as if each request used its blocks last to first), least
//          frequently used, and by cost of recomputing (eviction.h).
// Cost     A step of a lookup compares block_tokens tokens with as many nodes as a balanced tree of
//          that node's children has levels: one, mostly. The balance rests on a secret of the
//          tree, so no choice of tokens spoils it. No call recurses, whatever the depth.
// Memory   Nodes and tokens lie in arrays that grow to nodes_max; after that nothing allocates.
// Owner    the engine; the pool outlives the tree. The tree holds one reference to each block.
// Threads  the engine's.
//
// Invariants, all checked by check_integrity():
//   (1) a node's parent is as leased as the node: leases(parent) >= leases(child)
//   (2) a node without lease and pin is in its group's list, or waits for its last child to go
//   (3) in each list blocks are in the order of last use, and a child is older than its parent
//   (4) the children of a node differ, and form a search tree ordered by their tokens
//   (5) node_count() == nodes reachable from the domains' roots; each holds its block in the pool
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "kv/eviction.h"
#include "llmos/extend.h"
#include "llmos/status.h"
#include "llmos/types.h"

namespace llmos {

using DomainId = uint32_t;

struct PrefixTreeOptions {
  // Nodes at most; 0: as many as the pool has blocks. Beyond it an add evicts, or adds nothing.
  uint32_t nodes_max = 0;
  // Names at most; a host that names a domain per session must drop them again.
  uint32_t domains_max = 65'536;
  Eviction eviction = Eviction::kCost;
  EvictionPolicy* policy = nullptr;  // takes the place of `eviction`; outlives the tree
  // Of the balance; 0: from the system. For tests and replays.
  uint64_t secret = 0;
};

struct PrefixStats {
  uint64_t lookups = 0;
  uint64_t tokens_wanted = 0, tokens_found = 0;
  uint64_t blocks_wanted = 0, blocks_found = 0;  // whole ones
  uint64_t evicted = 0;
};

class PrefixTree;

// Keeps a path in the cache. Move-only; gives it back when it goes. The tree outlives it.
class PrefixLease {
 public:
  PrefixLease() = default;
  PrefixLease(PrefixLease&& other) noexcept { swap(other); }
  PrefixLease& operator=(PrefixLease&& other) noexcept {
    PrefixLease(std::move(other)).swap(*this);
    return *this;
  }
  ~PrefixLease();

  bool valid() const noexcept { return tree_ != nullptr; }
  int64_t blocks() const noexcept { return blocks_; }  // whole blocks on the path
  // What the request has put out, for eviction to learn from; before the lease goes.
  void set_answer_tokens(uint64_t tokens) noexcept { answer_tokens_ = tokens; }

 private:
  friend class PrefixTree;
  void swap(PrefixLease& other) noexcept {
    std::swap(tree_, other.tree_);
    std::swap(node_, other.node_);
    std::swap(blocks_, other.blocks_);
    std::swap(found_, other.found_);
    std::swap(answer_tokens_, other.answer_tokens_);
  }

  PrefixTree* tree_ = nullptr;
  uint32_t node_ = 0;   // the deepest of the path; a root when it is empty
  int64_t blocks_ = 0;  // nodes on the path, without the root
  bool found_ = false;  // the lookup found some of it
  uint64_t answer_tokens_ = 0;
};

class PrefixTree {
 public:
  // What the cache holds of a sequence. Valid until the tree changes.
  struct Match {
    uint32_t node = 0;          // of the last whole block, or a root
    int64_t blocks = 0;         // whole ones
    int64_t tokens = 0;         // with the part of a block behind them
    BlockAddress partial = -1;  // where that part is; -1: there is none
    uint32_t partial_node = 0;
  };

  PrefixTree(BlockPool& pool, const PrefixTreeOptions& options);
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  // The domain of this name, made at its first use. kExhausted beyond domains_max.
  Result<DomainId> domain(std::string_view name);
  // Evicts all blocks of the domain that are not leased, pins or not. The name is forgotten when
  // nothing is left; false when leases keep some.
  bool drop_domain(DomainId domain);

  // Looks only. `tokens` may be long: it ends at the first that is unknown.
  Match match(DomainId domain, std::span<const TokenId> tokens) const;

  // Puts the longest known beginning of `tokens` into an empty table and leases its path. At least
  // one token is left over, for a model must compute something to give logits. A partial block that
  // the pool has no room to copy is left out.
  PrefixLease lend(DomainId domain, std::span<const TokenId> tokens, BlockTable& table);
  // A lease that knows nothing yet, for sequences that must not use the cache but may fill it.
  PrefixLease begin(DomainId domain);

  // The block behind the lease's path, with its block_tokens tokens, computed and full. The lease
  // grows by it. Answers the block that the cache has for these tokens: `block`, or one that was
  // there before (the same content; the caller may replace() its own). -1: no room, the lease stays
  // and nothing further of this sequence can be added.
  BlockId add(PrefixLease& lease, std::span<const TokenId> tokens, BlockId block);
  // Takes the end of a sequence, `tokens` of its last, unfinished block behind the lease's path.
  // The table loses these tokens. False when there is nothing to gain: then the table keeps them.
  bool keep_tail(const PrefixLease& lease, std::span<const TokenId> tokens, BlockTable& table);

  // Ends the lease of a sequence whose blocks turned out to be wrong: those that no other lease,
  // and no longer sequence in the cache, stands on are evicted at once.
  void disown(PrefixLease lease);

  // Keeps the path of these tokens' whole blocks until unpin, as far as it is known now. Answers
  // how many blocks that is. Pins are counted by path: unpin the same tokens.
  int64_t pin(DomainId domain, std::span<const TokenId> tokens);
  void unpin(DomainId domain, std::span<const TokenId> tokens, int64_t blocks);

  // Evicts until `blocks` more are free in the pool, or nothing is left to evict. Answers how many
  // became free: blocks that sequences still hold do not count.
  uint32_t evict(uint32_t blocks);
  void clear();  // everything that is not leased

  uint32_t node_count() const noexcept { return node_count_; }
  // Nodes without lease and pin: what eviction could give back in the end.
  uint32_t evictable_count() const noexcept { return idle_count_; }
  const PrefixStats& stats() const noexcept { return stats_; }
  BlockPool& pool() const noexcept { return *pool_; }
  int64_t block_tokens() const noexcept { return block_tokens_; }

  struct NodeView {
    uint32_t id = 0;
    uint32_t parent = 0;  // a node, or the domain's root
    std::span<const TokenId> tokens;
    BlockAddress address = 0;
  };
  // Every node of the domain, parents before children. Visit answers false to stop.
  template <class Visit>
  void for_each(DomainId domain, Visit&& visit) const;
  NodeView view(uint32_t node) const;
  // Names of all domains, by id.
  std::span<const std::string> domain_names() const noexcept { return names_; }
  bool has_domain(DomainId domain) const noexcept {
    return domain < roots_.size() && roots_[domain] != kNone;
  }

  // For loading: a whole block behind a node that restore() answered before, or kRoot. Answers the
  // node, one that was there before included; kNowhere: no room (restoring does not evict). The
  // nodes answered stay in the cache until finish_restore() is given them all, in the same order.
  static constexpr uint32_t kRoot = 0, kNowhere = UINT32_MAX;
  uint32_t restore(DomainId domain, uint32_t parent, std::span<const TokenId> tokens,
                   BlockId block);
  void finish_restore(std::span<const uint32_t> nodes);

  void check_integrity() const;  // O(nodes * depth of the search trees)

 private:
  friend class PrefixLease;
  static constexpr uint32_t kNone = 0;  // node 0 is not used

  struct alignas(64) Node {  // one cache line
    uint32_t parent = kNone;
    uint32_t children = kNone;              // the root of the search tree of its children
    uint32_t left = kNone, right = kNone;   // in that of its parent's children
    uint32_t older = kNone, newer = kNone;  // in its group's list
    BlockAddress address = 0;
    uint32_t leases = 0;  // and pins
    uint64_t used = 0;    // clock_ when it was last used
    uint32_t uses = 0;
    uint32_t depth = 0;
    uint16_t token_count = 0;
    uint8_t tail_first = 0;  // of a partial node's tail, in units
    uint8_t tail_units = 0;  // 0: a whole block
    uint8_t group = 0;
    uint8_t place = 0;  // Place
    bool continues = false;
    uint8_t answer_bits = 0;
  };
  static_assert(sizeof(Node) == 64, "a step of a lookup reads one line, and the tokens");
  enum Place : uint8_t { kLeased, kListed, kWaiting };

  struct List {
    uint32_t oldest = kNone, newest = kNone;
  };
  // Of nodes that were evicted: what a policy wants to know when they come again.
  struct Ghost {
    uint64_t key = 0;  // of the path
    uint64_t used = 0;
    uint32_t uses = 0;
    uint32_t depth = 0;
    uint8_t group = 0;
    bool continues = false;
    uint8_t answer_bits = 0;
  };
  struct Found {
    uint32_t node;   // the child that shares most; kNone when none shares a token
    int64_t tokens;  // how many it shares
  };

  TokenId* tokens_of(uint32_t node) {
    return tokens_.data() + size_t(node) * size_t(block_tokens_);
  }
  const TokenId* tokens_of(uint32_t node) const {
    return tokens_.data() + size_t(node) * size_t(block_tokens_);
  }
  int64_t common(uint32_t node, std::span<const TokenId> tokens) const;
  bool before(uint32_t node, std::span<const TokenId> tokens, int64_t common) const;
  uint64_t balance(uint32_t node) const;
  Found find_child(uint32_t parent, std::span<const TokenId> tokens) const;
  void attach(uint32_t node);
  void detach(uint32_t node);

  uint32_t make_node(uint32_t parent, std::span<const TokenId> tokens, bool continues);
  void free_node(uint32_t node);
  void lease_path(uint32_t node);
  void give_back(uint32_t node, uint8_t answer_bits);
  void enlist(uint32_t node);
  void unlist(uint32_t node);
  void settle_oldest(List& list);
  uint32_t choose();
  void remove(uint32_t leaf);
  void drop_covered(uint32_t node, const Found& found);
  CachedBlock describe(uint32_t node) const;
  void remember(uint32_t node);
  void recall(uint32_t node);
  void check_node(uint32_t node) const;

  BlockPool* pool_;
  int64_t block_tokens_;
  uint32_t nodes_max_;
  uint32_t domains_max_;
  uint64_t secret_;
  std::unique_ptr<EvictionPolicy> own_policy_;
  EvictionPolicy* policy_;           // null: least recently used
  std::vector<Node> nodes_;          // [1 + domains + nodes]; grows, and is used again
  std::vector<TokenId> tokens_;      // [nodes][block_tokens]
  std::vector<uint64_t> path_keys_;  // [nodes], where a policy learns
  std::vector<Ghost> ghosts_;        // direct-mapped by path key
  uint32_t free_node_ = kNone;       // a list through Node::parent
  std::vector<uint32_t> roots_;      // [domains]
  std::vector<std::string> names_;   // [domains]
  std::map<std::string, DomainId, std::less<>> by_name_;
  std::array<List, EvictionPolicy::kGroupsMax> lists_{};
  uint64_t clock_ = 0;
  uint32_t node_count_ = 0;
  uint32_t idle_count_ = 0;
  PrefixStats stats_;
};

template <class Visit>
void PrefixTree::for_each(DomainId domain, Visit&& visit) const {
  LLMOS_CHECK(has_domain(domain)) << "domain " << domain;
  std::vector<uint32_t> waiting{nodes_[roots_[domain]].children};
  while (!waiting.empty()) {
    const uint32_t id = waiting.back();
    waiting.pop_back();
    if (id == kNone) continue;
    if (!visit(view(id))) return;
    const Node& node = nodes_[id];
    for (const uint32_t next : {node.left, node.right, node.children}) waiting.push_back(next);
  }
}

}  // namespace llmos
