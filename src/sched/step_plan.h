// SPDX-License-Identifier: Apache-2.0
// StepPlan: what one step of the engine does, and Resources, what it may use.
#pragma once

#include <cstdint>
#include <span>

#include "sched/sequence.h"

namespace llmos::sched {

// What the engine has at this moment. Tokens are the unit of memory.
struct Resources {
  // Device memory for the sequences' own keys and values: all of it, less what the prefix cache
  // holds and cannot give up.
  uint32_t kv_tokens{};
  // Free room on the tiers below; 0: there is none, and victims are recomputed.
  uint64_t swap_tokens_free{};
  // 0: as the costs say.
  uint32_t slots{};
  uint32_t tokens_per_step{};
  // Stays free when somebody enters beside others: for the growth of those who are here.
  uint32_t headroom_tokens{};
  // What each that enters may waste beside its own tokens: of the last block.
  uint32_t entry_waste{};
};

struct PlannedPrompt {
  SequenceIndex sequence{};
  uint32_t tokens{};  // the next so many of its prompt_left
  bool last{};        // ends the prompt: the step puts out the first token
};

enum class MoveKind : uint8_t {
  kOut,   // copy the tokens without a valid copy below, then free: answer with transferred()
  kIn,    // copy back: answer with transferred()
  kDrop,  // free now; the sequence is computed again later
};

struct Move {
  SequenceIndex sequence{};
  MoveKind kind{};
  // To copy; to free, for kDrop. kOut with 0 tokens (a valid copy exists) and every move of a
  // synchronous composition are done as soon as they are started: no answer is expected.
  uint32_t tokens{};
};

// Valid until the next call of plan(). Everybody in it appears in one of the first two lists at
// most. The order of `moves` is the order in which they should be done.
struct StepPlan {
  std::span<const PlannedPrompt> prompts;
  std::span<const SequenceIndex> decodes;
  std::span<const Move> moves;
  uint32_t prompt_tokens{};   // sum over prompts
  uint64_t context_tokens{};  // attended to by all
  // Nobody can run: look again after so long, or when a transfer or an arrival comes. Infinite when
  // only an arrival can change that.
  double idle_seconds{};
  // Holds all of the memory alone and cannot grow: end it, nothing else helps. kNoSequence: none.
  SequenceIndex overflow{kNoSequence};
  // A hash of this and all plans before it: two runs with the same digest decided the same.
  uint64_t digest{};

  bool runs() const { return !prompts.empty() || !decodes.empty(); }
};

}  // namespace llmos::sched
