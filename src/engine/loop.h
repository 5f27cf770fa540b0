// SPDX-License-Identifier: Apache-2.0
// Loop: the engine's thread around a Core.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "engine/core.h"
#include "sync/event.h"

namespace llmos::engine {

// Threads  drain() from any; the destructor from the owner's.
class Loop {
 public:
  // The mailbox outlives the loop.
  Loop(std::unique_ptr<Core> core, Mailbox& mailbox);
  // Ends what still runs as cancelled, then joins.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Accepts nothing more; true when everything has ended within `timeout`.
  bool drain(std::chrono::nanoseconds timeout);

 private:
  void run();

  std::unique_ptr<Core> core_;
  Mailbox& mailbox_;
  std::atomic<bool> stop_{false};
  Event drained_;
  std::jthread thread_;
};

}  // namespace llmos::engine
