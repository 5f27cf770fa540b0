// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include "base/os_cpu.h"
#include "base/os_memory.h"
#include "base/text.h"
#include "kernels/kernel_sets.h"

namespace llmos {
namespace {

Result<const kernels::KernelTable*> choose_kernels(const std::string& name) {
  if (name.empty()) return &kernels::best_kernel_set();
  if (const kernels::KernelTable* table = kernels::find_kernel_set(name)) return table;
  Text text;
  text << "kernel set '" << name << "': expected one that this build has and this CPU can run:";
  for (const kernels::KernelTable* table : kernels::kernel_sets()) text << ' ' << table->name;
  return Status(Code::kInvalid, std::move(text).str());
}

}  // namespace

Result<std::unique_ptr<ComputeDevice>> ComputeDevice::create(const DeviceOptions& options) {
  if (options.kind == Device::kCuda) {
    return Status(Code::kUnsupported, "device: this build computes on the CPU only; ask for cpu");
  }
  Result<const kernels::KernelTable*> table = choose_kernels(options.kernel_set);
  if (!table) return table.status();
  std::unique_ptr<WorkerPool> pool;
  const int threads = options.threads == 0 ? os::usable_cpu_count() : options.threads;
  if (threads != 1) {
    auto made = WorkerPool::create({.members = threads, .cpus = options.cpus});
    if (!made) return made.status();
    pool = *std::move(made);
  }
  const uint64_t bytes_max =
      options.memory_bytes_max == 0 ? os::physical_memory_bytes() : options.memory_bytes_max;
  return std::unique_ptr<ComputeDevice>(new ComputeDevice(**table, std::move(pool), bytes_max));
}

ComputeDevice::ComputeDevice(const kernels::KernelTable& table, std::unique_ptr<WorkerPool> pool,
                             uint64_t bytes_max)
    : table_(&table), pool_(std::move(pool)), budget_(bytes_max), stream_(pool_.get()) {
  const int size = stream_.team_size();
  name_ =
      (Text() << "cpu (" << table.name << ", " << size << (size == 1 ? " thread)" : " threads)"))
          .str();
}

}  // namespace llmos
