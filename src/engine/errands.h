// SPDX-License-Identifier: Apache-2.0
// Errands: what other threads want done on the engine's thread, between two steps: a look at its
// memory, a pin that goes.
//
// Threads  post(): any. run(), close(): the engine's.
// Failure  An errand that comes too late is never called; post() then answers false. One that was
//          accepted and not run when the engine ends is destroyed.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace llmos::engine {

class Core;

class Errands {
 public:
  using Errand = std::function<void(Core&)>;

  bool post(Errand errand) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    waiting_.push_back(std::move(errand));
    // Relaxed: it only tells to take the lock, and the event that follows wakes the engine.
    some_.store(true, std::memory_order_relaxed);
    return true;
  }

  // One relaxed load when there is none.
  void run(Core& core) {
    if (!some_.load(std::memory_order_relaxed)) return;
    for (const Errand& errand : take(false)) errand(core);
  }
  void close() { take(true); }

 private:
  std::vector<Errand> take(bool close) {
    const std::lock_guard lock(mutex_);
    some_.store(false, std::memory_order_relaxed);
    closed_ |= close;
    return std::exchange(waiting_, {});
  }

  std::mutex mutex_;
  std::vector<Errand> waiting_;  // guarded, with the next
  bool closed_ = false;
  std::atomic<bool> some_{false};
};

}  // namespace llmos::engine
