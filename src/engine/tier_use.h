// SPDX-License-Identifier: Apache-2.0
// TierUse: how the engine's sequences use the tier below its memory (kv/swapper.h).
//
//   hear    poll()     moves that are complete are told to the scheduler
//   plan    send()     a victim leaves for the tier, unless computing it again costs less
//           fetch()    one that is away is wanted back
//   launch  start()    hands over what the plan decided, at a moment when no step is in flight
//   any     forget()   the sequence is over, or is computed again: its copy is not needed
//
//            send            start             poll             fetch             start
//   kHere ---------> kGoing ------> kLeaving -------> kAway ----------> kWanted -------> kReturning
//     ^                |               |                |                  |                 |
//     +----------------+---------------+----------------+------------------+-----------------+
//        lost, refused, forgotten (computed again, or over), or back with all that it had (poll)
//
// Never waits  Moves are made on the swapper's thread, beside steps of others. Its `landed` call
//              wakes the engine when there is nothing to compute.
// Prefixes     Blocks at the beginning that other sequences use as well stay in the prefix cache,
//              and are not written. All others are, for the cache may evict them; what it still has
//              when the sequence comes back is not read.
// Right        A block that is corrupt, short or missing is never used: the sequence is computed
//              again, from the blocks before it where the prefix cache takes them.
// Choice       choose_swap() (kv/swap_choice.h) with the rates that the swapper measures, what the
//              cache keeps, and the step costs that the engine measures.
// Owner        The core; sequences are forgotten before it goes. The pool and the cache outlive it.
// Threads      The engine's; `landed` is called from the swapper's.
//
// Invariants, checked by check_integrity():
//   (1) a sequence is in going_, moving_ or wanted_ exactly when its state says so
//   (2) only sequences that are kHere or kGoing hold blocks in their own table
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "engine/live.h"
#include "engine/prefix_reuse.h"
#include "kv/swap_choice.h"
#include "kv/swapper.h"
#include "llmos/extend.h"
#include "sync/function_ref.h"

namespace llmos::engine {

class TierUse {
 public:
  // A move is over. `ok`: out, the sequence is in the tier; in, its table has all that it had. Not
  // ok: it holds nothing any more. The call must not come back to this object.
  using Moved = FunctionRef<void(LiveSequence& sequence, bool ok)>;

  // Without a tier nothing is ever sent. `always`: for tests, swaps whatever it costs.
  TierUse(BlockPool& pool, PrefixReuse& prefixes, std::unique_ptr<Tier> tier, bool always,
          Clock& clock, std::function<void()> landed);

  // False, and nothing changed: the tier takes nothing now, or to compute again costs less.
  // Precondition: kHere, and no step in flight knows the sequence.
  bool send(LiveSequence& sequence, const SchedulingCosts& costs);
  // Precondition: kAway.
  void fetch(LiveSequence& sequence);
  // No step is in flight, and the pool's copies were run.
  void start(Moved moved);
  void poll(Moved moved);
  // In any state; it is kHere afterwards. What its own table holds stays there.
  void forget(LiveSequence& sequence);

  // Room for so many tokens; 0 while the tier refuses.
  uint64_t tokens_free() const;
  // Seconds to move a token one way, as measured.
  double token_seconds() const;
  // Blocks are on their way, or will be with the next start().
  bool busy() const { return swapper_ && (swapper_->moving() || !going_.empty()); }
  // Somebody who is to come back found no blocks.
  bool wants_blocks() const { return !wanted_.empty(); }
  uint64_t bytes_used() const;
  // Since the start: blocks that could not be written, or were not read back as they were.
  uint64_t failures() const;

  // Null without a tier.
  Swapper* swapper() noexcept { return swapper_.get(); }
  const Swapper* swapper() const noexcept { return swapper_.get(); }
  void check_integrity() const;

 private:
  int64_t kept_blocks(const LiveSequence& sequence) const;
  SwapRates rates(const SchedulingCosts& costs, int64_t tokens) const;
  double known_rate(double measured) const;
  bool leave(LiveSequence& sequence);
  bool come_back(LiveSequence& sequence, Moved moved);
  bool land(LiveSequence& sequence, Moved moved);
  bool take(LiveSequence& sequence);

  BlockPool& pool_;
  PrefixReuse& prefixes_;
  Clock& clock_;
  const bool always_;
  std::unique_ptr<Swapper> swapper_;
  // What state each is in says LiveSequence::away.
  std::vector<LiveSequence*> going_, moving_, wanted_;
  Instant last_moved_{};  // when a move was last complete
};

}  // namespace llmos::engine
