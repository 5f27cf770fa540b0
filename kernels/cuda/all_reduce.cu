// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/all_reduce.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

void all_reduce(const AllReduceParams& p, const CudaLaunch& launch) {
  // Blocks of a launch must be on the device together: there are few. The same on every rank.
  const int64_t blocks = most(1, least(kAllReduceBlocks, ceil_div(p.count / 4, kReduceThreads)));
  const auto kernel = p.two_shot ? reduce_two_shot : reduce_one_shot;
  LAUNCH(kernel, dim3(unsigned(blocks)), kReduceThreads, 0, launch.stream, p);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
