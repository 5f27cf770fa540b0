// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/copy.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

// Enough to fill a device; each then goes on by the whole grid.
constexpr int64_t kCastBlocksMax = 1024;

template <DType To, DType From>
void launch_cast(const CastParams& p, const CudaLaunch& launch) {
  const auto kernel = cast_elements<To, From>;
  const dim3 grid(unsigned(least(kCastBlocksMax, ceil_div(p.count, kCopyThreads))));
  LAUNCH(kernel, grid, kCopyThreads, 0, launch.stream, p);
}

template <DType To>
void cast_to(const CastParams& p, const CudaLaunch& launch) {
  switch (p.from) {
    case DType::kF32:
      return launch_cast<To, DType::kF32>(p, launch);
    case DType::kF16:
      return launch_cast<To, DType::kF16>(p, launch);
    case DType::kBF16:
      return launch_cast<To, DType::kBF16>(p, launch);
    default:
      return launch_cast<To, DType::kF8E4M3>(p, launch);
  }
}

}  // namespace

void copy_blocks(const BlockCopyParams& p, const CudaLaunch& launch) {
  if (p.count == 0 || p.block_bytes == 0) return;
  const dim3 grid(unsigned(ceil_div(int64_t(p.block_bytes), kCopyBytes)), unsigned(p.count));
  LAUNCH(copy_pairs, grid, kCopyThreads, 0, launch.stream, p);
}

void cast(const CastParams& p, const CudaLaunch& launch) {
  if (p.count == 0) return;
  switch (p.to) {
    case DType::kF32:
      return cast_to<DType::kF32>(p, launch);
    case DType::kF16:
      return cast_to<DType::kF16>(p, launch);
    case DType::kBF16:
      return cast_to<DType::kBF16>(p, launch);
    default:
      return cast_to<DType::kF8E4M3>(p, launch);
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
