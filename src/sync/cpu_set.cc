// SPDX-License-Identifier: Apache-2.0
#include "sync/cpu_set.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

namespace llmos::detail {

int usable_cpu_count() noexcept {
  cpu_set_t cpus;
  // Fails only on machines with more than CPU_SETSIZE (1024) CPUs.
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0)
    return std::max(1, int(std::thread::hardware_concurrency()));
  return std::max(1, CPU_COUNT(&cpus));
}

bool pin(std::thread& thread, int cpu) noexcept {
  if (cpu < 0 || cpu >= CPU_SETSIZE) return false;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  return pthread_setaffinity_np(thread.native_handle(), sizeof cpus, &cpus) == 0;
}

}  // namespace llmos::detail
