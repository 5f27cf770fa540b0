// SPDX-License-Identifier: Apache-2.0
#include "kv/prefix_tree.h"

#include <algorithm>
#include <bit>
#include <random>

#include "base/check.h"
#include "base/text.h"
#include "kv/mix.h"

namespace llmos {
namespace {

uint64_t key_of(uint64_t parent, std::span<const TokenId> tokens) {
  uint64_t key = parent ^ uint64_t(tokens.size());
  for (const TokenId token : tokens) key = mix(key + uint32_t(token) + 0x9E3779B97F4A7C15);
  return key;
}

// Remembered evictions per node: what a cache four times as large would still hold.
constexpr size_t kGhostsPerNode = 4;

}  // namespace

PrefixLease::~PrefixLease() {
  if (tree_) tree_->give_back(node_, uint8_t(std::bit_width(answer_tokens_)));
}

PrefixTree::PrefixTree(BlockPool& pool, const PrefixTreeOptions& options)
    : pool_(&pool),
      block_tokens_(pool.layout().shape().block_tokens),
      nodes_max_(options.nodes_max),
      domains_max_(options.domains_max),
      secret_(options.secret),
      own_policy_(options.policy ? nullptr : make_eviction_policy(options.eviction)),
      policy_(options.policy ? options.policy : own_policy_.get()) {
  // A block that is divided can be the end of several sequences.
  if (nodes_max_ == 0) nodes_max_ = pool.capacity() * (pool.units_per_block() > 1 ? 2 : 1);
  if (secret_ == 0) {
    std::random_device device;
    secret_ = uint64_t{device()} << 32 | device();
  }
  // Reserved at once: a step of the engine allocates nothing.
  nodes_.reserve(size_t{nodes_max_} + 1);
  tokens_.reserve((size_t{nodes_max_} + 1) * size_t(block_tokens_));
  nodes_.resize(1);  // node 0 is none
  tokens_.resize(size_t(block_tokens_));
  if (policy_) {
    path_keys_.reserve(size_t{nodes_max_} + 1);
    path_keys_.resize(1);
    ghosts_.resize(std::bit_ceil(std::max<size_t>(nodes_max_, 1) * kGhostsPerNode));
  }
}

PrefixTree::~PrefixTree() {
  clear();
  LLMOS_DCHECK(node_count_ == 0) << node_count_ << " blocks are still leased or pinned";
}

Result<DomainId> PrefixTree::domain(std::string_view name) {
  if (const auto at = by_name_.find(name); at != by_name_.end()) return at->second;
  if (by_name_.size() >= domains_max_) {
    return Status(Code::kExhausted, (Text() << "prefix cache: expected at most " << domains_max_
                                            << " domains; drop those that are no longer used")
                                        .str());
  }
  const uint32_t root = make_node(kNone, {}, false);
  nodes_[root].leases = 1;  // for ever: a root is no block
  nodes_[root].place = kLeased;
  DomainId id = 0;
  while (id < roots_.size() && roots_[id] != kNone) ++id;
  if (id == roots_.size()) roots_.push_back(kNone), names_.emplace_back();
  roots_[id] = root;
  names_[id] = name;
  if (policy_) path_keys_[root] = mix(secret_ + id);
  by_name_.emplace(std::string(name), id);
  return id;
}

bool PrefixTree::drop_domain(DomainId domain) {
  LLMOS_CHECK(has_domain(domain)) << "domain " << domain;
  std::vector<uint32_t> nodes;
  for_each(domain, [&](const NodeView& view) { return nodes.push_back(view.id), true; });
  for (size_t i = nodes.size(); i > 0; --i) {  // children before parents
    const uint32_t node = nodes[i - 1];
    if (nodes_[node].leases == 0 && nodes_[node].children == kNone) remove(node);
  }
  // A lease on the root itself counts there, beside the one for ever.
  if (nodes_[roots_[domain]].children != kNone || nodes_[roots_[domain]].leases > 1) return false;
  by_name_.erase(names_[domain]);
  names_[domain].clear();
  free_node(std::exchange(roots_[domain], kNone));
  return true;
}

PrefixTree::Match PrefixTree::match(DomainId domain, std::span<const TokenId> tokens) const {
  LLMOS_CHECK(has_domain(domain)) << "domain " << domain;
  Match match{.node = roots_[domain]};
  const auto block = size_t(block_tokens_);
  while (!tokens.empty()) {
    const Found found = find_child(match.node, tokens.first(std::min(block, tokens.size())));
    if (found.tokens < block_tokens_) {
      if (found.node == kNone) break;
      match.tokens += found.tokens;
      match.partial = nodes_[found.node].address;
      match.partial_node = found.node;
      break;
    }
    match.node = found.node;
    ++match.blocks;
    match.tokens += block_tokens_;
    tokens = tokens.subspan(block);
  }
  return match;
}

PrefixLease PrefixTree::begin(DomainId domain) {
  LLMOS_CHECK(has_domain(domain)) << "domain " << domain;
  PrefixLease lease;
  lease.tree_ = this;
  lease.node_ = roots_[domain];
  lease_path(lease.node_);
  return lease;
}

PrefixLease PrefixTree::lend(DomainId domain, std::span<const TokenId> tokens, BlockTable& table) {
  LLMOS_CHECK(table.tokens() == 0) << "lend to a table with " << table.tokens() << " tokens";
  const size_t usable =
      std::min<size_t>(tokens.empty() ? 0 : tokens.size() - 1, size_t(table.tokens_max()));
  const Match match = this->match(domain, tokens.first(usable));
  PrefixLease lease;
  lease.tree_ = this;
  lease.node_ = match.node;
  lease.blocks_ = match.blocks;
  lease.found_ = match.blocks > 0;
  table.extend(match.blocks);
  int64_t index = match.blocks;
  for (uint32_t node = match.node; nodes_[node].parent != kNone; node = nodes_[node].parent) {
    if (policy_ && nodes_[node].leases == 0) policy_->wanted(describe(node), true);
    ++nodes_[node].uses;
    table.set_shared(--index, pool_->block_at(nodes_[node].address));
  }
  lease_path(match.node);
  int64_t found = match.blocks * block_tokens_;
  if (match.partial >= 0 && table.append_copy(match.partial, match.tokens - found)) {
    found = match.tokens;
    if (nodes_[match.partial_node].leases == 0) {  // used: the newest of its group again
      if (policy_) policy_->wanted(describe(match.partial_node), true);
      ++nodes_[match.partial_node].uses;
      unlist(match.partial_node);
      enlist(match.partial_node);
    }
  }
  ++stats_.lookups;
  stats_.tokens_wanted += tokens.size();
  stats_.tokens_found += uint64_t(found);
  stats_.blocks_wanted += tokens.size() / size_t(block_tokens_);
  stats_.blocks_found += uint64_t(match.blocks);
  return lease;
}

BlockId PrefixTree::add(PrefixLease& lease, std::span<const TokenId> tokens, BlockId block) {
  LLMOS_CHECK(lease.tree_ == this && int64_t(tokens.size()) == block_tokens_)
      << tokens.size() << " tokens of a block";
  Found found = find_child(lease.node_, tokens);
  uint32_t node = found.node;
  if (found.tokens < block_tokens_) {
    if (node_count_ >= nodes_max_) {
      const uint32_t victim = choose();
      if (victim == kNone) return -1;
      remove(victim);
      found = find_child(lease.node_, tokens);  // it may have been what was found
    }
    node = make_node(lease.node_, tokens, lease.found_);
    pool_->share(block);
    nodes_[node].address = pool_->address(block);
    nodes_[node].place = kLeased;
    attach(node);
    drop_covered(node, found);
  } else if (nodes_[node].leases == 0) {
    unlist(node);
  }
  ++nodes_[node].leases;
  lease.node_ = node;
  ++lease.blocks_;
  return pool_->block_at(nodes_[node].address);
}

PrefixTree::NodeView PrefixTree::view(uint32_t id) const {
  const Node& node = nodes_[id];
  return {id, node.parent, {tokens_of(id), node.token_count}, node.address};
}

uint32_t PrefixTree::restore(DomainId domain, uint32_t parent, std::span<const TokenId> tokens,
                             BlockId block) {
  LLMOS_CHECK(has_domain(domain) && int64_t(tokens.size()) == block_tokens_) << domain;
  if (parent == kRoot) parent = roots_[domain];
  LLMOS_CHECK(parent < nodes_.size() && nodes_[parent].token_count % block_tokens_ == 0) << parent;
  uint32_t node = find_child(parent, tokens).node;
  if (node == kNone || common(node, tokens) < block_tokens_) {
    if (node_count_ >= nodes_max_) return kNowhere;
    node = make_node(parent, tokens, false);
    pool_->share(block);
    nodes_[node].address = pool_->address(block);
    attach(node);
  } else if (nodes_[node].leases == 0) {
    unlist(node);
  }
  ++nodes_[node].leases;
  return node;
}

void PrefixTree::finish_restore(std::span<const uint32_t> nodes) {
  for (size_t i = nodes.size(); i > 0; --i) {  // children before parents, as give_back() has them
    const uint32_t node = nodes[i - 1];
    if (--nodes_[node].leases == 0) enlist(node);
  }
}

bool PrefixTree::keep_tail(const PrefixLease& lease, std::span<const TokenId> tokens,
                           BlockTable& table) {
  LLMOS_CHECK(lease.tree_ == this && int64_t(tokens.size()) < block_tokens_ &&
              int64_t(tokens.size()) == table.tokens() % block_tokens_)
      << tokens.size() << " tokens of a block that has " << table.tokens() % block_tokens_;
  if (tokens.empty() || lease.blocks_ != table.full_blocks()) return false;
  const Found found = find_child(lease.node_, tokens);
  if (found.tokens == int64_t(tokens.size()) || node_count_ >= nodes_max_) return false;
  const std::optional<Tail> tail = table.take_tail();
  if (!tail) return false;
  const uint32_t node = make_node(lease.node_, tokens, lease.found_);
  Node& made = nodes_[node];
  made.address = pool_->address(*tail);
  made.tail_first = uint8_t(tail->first);
  made.tail_units = uint8_t(tail->units);
  made.answer_bits = uint8_t(std::bit_width(lease.answer_tokens_));
  attach(node);
  enlist(node);
  drop_covered(node, found);
  return true;
}

// The child that shared most with a new one is of no use when the new one begins with all of it.
void PrefixTree::drop_covered(uint32_t node, const Found& found) {
  if (found.node == kNone || found.node == node) return;
  const Node& other = nodes_[found.node];
  if (other.token_count == found.tokens && other.leases == 0) remove(found.node);
}

void PrefixTree::disown(PrefixLease lease) {
  LLMOS_CHECK(lease.tree_ == this) << "a lease of another tree";
  uint32_t node = lease.node_;
  lease = {};
  while (nodes_[node].parent != kNone && nodes_[node].leases == 0 &&
         nodes_[node].children == kNone) {
    remove(std::exchange(node, nodes_[node].parent));
  }
}

int64_t PrefixTree::pin(DomainId domain, std::span<const TokenId> tokens) {
  const Match match = this->match(domain, tokens);
  lease_path(match.node);
  return match.blocks;
}

void PrefixTree::unpin(DomainId domain, std::span<const TokenId> tokens, int64_t blocks) {
  LLMOS_CHECK(blocks >= 0 && uint64_t(blocks) <= tokens.size() / size_t(block_tokens_))
      << blocks << " blocks of " << tokens.size() << " tokens";
  const Match match = this->match(domain, tokens.first(size_t(blocks * block_tokens_)));
  LLMOS_CHECK(match.blocks == blocks) << "unpin of what was not pinned";
  give_back(match.node, nodes_[match.node].answer_bits);
}

uint32_t PrefixTree::evict(uint32_t blocks) {
  const uint32_t before = pool_->free_count();
  while (pool_->free_count() - before < blocks) {
    const uint32_t victim = choose();
    if (victim == kNone) break;
    remove(victim);
  }
  return pool_->free_count() - before;
}

void PrefixTree::clear() {
  for (uint32_t node = choose(); node != kNone; node = choose()) remove(node);
}

uint32_t PrefixTree::make_node(uint32_t parent, std::span<const TokenId> tokens, bool continues) {
  uint32_t node = free_node_;
  if (node != kNone) {
    free_node_ = nodes_[node].parent;
  } else {
    node = uint32_t(nodes_.size());
    nodes_.emplace_back();
    tokens_.resize(nodes_.size() * size_t(block_tokens_));
    if (policy_) path_keys_.emplace_back();
  }
  nodes_[node] = Node();
  Node& made = nodes_[node];
  made.parent = parent;
  made.token_count = uint16_t(tokens.size());
  made.continues = continues;
  std::copy(tokens.begin(), tokens.end(), tokens_of(node));
  if (parent == kNone) return node;
  made.depth = nodes_[parent].parent == kNone ? 0 : nodes_[parent].depth + 1;
  ++node_count_;
  if (policy_) {
    path_keys_[node] = key_of(path_keys_[parent], tokens);
    recall(node);
  }
  return node;
}

void PrefixTree::free_node(uint32_t node) { nodes_[node].parent = std::exchange(free_node_, node); }

void PrefixTree::lease_path(uint32_t node) {
  for (; node != kNone; node = nodes_[node].parent) {
    if (nodes_[node].leases++ == 0) unlist(node);
  }
}

// Deepest first, so that in the order of use a parent is newer than its children.
void PrefixTree::give_back(uint32_t node, uint8_t answer_bits) {
  for (; node != kNone; node = nodes_[node].parent) {
    LLMOS_CHECK(nodes_[node].leases > 0) << "node " << node << " is not leased";
    nodes_[node].answer_bits = answer_bits;
    if (--nodes_[node].leases == 0) enlist(node);
  }
}

void PrefixTree::enlist(uint32_t id) {
  Node& node = nodes_[id];
  node.used = ++clock_;
  if (policy_) {
    const uint32_t group = policy_->group(describe(id));
    LLMOS_CHECK(group < EvictionPolicy::kGroupsMax) << "EvictionPolicy::group answered " << group;
    node.group = uint8_t(group);
  }
  List& list = lists_[node.group];
  node.place = kListed;
  node.newer = kNone;
  node.older = list.newest;
  (list.newest == kNone ? list.oldest : nodes_[list.newest].newer) = id;
  list.newest = id;
  ++idle_count_;
}

void PrefixTree::unlist(uint32_t id) {
  Node& node = nodes_[id];
  --idle_count_;
  if (std::exchange(node.place, kLeased) == kWaiting) return;
  List& list = lists_[node.group];
  (node.older == kNone ? list.oldest : nodes_[node.older].newer) = node.newer;
  (node.newer == kNone ? list.newest : nodes_[node.newer].older) = node.older;
}

// Nodes with children leave the list's old end; each comes back there when its last child goes.
void PrefixTree::settle_oldest(List& list) {
  while (list.oldest != kNone && nodes_[list.oldest].children != kNone) {
    Node& node = nodes_[list.oldest];
    node.place = kWaiting;
    list.oldest = node.newer;
    (node.newer == kNone ? list.newest : nodes_[node.newer].older) = kNone;
  }
}

uint32_t PrefixTree::choose() {
  if (!policy_) {
    settle_oldest(lists_[0]);
    return lists_[0].oldest;
  }
  std::array<uint32_t, EvictionPolicy::kGroupsMax> nodes;
  std::array<CachedBlock, EvictionPolicy::kGroupsMax> candidates;
  size_t count = 0;
  for (List& list : lists_) {
    if (list.oldest == kNone) continue;
    settle_oldest(list);
    if (list.oldest == kNone) continue;
    nodes[count] = list.oldest;
    candidates[count++] = describe(list.oldest);
  }
  if (count == 0) return kNone;
  const size_t chosen = policy_->choose(std::span(candidates).first(count));
  LLMOS_CHECK(chosen < count) << "EvictionPolicy::choose answered " << chosen << " of " << count;
  return nodes[chosen];
}

void PrefixTree::remove(uint32_t leaf) {
  const Node& node = nodes_[leaf];
  LLMOS_CHECK(node.leases == 0 && node.children == kNone) << "node " << leaf << " is in use";
  if (policy_) remember(leaf);
  unlist(leaf);
  detach(leaf);
  if (node.tail_units == 0) {
    pool_->release(pool_->block_at(node.address));
  } else {
    Tail tail{pool_->block_at(node.address), node.tail_first, node.tail_units};
    pool_->shrink_tail(tail, 0);
  }
  const uint32_t above = node.parent;
  free_node(leaf);
  --node_count_;
  ++stats_.evicted;
  Node& parent = nodes_[above];
  if (parent.place != kWaiting || parent.children != kNone) return;
  List& list = lists_[parent.group];  // at the old end: it was the oldest when it left the list
  parent.place = kListed;
  parent.older = kNone;
  parent.newer = list.oldest;
  (list.oldest == kNone ? list.newest : nodes_[list.oldest].older) = above;
  list.oldest = above;
}

CachedBlock PrefixTree::describe(uint32_t id) const {
  const Node& node = nodes_[id];
  return {.age = clock_ - node.used,
          .uses = node.uses,
          .depth = node.depth,
          .tokens = node.token_count,
          .continues = node.continues,
          .answer_bits = node.answer_bits,
          .group = node.group};
}

void PrefixTree::remember(uint32_t node) {
  const uint64_t key = path_keys_[node];
  ghosts_[key & (ghosts_.size() - 1)] = {.key = key,
                                         .used = nodes_[node].used,
                                         .uses = nodes_[node].uses,
                                         .depth = nodes_[node].depth,
                                         .group = nodes_[node].group,
                                         .continues = nodes_[node].continues,
                                         .answer_bits = nodes_[node].answer_bits};
}

void PrefixTree::recall(uint32_t id) {
  Ghost& ghost = ghosts_[path_keys_[id] & (ghosts_.size() - 1)];
  if (ghost.key != path_keys_[id]) return;
  Node& node = nodes_[id];
  policy_->wanted({.age = clock_ - ghost.used,
                   .uses = ghost.uses,
                   .depth = ghost.depth,
                   .tokens = node.token_count,
                   .continues = ghost.continues,
                   .answer_bits = ghost.answer_bits,
                   .group = ghost.group},
                  false);
  node.uses = ghost.uses + 1;
  node.continues = ghost.continues;
  node.answer_bits = ghost.answer_bits;
  ghost.key = 0;
}

void PrefixTree::check_integrity() const {
  uint32_t reached = 0, idle = 0, listed = 0;
  for (DomainId domain = 0; domain < roots_.size(); ++domain) {
    if (roots_[domain] == kNone) continue;
    for_each(domain, [&](const NodeView& view) {
      const Node& node = nodes_[view.id];
      ++reached;
      idle += node.leases == 0;
      listed += node.place == kListed;
      check_node(view.id);
      return reached <= node_count_;
    });
  }
  LLMOS_CHECK(reached == node_count_) << reached << " nodes reached, " << node_count_ << " counted";
  LLMOS_CHECK(idle == idle_count_) << idle << " idle nodes, " << idle_count_ << " counted";
  for (size_t group = 0; group < lists_.size(); ++group) {
    uint32_t older = kNone;
    for (uint32_t id = lists_[group].oldest; id != kNone; older = id, id = nodes_[id].newer) {
      LLMOS_CHECK(nodes_[id].older == older && nodes_[id].group == group &&
                  nodes_[id].place == kListed && listed > 0)
          << "node " << id << " in list " << group;
      LLMOS_CHECK(policy_ || older == kNone || nodes_[older].used < nodes_[id].used) << id;
      --listed;
    }
    LLMOS_CHECK(lists_[group].newest == older) << "list " << group;
  }
  LLMOS_CHECK(listed == 0) << listed << " nodes are in no list";
}

void PrefixTree::check_node(uint32_t id) const {
  const Node& node = nodes_[id];
  const Node& parent = nodes_[node.parent];
  LLMOS_CHECK(parent.leases >= node.leases) << "node " << id << " is leased, its parent is not";
  LLMOS_CHECK((node.leases > 0) == (node.place == kLeased)) << "node " << id;
  LLMOS_CHECK(node.leases > 0 || parent.leases > 0 || parent.used > node.used)
      << "node " << id << " is newer than its parent";
  LLMOS_CHECK(pool_->reference_count(pool_->block_at(node.address)) > 0) << "node " << id;
  LLMOS_CHECK(node.token_count == block_tokens_ || node.children == kNone) << "node " << id;
  const std::span<const TokenId> tokens(tokens_of(id), node.token_count);
  LLMOS_CHECK(find_child(node.parent, tokens).tokens == node.token_count) << "node " << id;
  for (const uint32_t child : {node.left, node.right}) {
    if (child == kNone) continue;
    LLMOS_CHECK(nodes_[child].parent == node.parent && balance(child) <= balance(id)) << child;
    const bool is_before = before(child, tokens, common(child, tokens));
    LLMOS_CHECK(is_before == (child == node.left)) << "node " << child << " is out of order";
  }
}

}  // namespace llmos
