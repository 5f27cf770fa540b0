// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/rope.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

template <DType Type>
void launch_write(const KvWriteParams& p, const CudaLaunch& launch) {
  const dim3 grid(unsigned(ceil_div(p.tokens * p.cache.kv_heads, kRopeThreads / kWarp)));
  LAUNCH(kv_write_heads<Type>, grid, kRopeThreads, 0, launch.stream, p);
}

}  // namespace

void rope(const RopeParams& p, const CudaLaunch& launch) {
  if (p.tokens == 0) return;
  const dim3 grid(unsigned(ceil_div(p.tokens * p.heads, kRopeThreads / kWarp)));
  LAUNCH(rope_heads, grid, kRopeThreads, 0, launch.stream, p);
}

void kv_write(const KvWriteParams& p, const CudaLaunch& launch) {
  if (p.tokens == 0) return;
  switch (p.cache.dtype) {
    case DType::kF32:
      return launch_write<DType::kF32>(p, launch);
    case DType::kF16:
      return launch_write<DType::kF16>(p, launch);
    case DType::kBF16:
      return launch_write<DType::kBF16>(p, launch);
    default:
      return launch_write<DType::kF8E4M3>(p, launch);
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
