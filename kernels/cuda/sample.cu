// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/sample.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

void sample(const SampleParams& p, const CudaLaunch& launch) {
  if (p.rows == 0) return;
  LAUNCH(sample_rows, dim3(unsigned(p.rows)), kSampleThreads, 0, launch.stream, p);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
