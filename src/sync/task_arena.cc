// SPDX-License-Identifier: Apache-2.0
#include "sync/task_arena.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "base/check.h"
#include "base/os_cpu.h"

namespace llmos {

struct TaskArena::Arena {
  int threads_max;
  tbb::task_arena arena{threads_max};
};

TaskArena::TaskArena(int threads_max) {
  LLMOS_CHECK(threads_max >= 0) << "expected 0 or more threads, found " << threads_max;
  arena_.reset(new Arena{threads_max == 0 ? os::usable_cpu_count() : threads_max});
}

TaskArena::~TaskArena() = default;

int TaskArena::threads_max() const noexcept { return arena_->threads_max; }

void TaskArena::parallel_for(size_t begin, size_t end, size_t grain, Body body) {
  LLMOS_CHECK(begin <= end && grain >= 1)
      << "range " << begin << " to " << end << ", grain " << grain;
  arena_->arena.execute([&] {
    // The simple partitioner splits down to the grain and no further: the caller chose it.
    tbb::parallel_for(
        tbb::blocked_range<size_t>(begin, end, grain),
        [&](const tbb::blocked_range<size_t>& piece) { body(piece.begin(), piece.end()); },
        tbb::simple_partitioner());
  });
}

}  // namespace llmos
