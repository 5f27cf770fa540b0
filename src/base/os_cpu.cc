// SPDX-License-Identifier: Apache-2.0
#include "base/os_cpu.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "base/os_cgroup.h"
#include "base/os_file.h"
#include "base/text.h"

namespace llmos::os {

namespace {

constexpr size_t kSysFileBytesMax = 64 << 10;  // sysfs gives a page, or a list of 8,192 CPUs

// A kernel CPU mask that holds every possible number; cpu_set_t ends at 1,024.
class CpuMask {
 public:
  static constexpr size_t kBytes = CPU_ALLOC_SIZE(kCpusMax);

  CpuMask() { CPU_ZERO_S(kBytes, set()); }
  void add(int cpu) { CPU_SET_S(size_t(cpu), kBytes, set()); }
  bool has(int cpu) const { return CPU_ISSET_S(size_t(cpu), kBytes, set()); }
  cpu_set_t* set() { return words_; }
  const cpu_set_t* set() const { return words_; }

 private:
  cpu_set_t words_[(kBytes + sizeof(cpu_set_t) - 1) / sizeof(cpu_set_t)];
};

// The number a file begins with.
std::optional<uint64_t> number_in(const std::string& path, std::string* rest = nullptr) {
  const Result<std::string> text = read_file(path, kSysFileBytesMax);
  if (!text.ok()) return std::nullopt;
  uint64_t value = 0;
  const char* const last = text->data() + text->size();
  const auto [end, error] = std::from_chars(text->data(), last, value);
  if (error != std::errc()) return std::nullopt;
  if (rest) rest->assign(end, last);
  return value;
}

std::vector<int> cpus_in(const std::string& path) {
  const Result<std::string> text = read_file(path, kSysFileBytesMax);
  if (!text.ok()) return {};
  return parse_cpu_list(*text).value_or({});
}

// Numbers the distinct keys 0, 1, ... in the order of their appearance.
class Numbering {
 public:
  int operator()(int key) { return numbers_.try_emplace(key, int(numbers_.size())).first->second; }
  int count() const { return int(numbers_.size()); }

