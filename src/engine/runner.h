// SPDX-License-Identifier: Apache-2.0
// Runner: computes a step on this thread (depth 0), or on one of its own while this one plans the
// next (depth 1).
#pragma once

#include <optional>
#include <span>
#include <thread>

#include "engine/executor.h"
#include "sync/event.h"

namespace llmos::engine {

// Threads  one, the engine's. start() and finish() alternate.
class Runner {
 public:
  Runner(Executor& executor, const BlockPool& cache, bool overlap);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // The batch's arrays stay as they are until finish().
  void start(const Batch& batch);
  // Waits. The logits are valid until the next start(). What the executor throws is kInternal.
  Result<std::span<const float>> finish();

 private:
  void run() noexcept;

  Executor& executor_;
  const BlockPool& cache_;
  Batch batch_;
  std::optional<Result<std::span<const float>>> result_;
  Event started_{Event::Reset::kAutomatic}, finished_{Event::Reset::kAutomatic};
  std::optional<std::jthread> thread_;  // of depth 1
};

}  // namespace llmos::engine
