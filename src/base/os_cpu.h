// SPDX-License-Identifier: Apache-2.0
// The processors this process may use, and the binding of threads to them.
//
// Read from /sys and the scheduler instead of through hwloc: what we need is a handful of files
// whose format is kernel ABI, and a library for the whole of the machine's tree would be one more
// dependency of everybody who links us.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/status.h"

namespace llmos::os {

// One hardware thread. `core`, `package` and `node` count from 0 over those in use; hardware
// threads of one core share its number.
struct LogicalCpu {
  int id = 0;  // the kernel's number, for pin_this_thread()
  int core = 0;
  int package = 0;
  int node = 0;
  bool operator==(const LogicalCpu&) const = default;
};

struct CpuTopology {
  std::vector<LogicalCpu> cpus;  // those allowed, ids ascending; never empty
  int core_count = 1;
  int package_count = 1;
  int node_count = 1;    // memory nodes
  size_t l1d_bytes = 0;  // of the first CPU's caches, each whole even where it is shared;
  size_t l2_bytes = 0;   // 0: unknown
  size_t l3_bytes = 0;
  double cpu_quota = 0;  // CPUs' worth of time; kNoCpuQuota (os_cgroup.h) without a limit

  // Threads that can run all the time: the CPUs, or the whole part of the quota where that is less;
  // at least 1. Rounded down: a team one thread too large is throttled as a whole at its barrier.
  int usable_cpu_count() const;
};

// The kernel's numbers are below this on every build of it (CONFIG_NR_CPUS is at most 8,192).
inline constexpr int kCpusMax = 8192;

// The CPUs that the calling thread may run on, ascending.
std::vector<int> allowed_cpus();

// Of `allowed`, as the files below `root` describe it ("" for this machine). What is missing is
// taken as one core per CPU, one package, one node and caches unknown: never fails.
CpuTopology read_cpu_topology(const std::string& root, std::span<const int> allowed);

// Of this machine, and of the CPUs allowed to the first caller. Read once.
const CpuTopology& cpu_topology();
inline int usable_cpu_count() { return cpu_topology().usable_cpu_count(); }

// "0-3,8" -> 0 1 2 3 8, ascending without repeats. kCorrupt for anything else.
Result<std::vector<int>> parse_cpu_list(std::string_view text);
std::string cpu_list_text(std::span<const int> cpus);  // the other way; `cpus` ascending

// The thread runs on `cpu` only from now on. kInvalid when that is not one of this process's.
Status pin_thread(pthread_t thread, int cpu);
Status pin_this_thread(int cpu);

// For debuggers and top. The kernel keeps the first 15 bytes.
void name_this_thread(std::string_view name) noexcept;

}  // namespace llmos::os
