// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/embed.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

template <DType Type>
void launch_embed(const EmbedParams& p, const CudaLaunch& launch) {
  LAUNCH(embed_rows<Type>, dim3(unsigned(p.tokens)), kEmbedThreads, 0, launch.stream, p);
}

}  // namespace

void embed(const EmbedParams& p, const CudaLaunch& launch) {
  if (p.tokens == 0) return;
  switch (p.table.dtype) {
    case DType::kF32:
      return launch_embed<DType::kF32>(p, launch);
    case DType::kF16:
      return launch_embed<DType::kF16>(p, launch);
    case DType::kBF16:
      return launch_embed<DType::kBF16>(p, launch);
    case DType::kF8E4M3:
      return launch_embed<DType::kF8E4M3>(p, launch);
    case DType::kQ8_0:
      return launch_embed<DType::kQ8_0>(p, launch);
    default:
      return launch_embed<DType::kQ4_0>(p, launch);
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
