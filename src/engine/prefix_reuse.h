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
#include <memory>

#include "engine/live.h"
#include "kv/prefix_tree.h"

namespace llmos::engine {

class PrefixReuse {
 public:
  // Without a cache (`enabled` false) every call is legal and does nothing.
  PrefixReuse(BlockPool& pool, bool enabled);

  // Fills the sequence's empty table. Answers how many tokens were found: all but one at most. 0
  // for requests that need the states of their whole prompt (prompt scores, embeddings of all
  // tokens), which still fill the cache for others.
  int64_t lend(LiveSequence& sequence);
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

  // Null without a cache.
  PrefixTree* tree() noexcept { return tree_.get(); }
  const PrefixTree* tree() const noexcept { return tree_.get(); }

 private:
  BlockPool& pool_;
  std::unique_ptr<PrefixTree> tree_;
};

// Whether the request wants something of each token of its prompt, so that all must be computed.
bool needs_whole_prompt(const LiveSequence& sequence);

}  // namespace llmos::engine
