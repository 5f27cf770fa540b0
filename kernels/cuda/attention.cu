// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/attention.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {
namespace {

constexpr int kHeadDimMax = 256;
// Invariant mode cuts here. At 128 dimensions of bf16 a split is 128 KB of keys and values: some
// 30 us of one multiprocessor's share of the bandwidth, so that a launch is long beside its end.
constexpr int64_t kSplitKeys = 256;
constexpr int kChunkWarps = 4;

int64_t keys_max(const AttentionParams& p, const CudaLaunch& launch) {
  int64_t keys = launch.keys_max;
  for (int64_t s = 0; s < p.span_count && launch.keys_max == 0; ++s) {
    keys = most(keys, p.spans[s].position + p.spans[s].tokens);
  }
  return keys;
}

// Fast mode: as many keys as make two blocks for each multiprocessor, but no crumbs.
int64_t split_keys(const AttentionParams& p, const CudaLaunch& launch, int64_t keys) {
  if (launch.invariant) return kSplitKeys;
  const int64_t wanted = ceil_div(2 * launch.multiprocessors, p.span_count * p.cache.kv_heads);
  return most(2, ceil_div(keys, wanted * kTileKeys)) * kTileKeys;
}

template <int Dim, DType Type>
void launch_attention(const AttentionParams& p, const CudaLaunch& launch) {
  const int64_t group = p.heads / p.cache.kv_heads, keys = keys_max(p, launch);
  AttentionPlan plan{split_keys(p, launch, keys), 1, nullptr, nullptr};
  // Chunks have rows enough to fill the device, and parts would be large.
  const bool chunks = p.tokens * group > p.span_count * kWarpRows;
  const int warps = chunks ? kChunkWarps : 1;
  const int64_t splits = ceil_div(keys, plan.split_keys), parts = p.tokens * p.heads * splits;
  const size_t bytes = size_t(parts * (p.cache.head_dim + 2)) * sizeof(float);
  if (!chunks && splits > 1 && bytes <= launch.workspace_bytes) {
    plan.splits = splits;
    plan.parts = reinterpret_cast<float*>(launch.workspace);
    plan.states = plan.parts + parts * p.cache.head_dim;
  }
  // Every span may end in a tile that is not full.
  const int64_t tiles = p.tokens == p.span_count && group <= warps * kWarpRows
                            ? p.span_count
                            : p.tokens * group / (warps * kWarpRows) + p.span_count;
  const size_t shared = attention_shared_bytes<Dim>(warps, plan.parts == nullptr);
  const auto kernel = attend_rows<Dim, Type>;
#ifdef __CUDACC__
  static const cudaError_t kAllowed =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           int(attention_shared_bytes<Dim>(kChunkWarps, true)));
  static_cast<void>(kAllowed);  // the launch reports it
#endif
  const dim3 grid(unsigned(tiles), unsigned(p.cache.kv_heads), unsigned(plan.splits));
  LAUNCH(kernel, grid, warps * kWarp, shared, launch.stream, p, plan);
  if (!plan.parts) return;
  const dim3 heads(unsigned(ceil_div(p.tokens * p.heads, kMergeThreads / kWarp)));
  LAUNCH(merge_splits, heads, kMergeThreads, 0, launch.stream, p, plan);
}

template <DType Type>
void launch_typed(const AttentionParams& p, const CudaLaunch& launch) {
  if (p.cache.head_dim <= 64) return launch_attention<64, Type>(p, launch);
  if (p.cache.head_dim <= 128) return launch_attention<128, Type>(p, launch);
  launch_attention<256, Type>(p, launch);
}

}  // namespace

bool reads_cache(const KvLayer& cache) {
  const bool type =
      cache.dtype == DType::kF16 || cache.dtype == DType::kBF16 || cache.dtype == DType::kF8E4M3;
  return type && cache.head_dim % 8 == 0 && cache.head_dim <= kHeadDimMax;
}

void attention(const AttentionParams& p, const CudaLaunch& launch) {
  if (p.tokens == 0) return;
  switch (p.cache.dtype) {
    case DType::kF16:
      return launch_typed<DType::kF16>(p, launch);
    case DType::kBF16:
      return launch_typed<DType::kBF16>(p, launch);
    default:
      return launch_typed<DType::kF8E4M3>(p, launch);
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
