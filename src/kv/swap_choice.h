// SPDX-License-Identifier: Apache-2.0
// Swap or recompute: what brings a preempted sequence back sooner. Plain numbers in, a plain answer
// out; the scheduler's simulator asks the same function as the engine.
#pragma once

#include <cstdint>

namespace llmos {

// Of a victim.
struct SwapVictim {
  int64_t tokens = 0;         // in its table
  int64_t tokens_cached = 0;  // of these, the beginning that the prefix tree will still have
  uint64_t bytes = 0;         // of the blocks behind that: what would be moved
};

// As measured; see Swapper::stats() and the engine's cost model.
struct SwapRates {
  double out_bytes_per_s = 0;  // 0: unknown
  double in_bytes_per_s = 0;
  double bytes_waiting = 0;  // already on their way, to be moved first
  double prefill_s = 0;      // of a step, whatever is in it
  double prefill_s_per_token = 0;
  double prefill_s_per_token_pair = 0;  // attention: a token and one before it
  // Share of the transfer's time that compute cannot use meanwhile: 0 for a link of its own, 1
  // when the engine waits for it.
  double exposed = 1;
};

enum class SwapChoice : uint8_t { kSwap, kRecompute };

struct SwapEstimate {
  SwapChoice choice = SwapChoice::kRecompute;
  double swap_s = 0;       // out and in, waiting included, as far as it is exposed
  double recompute_s = 0;  // of the tokens that are not cached
};

// Recompute when a rate is unknown, or the tier cannot take the sequence (`tier_ready`).
SwapEstimate choose_swap(const SwapVictim& victim, const SwapRates& rates, bool tier_ready);

}  // namespace llmos
