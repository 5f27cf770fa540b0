// SPDX-License-Identifier: Apache-2.0
// Communicator: how the ranks of one model meet.
//
// Words    *Ranks* are numbered 0 to size() - 1; each has one Communicator of the same group. A
//          *collective* is a call that every rank makes, with the same sizes, in the same order.
// Threads  One call at a time for each rank; the ranks run side by side.
// Result   The same bits on every rank: sums run in the order of ranks. For one number of ranks
//          they are the same bits in every run.
// Failure  A rank that does not come within the group's timeout, leaves, or calls something else
//          ends the collective on all others with a status that names it, and the group with it:
//          every later call answers the same status. A new group must be made then. What a failed
//          call has written is undefined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "llmos/status.h"

namespace llmos {

// How long a collective waits for the others.
enum class Patience : uint8_t {
  kTimeout,  // the group's: somebody who is computing must come
  kIdle,     // for ever: whoever has nothing to do comes when there is work. All ranks say so
};

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const noexcept = 0;
  virtual int size() const noexcept = 0;

  // data[i] becomes the sum of all ranks' data[i].
  virtual Status all_reduce(std::span<float> data) = 0;
  // all[r * own.size() ...] becomes rank r's `own`; all.size() == size() * own.size().
  virtual Status all_gather(std::span<const std::byte> own, std::span<std::byte> all) = 0;
  // `data` becomes that of rank `root`.
  virtual Status broadcast(std::span<std::byte> data, int root,
                           Patience patience = Patience::kTimeout) = 0;
  // Returns when every rank is here.
  virtual Status barrier() = 0;

  // Ends the group: what the others wait for now, and all later calls, answer `why`. After the
  // first abort() others change nothing. Any thread.
  virtual void abort(const Status& why) noexcept = 0;
};

}  // namespace llmos
