// SPDX-License-Identifier: Apache-2.0
// ComputeDevice: where a model is computed. It brings together a kernel set, a team of threads and
// memory under a cap; `model` and `kv` know nothing else of the machine.
//
//   auto device = ComputeDevice::create({.threads = 4}).value();
//   Buffer workspace = device->allocate(bytes).value();
//   device->stream().launch(device->kernels().norm, params);
//   device->stream().finish();
//
// Owner    the engine (or a tool). Outlives its buffers.
// Threads  allocate() and the byte counts: any. The stream: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/buffer.h"
#include "device/compute_stream.h"
#include "kernels/kernels.h"
#include "llmos/status.h"
#include "llmos/types.h"
#include "sync/worker_pool.h"

namespace llmos {

struct DeviceOptions {
  Device kind = Device::kAuto;
  int threads = 0;                // members of the team; 0: one per CPU that this process may use
  std::vector<int> cpus{};        // where to pin them, as in WorkerPoolOptions
  std::string kernel_set{};       // a set's name; empty: the best that this CPU can run
  uint64_t memory_bytes_max = 0;  // of all buffers; 0: the memory of the machine or the cgroup
};

class ComputeDevice {
 public:
  // kInvalid: options out of range, or a kernel set that is unknown here; kUnsupported: a kind that
  // this build or machine does not have; kExhausted, kDenied: as WorkerPool::create.
  static Result<std::unique_ptr<ComputeDevice>> create(const DeviceOptions& options = {});
  ComputeDevice(const ComputeDevice&) = delete;
  ComputeDevice& operator=(const ComputeDevice&) = delete;

  Device kind() const noexcept { return Device::kCpu; }
  // "cpu (avx2, 4 threads)".
  const std::string& name() const noexcept { return name_; }
  int threads() const noexcept { return stream_.team_size(); }
  const kernels::KernelTable& kernels() const noexcept { return *table_; }

  ComputeStream& stream() noexcept { return stream_; }

  // Zeroed. kExhausted when the cap or the system refuses.
  Result<Buffer> allocate(size_t bytes) { return Buffer::create(budget_, bytes); }
  uint64_t bytes_used() const noexcept { return budget_.used(); }
  uint64_t bytes_max() const noexcept { return budget_.max(); }
  uint64_t bytes_available() const noexcept { return budget_.max() - budget_.used(); }

 private:
  ComputeDevice(const kernels::KernelTable& table, std::unique_ptr<WorkerPool> pool,
                uint64_t bytes_max);

  const kernels::KernelTable* table_;
  std::unique_ptr<WorkerPool> pool_;  // null: a team of one
  ByteBudget budget_;
  ComputeStream stream_;
  std::string name_;
};

}  // namespace llmos
