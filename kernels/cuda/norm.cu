// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/norm.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

bool is_aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

template <int Threads>
void launch_norm(const NormParams& p, const CudaLaunch& launch) {
  const bool wide = p.columns % 4 == 0 && p.in_stride % 4 == 0 && p.out_stride % 4 == 0 &&
                    is_aligned(p.in) && is_aligned(p.out);
  auto* const kernel = wide ? norm_rows<Threads, true> : norm_rows<Threads, false>;
  LAUNCH(kernel, dim3(unsigned(p.rows)), Threads, 0, launch.stream, p);
}

}  // namespace

void norm(const NormParams& p, const CudaLaunch& launch) {
  if (p.rows == 0) return;
  // A head's row is a warp's work: no barrier between warps then.
  p.columns <= 256 ? launch_norm<32>(p, launch) : launch_norm<256>(p, launch);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
