// SPDX-License-Identifier: Apache-2.0
// Sums and maxima over a warp and a block, in a fixed order: every thread gets the same bits.
#pragma once

#include "kernels/cuda/common/cuda.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

__device__ inline float warp_sum(float v) {
  for (int m = 16; m > 0; m >>= 1) v += __shfl_xor_sync(~0u, v, m);
  return v;
}
__device__ inline float warp_max(float v) {
  for (int m = 16; m > 0; m >>= 1) v = fmaxf(v, __shfl_xor_sync(~0u, v, m));
  return v;
}

// Over a block of Threads; `scratch` has Threads / 32 floats of shared memory. All threads call it,
// and may reuse the scratch after their next barrier.
template <int Threads>
__device__ inline float block_sum(float v, float* scratch) {
  v = warp_sum(v);
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x / kWarp] = v;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < Threads / kWarp; ++i) sum += scratch[i];
  return sum;
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
