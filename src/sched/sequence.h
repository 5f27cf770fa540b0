// SPDX-License-Identifier: Apache-2.0
// Sequence: what the scheduler knows of a request being generated. Plain numbers: tokens, seconds.
//
//                 admit                     swap out                    transferred
//   arrive() -> kWaiting -> kResident  ------------------> kLeaving ------------------> kSwapped
//                   ^          |  ^                                                      |
//                   |   drop   |  | transferred             claim, swap in               |
//                   +----------+  +------------ kEntering <------------------------------+
//
// kWaiting holds nothing on the device (a prefix lent by the cache is counted apart, `shared`).
// Parked is a flag and not a state: a parked sequence keeps its place and is never run or brought
// in; it is the first to leave.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "llmos/extend.h"

namespace llmos::sched {

// A sequence inside one Scheduler: the index of its record. Reused after the end of the sequence.
using SequenceIndex = uint32_t;
inline constexpr SequenceIndex kNoSequence = ~SequenceIndex{0};

enum class Stage : uint8_t {
  kFree,      // the record is not in use
  kWaiting,   // no keys and values anywhere: new, or to be recomputed
  kSwapped,   // on a lower tier
  kEntering,  // memory reserved, being copied in
  kResident,  // in device memory, may run
  kLeaving,   // being copied out; its memory is free when the copy is done
};

// More drafts than anybody verifies in one step, and two steps of them fit into 16 bits.
inline constexpr uint32_t kTokensPerStepMax = 4096;

// What arrive() is told.
struct Arrival {
  uint32_t prompt_tokens{};      // at least 1
  uint32_t cached_tokens{};      // of those, lent by the prefix cache: not computed again
  uint32_t brought_tokens{};     // behind those: it brings their keys and values along, as its own
  uint32_t output_tokens_max{};  // at least 1
  double output_tokens_hint{};   // expected by the caller; 0: none
  int32_t priority{};
  uint32_t tenant{};  // index of the tenant, counted by the caller from 0
  double deadline{std::numeric_limits<double>::infinity()};
  // Tokens that one step may add: 1, more when drafts are verified; at most kTokensPerStepMax.
  uint32_t tokens_per_step{1};
  // True: its next step is planned only after the last one is committed (stop strings, grammars,
  // hooks), also when steps overlap.
  bool needs_results{};
  // Whom it shares its cached prefix with: equal numbers run near each other. 0: nobody.
  uint64_t prefix_group{};
  // Its tenant's quota from now on, where the scheduler counts them: blocks of device memory that
  // the tenant's sequences may take together. 0: no limit.
  uint32_t tenant_blocks_max{};
};

// What a plan reads and writes of each running sequence is in the first cache line: 256 of them are
// 16 KiB, and a plan costs what it takes to pass through those.
struct alignas(64) Sequence {
  Stage stage{Stage::kFree};
  bool parked{};     // its reader has stalled
  bool pinned{};     // never a victim (a suspended copy is being written, say)
  bool ran{};        // part of the last plan
  uint8_t ran_in{};  // scratch: the last plan that it was part of, modulo 256
  bool promoted{};   // has waited too long: keeps its turn for `turn_left` steps
  bool claims{};     // chosen; waits for the memory of its victims
  bool needs_results{};
  bool charged{};  // its prompt is in its tenant's counter
  bool decodes{};  // counted among the residents that decode
  uint16_t tokens_per_step{1};
  uint32_t planned_prompt{};  // planned and not yet committed
  uint32_t planned_output{};
  uint32_t reserved_tokens{};  // device memory counted against the capacity
  SequenceView view;           // what policies see; `id` is the arrival's number
  double waited_since{};       // start of the present wait: arrival, or the end of its last step
  double wait_max{};           // longest of them
  uint32_t turn_left{};
  uint32_t moving_tokens{};  // in the move under way
  uint32_t shared_tokens{};  // of held_tokens: in the cache's memory, not in its own
  uint32_t clean_tokens{};   // of held_tokens: the lower tier has a valid copy
  // While somebody urgent waits for its prompt: no worse than this; and what it was before.
  uint32_t inherited_level{SchedulingRank::kLevels};
  int32_t own_priority{};
  uint32_t preemptions{};
  uint64_t swapped_tokens{};  // moved so far, both ways
  uint64_t recomputed_tokens{};
  uint64_t prefix_group{};
  // Links of the lists that it is on; owned by the Scheduler.
  SequenceIndex line_next{kNoSequence}, line_previous{kNoSequence};
  SequenceIndex wait_next{kNoSequence}, wait_previous{kNoSequence};
};
static_assert(offsetof(Sequence, view) + offsetof(SequenceView, output_tokens_hint) <= 64);

}  // namespace llmos::sched
