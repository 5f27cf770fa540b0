// SPDX-License-Identifier: Apache-2.0
// ComputeStream: operations in program order, executed together.
//
//   stream.launch(table.norm, norm_params);
//   stream.launch(table.matmul, queries);
//   stream.launch_beside(table.matmul, keys);   // does not need `queries`: no barrier between
//   stream.finish();                            // all have run, their results are visible
//
// The CPU's stream records launches, with copies of their parameters, and runs the whole list in
// one run of the team: between dependent launches it costs one barrier, not one awakening.
//
// Owner    the device's team runs one stream at a time.
// Threads  one at a time.
// Memory   the list is made once, for kCapacity launches; a list that is full is run at once and
//          begun again, so launching never allocates and never fails.
// Pointers in parameters must stay valid until finish() returns; so must what they point to.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <type_traits>

#include "kernels/kernels.h"
#include "sync/worker_pool.h"

namespace llmos {

class ComputeStream {
 public:
  // A layer is about 20 launches; 4,096 hold a step of 200 layers. At 320 bytes each, 1.3 MB.
  static constexpr size_t kCapacity = 4096;
  // Attention's parameters are the largest, 216 bytes; checked at compile time.
  static constexpr size_t kParamsBytesMax = 256;

  // Without a pool the calling thread is the team.
  explicit ComputeStream(WorkerPool* pool = nullptr, size_t capacity = kCapacity);

  // Runs after everything launched before it.
  template <class Params>
  void launch(kernels::Kernel<Params> kernel, const std::type_identity_t<Params>& params) {
    record(kernel, params, /*after_barrier=*/true);
  }
  // Runs beside the launch before it, after everything that that one runs after: they must not
  // touch each other's outputs.
  template <class Params>
  void launch_beside(kernels::Kernel<Params> kernel, const std::type_identity_t<Params>& params) {
    record(kernel, params, /*after_barrier=*/false);
  }

  // Returns when everything launched has run. Cheap when nothing was.
  void finish();

  size_t pending() const noexcept { return count_; }
  int team_size() const noexcept { return pool_ ? pool_->size() : 1; }

 private:
  struct Entry {
    void (*call)(const Entry&, const kernels::Launch&);
    void (*kernel)();  // its type is known to `call`
    bool after_barrier;
    alignas(std::max_align_t) std::byte params[kParamsBytesMax];
  };

  template <class Params>
  void record(kernels::Kernel<Params> kernel, const Params& params, bool after_barrier) {
    static_assert(std::is_trivially_copyable_v<Params>, "parameters are copied as bytes");
    static_assert(sizeof(Params) <= kParamsBytesMax, "raise kParamsBytesMax");
    Entry& entry = next(after_barrier);
    entry.kernel = reinterpret_cast<void (*)()>(kernel);
    entry.call = [](const Entry& self, const kernels::Launch& launch) {
      reinterpret_cast<kernels::Kernel<Params>>(self.kernel)(
          *reinterpret_cast<const Params*>(self.params), launch);
    };
    std::memcpy(entry.params, &params, sizeof params);
  }
  Entry& next(bool after_barrier);
  void run_member(int rank, int size);

  WorkerPool* pool_;
  const size_t capacity_;
  std::unique_ptr<Entry[]> entries_;
  size_t count_ = 0;
};

}  // namespace llmos
