// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/pointwise.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

// A grid's second dimension is 16 bits: a batch has fewer rows (options.h).
template <class Params>
void over_rows(void (*kernel)(Params), const Params& p, int64_t rows, int64_t columns,
               const CudaLaunch& launch) {
  if (rows == 0 || columns == 0) return;
  const dim3 grid(unsigned(ceil_div(columns, kPointThreads * kPointEach)), unsigned(rows));
  LAUNCH(kernel, grid, kPointThreads, 0, launch.stream, p);
}

}  // namespace

void activate(const ActivateParams& p, const CudaLaunch& launch) {
  over_rows(activate_rows, p, p.rows, p.columns, launch);
}
void quantize(const QuantizeParams& p, const CudaLaunch& launch) {
  over_rows(quantize_rows, p, p.tokens, p.columns, launch);
}
void add(const AddParams& p, const CudaLaunch& launch) {
  over_rows(add_rows, p, p.rows, p.columns, launch);
}
void gather(const GatherParams& p, const CudaLaunch& launch) {
  over_rows(gather_rows, p, p.rows, p.columns, launch);
}
void cap(const CapParams& p, const CudaLaunch& launch) {
  over_rows(cap_rows, p, p.rows, p.columns, launch);
}
void combine(const CombineParams& p, const CudaLaunch& launch) {
  over_rows(combine_rows, p, p.tokens, p.columns, launch);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
