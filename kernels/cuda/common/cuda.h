// SPDX-License-Identifier: Apache-2.0
// What a kernel file includes first: the words of CUDA, from nvcc or, for a host compiler, from the
// emulator. Beyond CUDA's own words:
//
//   LLMOS_SHARED(T, name, count)          a static array in shared memory
//   LLMOS_DYNAMIC_SHARED(T, name)         the dynamic one, aligned to 16 bytes
//   LLMOS_BARRIER(id, threads)            a named barrier of part of the block
//   LAUNCH(kernel, grid, block, smem, stream, args...)
//   LLMOS_UNROLL, LLMOS_UNROLL_BY(count)  before a loop: all of it, or so many turns at a time
//   LLMOS_CUDA_SPACE                      the namespace: both builds may be in one program
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __CUDACC__
  #include <cuda_bf16.h>
  #include <cuda_fp16.h>
  #include <cuda_fp8.h>
  #include <cuda_runtime.h>

  #define LLMOS_CUDA_SPACE cuda
  #define LLMOS_PRAGMA(text) _Pragma(#text)
  #define LLMOS_UNROLL _Pragma("unroll")
  #define LLMOS_UNROLL_BY(count) LLMOS_PRAGMA(unroll count)
  #define LLMOS_BARRIER(id, threads) \
    asm volatile("bar.sync %0, %1;" ::"r"(unsigned(id)), "r"(unsigned(threads)) : "memory")
  #define LLMOS_SHARED(T, name, count) __shared__ __align__(16) T name[count]
  #define LLMOS_DYNAMIC_SHARED(T, name)                    \
    extern __shared__ __align__(16) char llmos_dynamic_[]; \
    T* const name = reinterpret_cast<T*>(llmos_dynamic_)
  #define LAUNCH(kernel, grid, block, smem, stream, ...) \
    kernel<<<grid, block, smem, (cudaStream_t)(stream)>>>(__VA_ARGS__)
#else
  #include "kernels/cuda/emu/words.h"
  #ifndef LLMOS_CUDA_SPACE  // a test may compile a changed copy of a kernel
    #define LLMOS_CUDA_SPACE cuda_emu
  #endif
  #define LLMOS_UNROLL
  #define LLMOS_UNROLL_BY(count)
#endif

namespace llmos::kernels::LLMOS_CUDA_SPACE {
using namespace ::llmos::kernels;

inline constexpr int kWarp = 32;

// Ceiling of a / b, for grids.
__host__ __device__ constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
__host__ __device__ constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
__host__ __device__ constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
