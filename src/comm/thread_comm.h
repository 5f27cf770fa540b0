// SPDX-License-Identifier: Apache-2.0
// Ranks that are threads of one process and meet in its memory.
//
//   auto ranks = make_thread_ranks({.ranks = 2}).value();
//   std::thread other([&] { ranks[1]->barrier(); });
//   Status status = ranks[0]->all_reduce(partial);
//
// How      Each rank has two slots. In a *round* it copies its part into one of them, arrives,
//          waits for the others, and reads theirs. A rank that has come to round k has read
//          everything of round k - 2, so two slots need one wait a round. Larger arrays go in
//          several rounds.
// Memory   Slots belong to the group, not to a call: a rank that gives up takes nothing away from
//          one that still reads. Their pages are first touched by their own rank, so they lie on
//          its NUMA node.
// Waiting  Spins, then parks (arrival.h): ranks without a core of their own burn none.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "comm/communicator.h"

namespace llmos {

struct ThreadRanksOptions {
  // 1 to kThreadRanksMax.
  int ranks = 2;
  // Threads of each rank: with more than there are CPUs in all, ranks park at once.
  int threads_each = 1;
  // How long a rank may be missing. Between two collectives of a model lies half a layer of one
  // step: milliseconds, or seconds where the weights come from a disk.
  std::chrono::milliseconds timeout{30'000};
};

// More than a machine has NUMA nodes or a model key heads.
inline constexpr int kThreadRanksMax = 64;

// One communicator for each rank, in order; each outlives the others' calls by itself. Destroying
// one during a collective of the others ends it there with "rank r has left".
// Failure: kInvalid; kExhausted when there is no memory for the slots. Calls answer kDeadline for a
// rank that is missing, kCancelled for one that left, kInvalid for sizes that do not fit together.
Result<std::vector<std::unique_ptr<Communicator>>> make_thread_ranks(
    const ThreadRanksOptions& options);

}  // namespace llmos
