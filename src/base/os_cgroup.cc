// SPDX-License-Identifier: Apache-2.0
#include "base/os_cgroup.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/os_file.h"

namespace llmos::os {

namespace {

constexpr size_t kCgroupFileBytesMax = 64 << 10;  // a line per controller

// Takes the part of `text` before `separator` away, and the separator.
std::string_view take(std::string_view& text, char separator) {
  const std::string_view part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

bool lists(std::string_view controllers, std::string_view controller) {
  while (!controllers.empty()) {
    if (take(controllers, ',') == controller) return true;
  }
  return false;
}

void add_with_parents(std::vector<std::string>& directories, const std::string& mount,
                      std::string_view group) {
  if (group.find("..") != group.npos) group = {};  // outside of our namespace
  while (group.size() > 1 && group.starts_with('/')) {
    directories.push_back(mount + std::string(group));
    group = group.substr(0, group.rfind('/'));
  }
  directories.push_back(mount);
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end != text.data() ? std::optional(value) : std::nullopt;
}

std::optional<int64_t> number_in(const std::string& path) {
  const Result<std::string> text = read_file(path, kCgroupFileBytesMax);
  return text.ok() ? number(*text) : std::nullopt;
}

double quota_in(const std::string& directory) {
  std::optional<int64_t> quota, period;
  // Version 2: "max 100000" or "150000 100000"; version 1: two files, -1 for none.
  if (const auto text = read_file(directory + "/cpu.max", kCgroupFileBytesMax); text.ok()) {
    std::string_view rest = *text;
    quota = number(take(rest, ' '));
    period = number(rest);
  } else {
    quota = number_in(directory + "/cpu.cfs_quota_us");
    period = number_in(directory + "/cpu.cfs_period_us");
  }
  const bool limited = quota && period && *quota > 0 && *period > 0;
  return limited ? double(*quota) / double(*period) : kNoCpuQuota;
}

uint64_t memory_limit_in(const std::string& directory) {
  auto limit = number_in(directory + "/memory.max");
  if (!limit) limit = number_in(directory + "/memory.limit_in_bytes");
  return limit && *limit > 0 ? uint64_t(*limit) : kNoMemoryLimit;
}

}  // namespace

std::vector<std::string> cgroup_directories(const std::string& root, std::string_view controller) {
  std::vector<std::string> directories;
  const std::string mount = root + "/sys/fs/cgroup";
  const auto file = read_file(root + "/proc/self/cgroup", kCgroupFileBytesMax);
  // Lines are "4:cpu,cpuacct:/group" for version 1 and "0::/group" for version 2.
  for (std::string_view rest = file.ok() ? std::string_view(*file) : ""; !rest.empty();) {
    std::string_view group = take(rest, '\n');
    take(group, ':');
    const std::string_view controllers = take(group, ':');
    if (controllers.empty()) {
      add_with_parents(directories, mount, group);
      add_with_parents(directories, mount + "/unified", group);  // beside version 1
    } else if (lists(controllers, controller)) {
      add_with_parents(directories, mount + "/" + std::string(controllers), group);
      add_with_parents(directories, mount + "/" + std::string(controller), group);
    }
  }
  return directories;
}

double cgroup_cpu_quota(const std::string& root) {
  double least = kNoCpuQuota;
  for (const std::string& directory : cgroup_directories(root, "cpu")) {
    least = std::min(least, quota_in(directory));
  }
  return least;
}

uint64_t cgroup_memory_limit(const std::string& root) {
  uint64_t least = kNoMemoryLimit;
  for (const std::string& directory : cgroup_directories(root, "memory")) {
    least = std::min(least, memory_limit_in(directory));
  }
  return least;
}

}  // namespace llmos::os
