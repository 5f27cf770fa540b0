// SPDX-License-Identifier: Apache-2.0
// Swapper moves the blocks of parked sequences to a tier and back, on a thread of its own.
//
//   if (std::optional<ParkId> id = swapper.park(table)) ...    // the table is the swapper's now
//   each step: pool.run_copies(); swapper.poll();
//   if (swapper.state(*id) == ParkState::kParked && swapper.resume(*id, empty_table)) ...
//   if (swapper.state(*id) == ParkState::kReady) Resumed back = swapper.take(*id);
//   // tokens from back.tokens_valid on are computed again
//
// Words    *Park*: a sequence's blocks go to the tier and are given back to the pool one by one, as
//          they are written. *Resume*: a table with room for them is filled again.
// Honest   What cannot be written, or is not read back exactly, is lost, and said to be: a sequence
//          in state kLost is computed again from its tokens; one that is kReady says how many of
//          its tokens are good. A wrong block is never handed out.
// Degrades A failed write (disk full, I/O error) makes it refuse parks for kRetryAfter: the engine
//          computes again instead. The first failure, of a write or a read, is logged, once. See
//          last_error() and stats().
// Owner    The engine owns it; pool and clock outlive it. It owns tables while it works on them, so
//          that nobody gives away a block that is being written or read.
// Threads  Every method belongs to the engine's thread. The swapper's own thread sees only memory
//          of blocks and the tier.
// Order    The pool's copies must have been run (run_copies()) before park and resume, and no step
//          in flight may write to the table's blocks.
//
// Invariants, all checked by check_integrity():
//   (1) slots free + slots of parked sequences == tier slots
//   (2) jobs in flight <= kJobsMax: pushing one never waits
//   (3) a sequence's table is released only when none of its jobs is in flight
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "kv/block_pool.h"
#include "kv/block_table.h"
#include "kv/tier.h"
#include "llmos/status.h"
#include "sync/event.h"
#include "sync/spsc_ring.h"

namespace llmos {

using ParkId = uint64_t;  // never used twice

enum class ParkState : uint8_t {
  kWriting,  // blocks are on their way out
  kParked,   // all are in the tier
  kReading,  // on their way back
  kReady,    // take() them
  kLost,     // a write failed: drop() it and compute it again
};

struct Resumed {
  BlockTable table;
  int64_t tokens_valid = 0;  // from the first on; less than parked when a block could not be read
  Status status;             // why, if so
};

// Plain counters and rates.
struct SwapStats {
  uint64_t bytes_out = 0, bytes_in = 0;
  double out_bytes_per_s = 0, in_bytes_per_s = 0;  // decayed means while busy; 0: none measured
  uint64_t blocks_failed = 0;                      // writes
  uint64_t blocks_corrupt = 0;                     // reads: corrupt, short or failed
  uint64_t parks = 0, parks_refused = 0, resumes = 0;
  uint32_t jobs_in_flight = 0;
  uint64_t bytes_waiting = 0;  // of jobs not finished, in flight or not
};

class Swapper {
 public:
  // 64 blocks of 0.5 MB are 32 MB: 10 ms of a fast disk, more than a step of the engine takes.
  static constexpr size_t kJobsMax = 64;
  // Long enough that a full disk costs nothing, short enough to notice that it was emptied.
  static constexpr std::chrono::seconds kRetryAfter{10};

  // `landed` is called on the swapper's thread whenever a block was moved: to wake who polls.
  Swapper(BlockPool& pool, std::unique_ptr<Tier> tier, Clock& clock = real_clock(),
          std::function<void()> landed = {});
  ~Swapper();  // finishes what is in flight; parked sequences are forgotten
  Swapper(const Swapper&) = delete;
  Swapper& operator=(const Swapper&) = delete;

  // Takes the table and moves its blocks out, but for the first `keep_blocks`: those are only given
  // back, for the caller expects to find them in the prefix tree. nullopt, and the table stays with
  // the caller: the tier is full or refuses at the moment.
  std::optional<ParkId> park(BlockTable& table, int64_t keep_blocks = 0);
  // Whether park() would take `blocks` now.
  bool can_park(int64_t blocks) const;

  // Fills the table. It holds whole blocks only, at least the keep_blocks of park(): what it holds
  // is not read. It is taken, and grows to all parked tokens. False, and nothing changed: the
  // sequence is not kParked, or the pool has too few free blocks.
  bool resume(ParkId id, BlockTable& table);
  // Precondition: kReady. The sequence is forgotten.
  Resumed take(ParkId id);
  // Forgets the sequence, in any state. Blocks in flight are given back when they land.
  void drop(ParkId id);

  ParkState state(ParkId id) const;
  int64_t tokens(ParkId id) const;       // parked, the kept ones included
  int64_t keep_blocks(ParkId id) const;  // as given to park()

  // Takes in what the thread has finished and gives it more. Cheap when nothing happened. Answers
  // how many sequences changed their state.
  size_t poll();
  // poll() until nothing is in flight or waiting, or the time is over; false then.
  bool wait_idle(std::chrono::nanoseconds timeout);

  // Something is in flight or waiting: poll() again.
  bool moving() const noexcept { return stats_.jobs_in_flight > 0 || !waiting_.empty(); }

  const SwapStats& stats() const noexcept { return stats_; }
  const Status& last_error() const noexcept { return last_error_; }
  uint32_t slots() const noexcept { return tier_->slots(); }
  uint32_t free_slots() const noexcept { return uint32_t(free_slots_.size()); }
  uint64_t blocks_held() const;  // of the pool, in tables on their way
  void check_integrity() const;

 private:
  struct Job {
    uint64_t park = 0;
    std::byte* memory = nullptr;
    TierSlot slot = 0;
    int32_t index = 0;   // of the block in the sequence
    int32_t tokens = 0;  // of a tail; 0: the whole block, as it lies
    bool out = false;
  };
  struct Done {
    uint64_t park = 0;
    int32_t index = 0;
    bool out = false;
    uint64_t nanos = 0;
    Status status;
  };
  struct Parked {
    std::optional<BlockTable> table;
    std::vector<TierSlot> slots;  // of block keep + i
    int64_t keep = 0;
    int64_t tokens = 0;
    int64_t next = 0;  // block to hand to the thread: downwards when writing, upwards when reading
    int64_t end = 0;   // where that stops
    int64_t in_flight = 0;
    int64_t tokens_valid = 0;
    ParkState state = ParkState::kWriting;
    bool dropped = false;
    Status status;
  };

  void run();
  Done perform(const Job& job, std::vector<std::byte>& staging);
  const Parked& find(ParkId id) const;
  bool issue(ParkId id, Parked& parked);
  void land(const Done& done);
  bool settle(ParkId id, Parked& parked);
  void forget(ParkId id);
  void fail_write(Parked& parked, const Status& status);
  void report(const Status& status);
  void measure(const Done& done);

  BlockPool* pool_;
  std::unique_ptr<Tier> tier_;
  Clock* clock_;
  std::vector<TierSlot> free_slots_;
  std::map<ParkId, Parked> parked_;
  std::deque<ParkId> waiting_;  // with blocks to hand to the thread, oldest first
  ParkId last_id_ = 0;
  Instant refuse_until_{};
  Status last_error_;
  bool error_logged_ = false;
  SwapStats stats_;
  SpscRing<Job> jobs_{kJobsMax};
  SpscRing<Done> done_{kJobsMax};
  Event landed_{Event::Reset::kAutomatic};
  const std::function<void()> wake_;
  std::thread thread_;
};

}  // namespace llmos
