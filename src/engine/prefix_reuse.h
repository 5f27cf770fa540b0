// SPDX-License-Identifier: Apache-2.0
// PrefixReuse: how the engine's sequences use the prefix cache (kv/prefix_tree.h).
//
//   plan     lend()     a sequence that holds nothing yet, and is about to compute its first
//                       tokens, gets what the cache knows of its beginning, and holds a lease
//            room()     evicts before somebody is put out for want of blocks
//   commit   keep()     each block that the step has filled goes to the cache: whoever begins alike
//                       finds it from the next plan on
//   end      finish()   the unfinished last block goes there too; the lease ends
//   put out  give_up()  the lease ends with the table. What the sequence had computed stays cached,
//                       so that it is mostly found again instead of computed again.
//
// Pins     A pinned beginning stays until unpin(), for all requests of its tenant. When the device
//          is opened again what the pins kept is gone like everything else, and so are they.
// Files    save() and load() keep the cache between two engines (kv/prefix_file.h).
// Tenants  Each has a domain of its own: nobody finds out what another tenant asked.
// Choices  Those of one request share their prompt through the cache: the later ones wait until the
//          first has computed it (core_plan.cc), and copy the part of a block that they write to.
// Failing  What a failed step wrote is never kept, for only commits keep. When a row of logits is
//          not a number, the sequence's blocks may hold such numbers as well: disown() takes out of
//          the cache what nobody else uses.
// Memory   Blocks of the cache that no sequence uses count as free for the scheduler: they are
//          evicted when blocks run short. So the cache never makes anybody wait.
// Owner    The core. Leases end before it does, and it before the pool.
// Threads  The engine's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/live.h"
#include "kv/prefix_file.h"
#include "kv/prefix_tree.h"

namespace llmos::engine {

class PrefixReuse {
 public:
  // Without a cache (`enabled` false) every call is legal and does nothing.
  PrefixReuse(BlockPool& pool, bool enabled);
  ~PrefixReuse() { unpin_all(); }

  // Fills the sequence's empty table. Answers how many tokens were found: all but one at most. 0
  // for requests that need the states of their whole prompt (prompt scores, embeddings of all
  // tokens), which still fill the cache for others.
  int64_t lend(LiveSequence& sequence);
  // Whole blocks that lend() would find, of a sequence that it has lent nothing yet.
  int64_t known_blocks(const LiveSequence& sequence) const;
  // Evicts so that `blocks` are free, if that is possible.
  void room(int64_t blocks);
  // The first `computed` tokens of the sequence's table are right. Blocks of the table may be
  // exchanged for equal ones when no step in flight reads them.
  void keep(LiveSequence& sequence, int64_t computed);
  void finish(LiveSequence& sequence);
  void give_up(LiveSequence& sequence) { sequence.lease = {}; }
  void disown(LiveSequence& sequence);
  // The memory's content was lost. No lease is left.
  void clear();

  // Keeps the whole blocks of these tokens, as far as the cache has them, until unpin(id). Answers
  // how many blocks. kInvalid: not one whole block, or no cache; kExhausted: more than blocks_max
  // with all other pins.
  Result<int64_t> pin(uint64_t id, const std::string& tenant, std::span<const TokenId> tokens,
                      int64_t blocks_max);
  void unpin(uint64_t id);
  // Of all pins; what several of them keep counts for each.
  int64_t pinned_blocks() const noexcept { return pinned_; }

  Result<PrefixesLoaded> load(const ModelDigest& digest, const std::string& path);
  // No lease is left. Pins end.
  Status save(const ModelDigest& digest, const std::string& path);

  // Visit(tenant, block, pinned) of each block of the cache, those of pins last and once more.
  template <class Visit>
  void for_each_block(Visit&& visit) const;

  // Null without a cache.
  PrefixTree* tree() noexcept { return tree_.get(); }
  const PrefixTree* tree() const noexcept { return tree_.get(); }

 private:
  struct Pin {
    DomainId domain = 0;
    std::vector<TokenId> tokens;
    int64_t blocks = 0;
  };
  void unpin_all();
  void release(const Pin& pin);

  BlockPool& pool_;
  std::unique_ptr<PrefixTree> tree_;
  std::map<uint64_t, Pin> pins_;
  int64_t pinned_ = 0;
};

template <class Visit>
void PrefixReuse::for_each_block(Visit&& visit) const {
  if (!tree_) return;
  const auto names = tree_->domain_names();
  for (DomainId domain = 0; domain < names.size(); ++domain) {
    if (!tree_->has_domain(domain)) continue;
    tree_->for_each(domain, [&](const PrefixTree::NodeView& node) {
      visit(names[domain], pool_.block_at(node.address), false);
      return true;
    });
  }
  for (const auto& [id, pin] : pins_) {
    PrefixTree::Match match = tree_->match(pin.domain, pin.tokens);
    for (uint32_t node = match.node; match.blocks > 0; --match.blocks) {
      const PrefixTree::NodeView view = tree_->view(node);
      if (match.blocks <= pin.blocks) visit(names[pin.domain], pool_.block_at(view.address), true);
      node = view.parent;
    }
  }
}

// Whether the request wants something of each token of its prompt, so that all must be computed.
bool needs_whole_prompt(const LiveSequence& sequence);

}  // namespace llmos::engine
