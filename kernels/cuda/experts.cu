// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/experts.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

void route(const RouteParams& p, const CudaLaunch& launch) {
  if (p.tokens == 0) return;
  const dim3 grid(unsigned(ceil_div(p.tokens, kRouteThreads / kWarp)));
  LAUNCH(route_tokens, grid, kRouteThreads, 0, launch.stream, p);
}

void permute(const PermuteParams& p, const CudaLaunch& launch) {
  LAUNCH(permute_slots, 1, kPermuteThreads, 0, launch.stream, p);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
