// SPDX-License-Identifier: Apache-2.0
// LiveRequest and LiveSequence: what the engine's thread keeps of a request until it has ended and
// no step in flight refers to it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/work.h"
#include "kv/block_table.h"
#include "kv/prefix_tree.h"
#include "kv/swapper.h"
#include "sched/sequence.h"

namespace llmos::engine {

struct LiveRequest;

// Where a sequence's keys and values are; the moves are in tier_use.h.
enum class Away : uint8_t {
  kHere,       // in its table, as far as it has any
  kGoing,      // chosen to leave; in its table until no step is in flight
  kLeaving,    // being written to the tier
  kAway,       // all in the tier
  kWanted,     // chosen to come back; waits for blocks
  kReturning,  // being read
};

// One choice. Invariants while it is not over:
//   (1) table.tokens() == tokens with keys and values, those of steps in flight included
//   (2) table.tokens() <= tokens.size() + in_flight * (1 + drafts of a step)
struct LiveSequence {
  LiveSequence(LiveRequest& owner, uint32_t number, BlockPool& pool, int64_t tokens_max)
      : request(&owner), choice(number), table(pool, tokens_max) {}

  LiveRequest* request;
  uint32_t choice;
  sched::SequenceIndex index = sched::kNoSequence;  // kNoSequence: not in the scheduler
  std::vector<TokenId> tokens;                      // prompt and answer
  BlockTable table;
  PrefixLease lease;  // of the cached blocks in the table
  Away away = Away::kHere;
  ParkId park = 0;             // from kLeaving to kReturning: its name at the swapper
  int64_t moving_tokens = 0;   // in the move under way: written or read
  uint64_t bytes_swapped = 0;  // both ways
  uint32_t found_again = 0;    // tokens that the cache had kept when it was computed again
  uint32_t in_flight = 0;      // steps
  bool over = false;           // its end was told; what steps in flight bring is dropped
  Finish finish{};             // then: how it ended
  bool parked = false;         // its reader has stalled
  bool queued = true;          // never part of a step yet
  double parked_since = 0;     // seconds
  double last_token = 0;       // seconds
  double blocks_since = 0;     // seconds: up to then kv_block_seconds are counted
  SavedBlocks saved;           // of a resumed one, until they are in the pool
  uint32_t arrived_with = 0;   // tokens of the answer when it came to the scheduler
  uint32_t faults = 0;         // steps that failed with it alone
  TokenId pending = kNoToken;  // drawn, and not committed yet
  uint32_t preemptions = 0;    // of earlier stays in the scheduler
  uint32_t recomputed = 0;

  uint32_t answer_tokens() const;
};

struct LiveRequest {
  std::unique_ptr<Work> work;
  std::vector<std::unique_ptr<LiveSequence>> sequences;
  uint32_t open = 0;  // choices that are not over
  uint32_t tenant = 0;
  Usage usage;
  Status status;
  std::vector<PositionScore> prompt_scores;
  std::vector<float> embedding;
  bool suspending = false;  // it is to be taken out: planned no more
  std::shared_ptr<SuspendedRequest> suspended;
  uint32_t pooled = 0;      // tokens that are in the embedding
  double submitted = 0;     // seconds
  double first_step = -1;   // seconds; -1: none yet
  double first_token = -1;  // seconds; -1: none yet
};

inline uint32_t LiveSequence::answer_tokens() const {
  return uint32_t(tokens.size() - request->work->prompt.size());
}

}  // namespace llmos::engine
