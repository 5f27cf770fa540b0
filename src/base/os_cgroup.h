// SPDX-License-Identifier: Apache-2.0
// Limits that a container puts on this process, from the kernel's control groups, versions 1 and 2.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace llmos::os {

inline constexpr double kNoCpuQuota = std::numeric_limits<double>::infinity();
inline constexpr uint64_t kNoMemoryLimit = std::numeric_limits<uint64_t>::max();

// `root` is put before every path that is read: "" for this machine; tests have trees of their own.
// The groups must be mounted where every distribution mounts them, below /sys/fs/cgroup.

// Directories that may hold limits of `controller` ("cpu", "memory") on this process: its group and
// all above it, which bind it alike. In a container the group's name may mean nothing inside; then
// the mount itself, which is in the list, is the group.
std::vector<std::string> cgroup_directories(const std::string& root, std::string_view controller);

// CPUs' worth of time per period, the least of all groups; kNoCpuQuota without one.
double cgroup_cpu_quota(const std::string& root);

// Bytes, the least of all groups; kNoMemoryLimit without one.
uint64_t cgroup_memory_limit(const std::string& root);

}  // namespace llmos::os
