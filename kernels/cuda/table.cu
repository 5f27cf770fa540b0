// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/common/ops.h"
#ifndef __CUDACC__
  #include "kernels/ref/ref.h"
#endif

namespace llmos::kernels {
namespace LLMOS_CUDA_SPACE {
namespace {

// A GPU is one member of a team: rank 0 launches, the others have nothing to do.
template <auto Op, class Params>
void by_first(const Params& p, const Launch& launch) {
  if (launch.rank == 0) Op(p, cuda_launch(launch));
}

// What the set cannot read: ref does it on the emulator. On a GPU, device/ has refused the model.
template <class Params>
void by_ref([[maybe_unused]] Kernel<Params> op, [[maybe_unused]] const Params& p,
            [[maybe_unused]] const Launch& launch) {
#ifndef __CUDACC__
  if (launch.rank == 0) op(p, {});
#endif
}
#ifdef __CUDACC__
  #define LLMOS_REF(op) nullptr
#else
  #define LLMOS_REF(op) ref::op
#endif

void embed_any(const EmbedParams& p, const Launch& launch) {
  if (reads_weights(p.table.dtype)) return by_first<embed>(p, launch);
  by_ref<EmbedParams>(LLMOS_REF(embed), p, launch);
}
void matmul_any(const MatmulParams& p, const Launch& launch) {
  if (p.weight.packed) return by_first<packed_matmul>(p, launch);
  if (reads_weights(p.weight.dtype)) return by_first<gemv>(p, launch);
  by_ref<MatmulParams>(LLMOS_REF(matmul), p, launch);
}
void expert_matmul_any(const ExpertMatmulParams& p, const Launch& launch) {
  if (p.weight.packed) return by_first<expert_packed_matmul>(p, launch);
  if (reads_weights(p.weight.dtype)) return by_first<expert_gemv>(p, launch);
  by_ref<ExpertMatmulParams>(LLMOS_REF(expert_matmul), p, launch);
}
void kv_write_any(const KvWriteParams& p, const Launch& launch) {
  if (p.cache.dtype != DType::kQ8_0) return by_first<kv_write>(p, launch);
  by_ref<KvWriteParams>(LLMOS_REF(kv_write), p, launch);
}
void attention_any(const AttentionParams& p, const Launch& launch) {
  if (reads_cache(p.cache)) return by_first<attention>(p, launch);
  by_ref<AttentionParams>(LLMOS_REF(attention), p, launch);
  if (!p.cells) return;
  by_first<quantize>(QuantizeParams{.out = p.cells,
                                    .in = p.out,
                                    .in_stride = p.out_stride,
                                    .tokens = p.tokens,
                                    .columns = p.heads * p.cache.head_dim},
                     launch);
}

#ifdef __CUDACC__
constexpr char kSetName[] = "cuda";
#else
constexpr char kSetName[] = "cuda-emu";
#endif

constexpr KernelTable kTable{
    .name = kSetName,
    .embed = embed_any,
    .matmul = matmul_any,
    .expert_matmul = expert_matmul_any,
    .route = by_first<route, RouteParams>,
    .combine = by_first<combine, CombineParams>,
    .norm = by_first<norm, NormParams>,
    .rope = by_first<rope, RopeParams>,
    .kv_write = kv_write_any,
    .attention = attention_any,
    .activate = by_first<activate, ActivateParams>,
    .add = by_first<add, AddParams>,
    .gather = by_first<gather, GatherParams>,
    .cap = by_first<cap, CapParams>,
    .pack_rows = 8,
    .packed_bytes = packed_bytes,
    .pack = by_first<pack, PackParams>,
    .quantize = by_first<quantize, QuantizeParams>,
};

constexpr CudaOps kOps{
    .sample = by_first<sample, SampleParams>,
    .copy_blocks = by_first<copy_blocks, BlockCopyParams>,
    .permute = by_first<permute, PermuteParams>,
    .all_reduce = by_first<all_reduce, AllReduceParams>,
    .cast = by_first<cast, CastParams>,
};

}  // namespace
}  // namespace LLMOS_CUDA_SPACE

#ifdef __CUDACC__
const KernelTable& cuda_table() noexcept { return cuda::kTable; }
const CudaOps& cuda_ops() noexcept { return cuda::kOps; }
#else
const KernelTable& cuda_emu_table() noexcept { return cuda_emu::kTable; }
const CudaOps& cuda_emu_ops() noexcept { return cuda_emu::kOps; }
#endif

}  // namespace llmos::kernels
