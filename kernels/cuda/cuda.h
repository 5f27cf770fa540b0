// SPDX-License-Identifier: Apache-2.0
// The CUDA kernel set, from outside: its table, and the operations that only a GPU has. Plain C++:
// nothing of CUDA's is needed to include it.
//
// Twice     The same files are compiled by nvcc (cuda_table) and, for tests, by the host compiler
//           on the emulator (cuda_emu_table).
// Memory    Every pointer in the parameters is the device's. AttentionSpans too, and what they
//           point to.
// Threads   A GPU is one member: of a team only rank 0 does anything.
// Cells     Quantised activations (kernels.h) are bf16 here: a cell of 64 bytes holds 32 of them.
// Types     Weights: F32, F16, BF16, F8E4M3, Q8_0, Q4_0; packed: BF16, Q8_0, Q4_0. Caches: F16,
//           BF16, F8E4M3, with heads of a multiple of 8 up to 256. The table's functions do
//           nothing for others; on the emulator ref does them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace llmos::kernels {

// What Launch::stream points to. Null: the default stream, no workspace, invariant.
struct CudaLaunch {
  void* stream = nullptr;  // cudaStream_t
  // For the parts of split attention; with too little the split is left out, not the result.
  std::byte* workspace = nullptr;
  size_t workspace_bytes = 0;
  int multiprocessors = 132;  // of the device: how finely fast mode splits
  // Invariant: what is computed for a token does not depend on its batch. Fast: attention splits
  // so that the device is full, and sums differ in their last bits from batch to batch.
  bool invariant = true;
  // The most keys of a span, which sizes the grid: a bucket when a graph is captured. 0: the spans
  // are in memory that the host may read.
  int64_t keys_max = 0;
};

// --- Operations beside the table

// Draws a token for each row of logits without sorting them. Greedy when temperature is 0.
// Otherwise: the `top_k` largest stay (0: all), then those with p >= min_p * p_max, then the
// fewest most likely with a sum of at least top_p; of these one is drawn with the uniform number
// of (seed, position).
struct SampleParams {
  int32_t* tokens = nullptr;      // [rows]
  const float* logits = nullptr;  // [rows, vocabulary]; those of a row are finite or -infinity
  int64_t stride = 0;
  int64_t rows = 0;
  int64_t vocabulary = 0;
  const float* temperature = nullptr;   // [rows]
  const int32_t* top_k = nullptr;       // [rows]
  const float* top_p = nullptr;         // [rows], 1: all
  const float* min_p = nullptr;         // [rows], 0: all
  const uint64_t* seeds = nullptr;      // [rows]
  const uint64_t* positions = nullptr;  // [rows]: of the token in its request
};

// Copies blocks of a cache: destination[pairs[2 i + 1]] = source[pairs[2 i]]. One launch for all.
// No block is both read and written. A swap to the host is the same with its pinned memory.
struct BlockCopyParams {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  const int64_t* pairs = nullptr;  // [count, 2]
  int64_t count = 0;
  size_t block_bytes = 0;  // a multiple of 16
};

// The slots of a mixture of experts, ordered by expert: slot order[i] is the i-th, expert e has
// those from offsets[e] to offsets[e + 1], in the order of the slots.
struct PermuteParams {
  int32_t* order = nullptr;          // [slots]
  int32_t* offsets = nullptr;        // [expert_count + 1]
  const int32_t* experts = nullptr;  // [slots]
  int64_t slots = 0;
  int64_t expert_count = 0;
};

// data = sum of all ranks' data, in the order of the ranks: the same bits on each. Every rank
// launches it; the launches must run at the same time. The memory of peers[r] is rank r's, seen
// from here: `bytes` of data, then, at flags_at, kAllReduceFlagBytes that begin as zero.
inline constexpr int kAllReduceRanksMax = 8;
inline constexpr int kAllReduceBlocks = 16;
inline constexpr size_t kAllReduceFlagBytes =
    sizeof(unsigned) * kAllReduceBlocks * kAllReduceRanksMax;
struct AllReduceParams {
  float* out = nullptr;  // [count], this rank's result; not in the peers' memory
  std::byte* peers[kAllReduceRanksMax] = {};
  size_t flags_at = 0;
  int64_t count = 0;  // floats, a multiple of 4
  int rank = 0;
  int ranks = 1;
  // One-shot: each rank reads all. Two-shot: each sums its part, then gathers the others' from the
  // peers' data, which is overwritten; less is read when `count` is large.
  bool two_shot = false;
  unsigned round = 0;  // 1, 2, ...: of this memory; one higher at each launch
};

struct CastParams {
  std::byte* out = nullptr;       // of `to`
  const std::byte* in = nullptr;  // of `from`
  DType to = DType::kF32;         // F32, F16, BF16 or F8E4M3
  DType from = DType::kF32;
  int64_t count = 0;
};

struct CudaOps {
  Kernel<SampleParams> sample = nullptr;
  Kernel<BlockCopyParams> copy_blocks = nullptr;
  Kernel<PermuteParams> permute = nullptr;
  Kernel<AllReduceParams> all_reduce = nullptr;
  Kernel<CastParams> cast = nullptr;
};

// Of nvcc's build.
const KernelTable& cuda_table() noexcept;
const CudaOps& cuda_ops() noexcept;
// Of the emulator's. What the set cannot do is done by ref, so that every model runs.
const KernelTable& cuda_emu_table() noexcept;
const CudaOps& cuda_emu_ops() noexcept;

}  // namespace llmos::kernels