 private:
  std::map<int, int> numbers_;
};

std::map<int, int> read_nodes(const std::string& root) {
  std::map<int, int> node_of;
  const std::string nodes = root + "/sys/devices/system/node";
  for (const int node : cpus_in(nodes + "/online")) {  // the same notation as CPUs
    for (const int cpu : cpus_in((Text() << nodes << "/node" << node << "/cpulist").str())) {
      node_of[cpu] = node;
    }
  }
  return node_of;
}

// A core is known by its first hardware thread: the kernel's core_id repeats in every package.
int core_key(const std::string& cpu_directory, int cpu) {
  for (const char* file : {"/topology/core_cpus_list", "/topology/thread_siblings_list"}) {
    if (const auto siblings = cpus_in(cpu_directory + file); !siblings.empty()) return siblings[0];
  }
  return cpu;
}

// "48K" of a data or unified cache.
void read_caches(const std::string& cpu_directory, CpuTopology& topology) {
  constexpr int kCachesMax = 16;  // four levels of two kinds, and room
  for (int i = 0; i < kCachesMax; ++i) {
    const std::string cache = (Text() << cpu_directory << "/cache/index" << i).str();
    const Result<std::string> type = read_file(cache + "/type", kSysFileBytesMax);
    if (!type.ok()) return;
    std::string unit;
    const auto level = number_in(cache + "/level");
    const auto size = number_in(cache + "/size", &unit);
    if (!level || !size || type->starts_with("Instruction")) continue;
    const size_t bytes = size_t(*size) << (unit.starts_with("K")   ? 10
                                           : unit.starts_with("M") ? 20
                                                                   : 0);
    if (*level == 1) topology.l1d_bytes = bytes;
    if (*level == 2) topology.l2_bytes = bytes;
    if (*level == 3) topology.l3_bytes = bytes;
  }
}

}  // namespace

int CpuTopology::usable_cpu_count() const {
  const int count = int(cpus.size());
  return cpu_quota < count ? std::max(1, int(cpu_quota)) : std::max(1, count);
}

std::vector<int> allowed_cpus() {
  CpuMask mask;
  std::vector<int> cpus;
  if (sched_getaffinity(0, CpuMask::kBytes, mask.set()) == 0) {
    for (int cpu = 0; cpu < kCpusMax; ++cpu) {
      if (mask.has(cpu)) cpus.push_back(cpu);
    }
  }
  return cpus.empty() ? std::vector<int>{0} : cpus;
}

CpuTopology read_cpu_topology(const std::string& root, std::span<const int> allowed) {
  CpuTopology topology;
  Numbering cores, packages, nodes;
  const std::map<int, int> node_of = read_nodes(root);
  std::vector<int> ids(allowed.begin(), allowed.end());
  std::sort(ids.begin(), ids.end());
  if (ids.empty()) ids.push_back(0);
  for (const int id : ids) {
    const std::string directory = (Text() << root << "/sys/devices/system/cpu/cpu" << id).str();
    const auto package = number_in(directory + "/topology/physical_package_id");
    const auto node = node_of.find(id);
    topology.cpus.push_back({.id = id,
                             .core = cores(core_key(directory, id)),
                             .package = packages(package ? int(*package) : 0),
                             .node = nodes(node == node_of.end() ? 0 : node->second)});
  }
  topology.core_count = cores.count();
  topology.package_count = packages.count();
  topology.node_count = nodes.count();
  read_caches((Text() << root << "/sys/devices/system/cpu/cpu" << ids[0]).str(), topology);
  topology.cpu_quota = cgroup_cpu_quota(root);
  return topology;
}

const CpuTopology& cpu_topology() {
  static const CpuTopology topology = read_cpu_topology("", allowed_cpus());
  return topology;
}

Result<std::vector<int>> parse_cpu_list(std::string_view text) {
  const auto malformed = [&] {
    return Status(Code::kCorrupt, (Text() << "expected a CPU list like 0-3,8 with numbers below "
                                          << kCpusMax << ", found '" << text.substr(0, 64) << '\'')
                                      .str());
  };
  std::string_view rest = text.substr(0, text.find_last_not_of(" \n\t") + 1);
  const auto take_number = [&]() -> int {
    int value = -1;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc() || value < 0 || value >= kCpusMax) return -1;
    rest.remove_prefix(size_t(end - rest.data()));
    return value;
  };
  CpuMask mask;
  while (!rest.empty()) {
    const int first = take_number();
    int last = first;
    if (rest.starts_with('-')) {
      rest.remove_prefix(1);
      last = take_number();
    }
    if (first < 0 || last < first) return malformed();
    for (int cpu = first; cpu <= last; ++cpu) mask.add(cpu);
    if (rest.empty()) break;
    if (!rest.starts_with(',') || rest.size() == 1) return malformed();
    rest.remove_prefix(1);
  }
  std::vector<int> cpus;
  for (int cpu = 0; cpu < kCpusMax; ++cpu) {
    if (mask.has(cpu)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string cpu_list_text(std::span<const int> cpus) {
  Text text;
  for (size_t i = 0; i < cpus.size();) {
    size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    text << (i > 0 ? "," : "") << cpus[i];
    if (last > i) text << '-' << cpus[last];
    i = last + 1;
  }
  return text.str();
}

Status pin_thread(pthread_t thread, int cpu) {
  int error = EINVAL;
  if (cpu >= 0 && cpu < kCpusMax) {
    CpuMask mask;
    mask.add(cpu);
    error = pthread_setaffinity_np(thread, CpuMask::kBytes, mask.set());
    if (error == 0) return Status();
  }
  Text message;
  message << "pin thread to CPU " << cpu << ": ";
  if (error != EINVAL) return Status(Code::kDenied, (message << errno_text(error)).str());
  return Status(Code::kInvalid, (message << "expected one of the CPUs of this process (now "
                                         << cpu_list_text(allowed_cpus()) << ')')
                                    .str());
}

Status pin_this_thread(int cpu) { return pin_thread(pthread_self(), cpu); }

void name_this_thread(std::string_view name) noexcept {
  constexpr size_t kNameBytesMax = 15;
  char text[kNameBytesMax + 1] = {};
  name.copy(text, kNameBytesMax);
  pthread_setname_np(pthread_self(), text);
}

}  // namespace llmos::os
