// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/packed_matmul.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

template <class Format, int MTiles, int Groups>
void launch_tiles(const MatmulParams& p, const CudaLaunch& launch) {
  const dim3 grid(unsigned(ceil_div(p.weight.rows, kGroupRows * Groups)),
                  unsigned(ceil_div(p.tokens, MTiles * 16)));
  const auto kernel = packed_product<Format, MTiles, Groups>;
  LAUNCH(kernel, grid, kMatmulThreads, 0, launch.stream, p);
}

template <class Format>
void launch_format(const MatmulParams& p, const CudaLaunch& launch) {
  if (p.tokens <= 16) return launch_tiles<Format, 1, 1>(p, launch);
  if (p.tokens <= 32) return launch_tiles<Format, 2, 2>(p, launch);
  launch_tiles<Format, 4, 2>(p, launch);
}

template <class Format>
void launch_slots(const ExpertMatmulParams& p, const CudaLaunch& launch) {
  const dim3 grid(unsigned(ceil_div(p.weight.rows, kGroupRows)), unsigned(p.slots));
  LAUNCH(packed_slots<Format>, grid, kMatmulThreads, 0, launch.stream, p);
}

}  // namespace

void packed_matmul(const MatmulParams& p, const CudaLaunch& launch) {
  if (p.tokens == 0 || p.weight.rows == 0) return;
  switch (p.weight.dtype) {
    case DType::kBF16:
      return launch_format<PackedBF16>(p, launch);
    case DType::kQ8_0:
      return launch_format<PackedQ8>(p, launch);
    default:
      return launch_format<PackedQ4>(p, launch);
  }
}

void expert_packed_matmul(const ExpertMatmulParams& p, const CudaLaunch& launch) {
  if (p.slots == 0 || p.weight.rows == 0) return;
  switch (p.weight.dtype) {
    case DType::kBF16:
      return launch_slots<PackedBF16>(p, launch);
    case DType::kQ8_0:
      return launch_slots<PackedQ8>(p, launch);
    default:
      return launch_slots<PackedQ4>(p, launch);
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
