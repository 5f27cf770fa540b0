// SPDX-License-Identifier: Apache-2.0
// The launchers of the set: one for each operation, each in its own .cu. A launcher checks nothing
// (kernels.h) and waits for nothing.
#pragma once

#include "kernels/cuda/common/cuda.h"
#include "kernels/cuda/cuda.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline const CudaLaunch& cuda_launch(const Launch& launch) {
  static constexpr CudaLaunch kDefault{};
  return launch.stream ? *static_cast<const CudaLaunch*>(launch.stream) : kDefault;
}

void embed(const EmbedParams& p, const CudaLaunch& launch);
void gemv(const MatmulParams& p, const CudaLaunch& launch);
void expert_gemv(const ExpertMatmulParams& p, const CudaLaunch& launch);
void packed_matmul(const MatmulParams& p, const CudaLaunch& launch);
void expert_packed_matmul(const ExpertMatmulParams& p, const CudaLaunch& launch);
size_t packed_bytes(DType dtype, int64_t columns);
void pack(const PackParams& p, const CudaLaunch& launch);
void quantize(const QuantizeParams& p, const CudaLaunch& launch);
void norm(const NormParams& p, const CudaLaunch& launch);
void rope(const RopeParams& p, const CudaLaunch& launch);
void kv_write(const KvWriteParams& p, const CudaLaunch& launch);
void attention(const AttentionParams& p, const CudaLaunch& launch);
void activate(const ActivateParams& p, const CudaLaunch& launch);
void add(const AddParams& p, const CudaLaunch& launch);
void gather(const GatherParams& p, const CudaLaunch& launch);
void cap(const CapParams& p, const CudaLaunch& launch);
void combine(const CombineParams& p, const CudaLaunch& launch);
void route(const RouteParams& p, const CudaLaunch& launch);
void permute(const PermuteParams& p, const CudaLaunch& launch);
void sample(const SampleParams& p, const CudaLaunch& launch);
void copy_blocks(const BlockCopyParams& p, const CudaLaunch& launch);
void all_reduce(const AllReduceParams& p, const CudaLaunch& launch);
void cast(const CastParams& p, const CudaLaunch& launch);

// Whether the set reads weights, or a cache, of this form.
bool reads_weights(DType dtype);
bool reads_cache(const KvLayer& cache);

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
