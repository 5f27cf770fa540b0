// SPDX-License-Identifier: Apache-2.0
// The GPU under test: the emulated one, or, with LLMOS_TEST_ON_GPU, the machine's. Tests are the
// same for both: memory from GpuVector is read by host and device at one address (on a real GPU it
// is pinned host memory), and run() returns when the operation has run.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <new>
#include <string>
#include <vector>

#include "kernels/cuda/cuda.h"
#include "kernels/tensors.h"
#ifndef LLMOS_TEST_ON_GPU
  #include "kernels/cuda/emu/order.h"
#endif

namespace llmos::test {

#ifdef LLMOS_TEST_ON_GPU
void* gpu_allocate(size_t bytes);
void gpu_free(void* p) noexcept;
void gpu_finish();  // waits; a failed test when the device reports an error
inline const kernels::KernelTable& gpu() { return kernels::cuda_table(); }
inline const kernels::CudaOps& gpu_ops() { return kernels::cuda_ops(); }
#else
inline void* gpu_allocate(size_t bytes) { return ::operator new (bytes, std::align_val_t{64}); }
inline void gpu_free(void* p) noexcept { ::operator delete (p, std::align_val_t{64}); }
inline void gpu_finish() {}
inline const kernels::KernelTable& gpu() { return kernels::cuda_emu_table(); }
inline const kernels::CudaOps& gpu_ops() { return kernels::cuda_emu_ops(); }
#endif

template <class T>
struct GpuAllocator {
  using value_type = T;
  GpuAllocator() = default;
  template <class U>
  GpuAllocator(const GpuAllocator<U>&) {}
  T* allocate(size_t count) { return static_cast<T*>(gpu_allocate(count * sizeof(T))); }
  void deallocate(T* p, size_t) noexcept { gpu_free(p); }
  bool operator==(const GpuAllocator&) const { return true; }
};
template <class T>
using GpuVector = std::vector<T, GpuAllocator<T>>;

template <class T>
GpuVector<T> on_gpu(const std::vector<T>& host) {
  return {host.begin(), host.end()};
}
template <class T>
std::vector<T> on_host(const GpuVector<T>& gpu) {
  return {gpu.begin(), gpu.end()};
}

inline GpuVector<float> gpu_floats(Rng& rng, size_t count, float size = 1) {
  return on_gpu(random_floats(rng, count, size));
}

// Runs the operation on the GPU.
template <class Params>
void run(kernels::Kernel<Params> op, const std::type_identity_t<Params>& params,
         const kernels::CudaLaunch& how = {}) {
  kernels::CudaLaunch launch = how;
  op(params, {.stream = &launch});
  gpu_finish();
}

// Calls test() in several orders of the emulator's fibers; once on a real GPU.
template <class Test>
void in_orders(Test test) {
#ifdef LLMOS_TEST_ON_GPU
  test();
#else
  for (const uint64_t seed : {0, 1, 2}) {
    SCOPED_TRACE("order " + std::to_string(seed));
    const OrderScope scope(seed);
    test();
    EXPECT_EQ(scope.fault(), "");
  }
#endif
}

// A matrix whose bytes the GPU can read.
struct GpuMatrix {
  GpuVector<std::byte> bytes;
  kernels::Matrix matrix;

  GpuMatrix(Rng& rng, DType dtype, int64_t rows, int64_t columns, int64_t matrices = 1) {
    Weights weights(rng, dtype, rows, columns, matrices);
    bytes = on_gpu(weights.bytes);
    matrix = weights.matrix;
    matrix.data = bytes.data();
  }
};

inline std::vector<DType> gpu_weight_dtypes() {
  return {DType::kF32, DType::kF16, DType::kBF16, DType::kF8E4M3, DType::kQ8_0, DType::kQ4_0};
}

// The activations of a row of cells: bf16.
inline std::vector<float> cell_floats(const GpuVector<std::byte>& cells, int64_t rows,
                                      int64_t columns) {
  std::vector<float> values;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      uint16_t bits = 0;
      std::memcpy(&bits, cells.data() + size_t(r) * kernels::quantized_row_bytes(columns) + c * 2,
                  2);
      values.push_back(bf16_to_f32(bits));
    }
  }
  return values;
}
inline GpuVector<std::byte> new_cells(int64_t rows, int64_t columns) {
  return GpuVector<std::byte>(size_t(rows) * kernels::quantized_row_bytes(columns));
}

// Half a unit in the last place of bf16, and a little.
inline constexpr double kBf16Rounding = 0x1p-8;

}  // namespace llmos::test
