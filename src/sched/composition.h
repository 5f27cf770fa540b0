// SPDX-License-Identifier: Apache-2.0
// Composition: how the scheduler turns a policy's order into steps. Each policy comes with its own
// (policy.h); the default one is what keeps a preemptive order from thrashing.
//
// Waiting bound. With `promote_after` T > 0 nobody waits longer than
//   W = T + ceil(late / places) * turn + link
// late    sequences that are late together: at most those in the system
// places  promoted ones that may be in memory at once: at least 1, `promote_share` of the slots
//         where the largest context allows it (promote_share of the memory / largest context)
// turn    the longest time that a promoted one keeps its place: its prompt in chunks, then
//         max(turn_steps, steps that `turn_swaps` of its own swaps take) steps
// link    the time to write out as much as it needs and to read it back
// seconds follow the measured costs, so W does too. Admission refuses when W exceeds its bound.
//
// Defaults. Chosen on the six mixes of bench/README.md together, one setting for all. A late and
// firm promotion (14 s, then anybody may be pushed out) beats an early and polite one (10 s, 15 s):
// on the prompt-heavy mix .50 instead of .55 of FCFS's mean latency, and the longest wait is
// shorter too, because fewer large contexts are moved.
#pragma once

#include <cstdint>

namespace llmos::sched {

// Who makes room for a better sequence.
enum class Displacement : uint8_t {
  kNone,      // nobody: it waits until memory is free
  kDirect,    // whoever is worse, least recently run first (the published preemptive policies)
  kBudgeted,  // whoever is a level worse, within the displacement budget (mlfq)
};

struct Composition {
  Displacement displacement{Displacement::kBudgeted};
  // Moves end inside the step that decided them and stall it (published policies), or go through a
  // queue while steps go on.
  bool swap_synchronous{};
  // The copy below stays valid after a swap in, so that only newer tokens are written again.
  bool keeps_copies{true};
  // A victim is dropped and computed again where that costs less engine time than its memory would
  // stand idle while it is copied out and in; else, and always when this is off, it is copied if a
  // lower tier has room.
  bool recomputes{true};
  // A prompt enters only when this step has tokens left for it.
  bool prompt_gate{true};
  // Who ran in the last step counts as one level better.
  bool sticky{true};
  // One virtual counter of served tokens per tenant chooses whose turn it is, levels order inside.
  bool fair{true};
  // Sequences are tried in order until one does not fit, or past it (backfill).
  bool backfill{true};
  // The policy gives keys: lines are kept sorted by them, not in order of arrival.
  bool keyed{};
  // Levels that a resident must be worse by before it can be displaced.
  uint32_t displacement_levels{2};  // one for who just ran, one to be worth a swap
  // Memory kept free on entry, tokens: once, and per resident.
  uint32_t headroom_tokens{};
  uint32_t headroom_per_resident{};
  // Steps of growth that are kept free by letting those leave that are resident and do not run:
  // about as many as it takes to write one out. 0: nobody leaves before it must.
  uint32_t steps_ahead{4};
  // Share of the memory that entries may fill.
  double fill_max{1.0};
  // Seconds unserved until promotion; 0: never. In steps of the default cost model (17 ms), so that
  // it scales with a measured step: see scaled_seconds().
  double promote_after{14};
  // A promoted one unserved for so long may displace anybody, whatever the budget.
  double promote_hard_after{14};
  double promote_share{.25};  // of slots and memory
  uint32_t turn_steps{16};
  double turn_swaps{8};
  // The displacement budget earns this share of engine time, up to `savings` seconds.
  double displacement_share{.01};
  double displacement_savings{.2};
  // While moves are queued, no more are added than a step's share of the link carries.
  bool link_bounded{true};
  // Share of the swap link that is used, and of a step's link time that may be queued.
  double link_share{.8};
};

}  // namespace llmos::sched
