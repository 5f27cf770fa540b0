// SPDX-License-Identifier: Apache-2.0
// TaskArena: parallel loops over coarse work (loading, quantising, hashing), balanced by stealing.
// For kernels, whose shares are equal and short, use WorkerPool.
#pragma once

#include <cstddef>
#include <memory>

#include "sync/function_ref.h"

namespace llmos {

// A oneTBB arena: oneTBB's workers are shared by the whole process, an arena bounds how many of
// them work for it at once. Threads     every call from any thread, also from inside a loop body
// (nested loops share the bound). Exceptions  the first one that leaves a body cancels what has not
// begun and is rethrown.
class TaskArena {
 public:
  using Body = FunctionRef<void(size_t begin, size_t end)>;

  // At most `threads_max` threads, callers included, work in this arena at a time; 0: one per CPU.
  explicit TaskArena(int threads_max = 0);
  ~TaskArena();

  int threads_max() const noexcept;

  // Calls body on disjoint pieces that together are [begin, end), each of `grain` (>= 1) items or
  // fewer but more than half of that where there are as many; returns when all are done.
  void parallel_for(size_t begin, size_t end, size_t grain, Body body);

 private:
  struct Arena;  // keeps oneTBB out of this header
  std::unique_ptr<Arena> arena_;
};

}  // namespace llmos
