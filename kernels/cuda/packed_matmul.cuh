// SPDX-License-Identifier: Apache-2.0
// Products with packed weights on the tensor cores: W16A16, W8A16 and W4A16, for 1 to 64 tokens at
// a time. Bound: the bytes of the weights. Eight warps of a block share one or two groups of rows;
// each takes every eighth segment of columns, and their sums meet in shared memory: so a product
// of few rows still has enough loads in flight. Quantised weights become exact bf16 integers in
// registers, and a block's scale multiplies the f32 sum of its 32 columns.
//
// Exact: the segments of a warp, and the order in which warps are summed, depend on the columns
// alone. A token's result is the same for every number of tokens.
#pragma once

#include "kernels/cuda/packed.cuh"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kMatmulWarps = 8;
inline constexpr int kMatmulThreads = kMatmulWarps * kWarp;

struct PackedTask {
  const std::byte* weight;
  const std::byte* cells;  // bf16 [tokens, columns]
  float* out;
  const float* bias;
  int64_t tokens;
};

// The bf16 of two of a word's int8: 2^23 + (x ^ 0x80) is exact, and so is taking 2^23 + 128 away.
__device__ inline uint32_t bf16_of_int8(uint32_t word, unsigned low) {
  const uint32_t biased = word ^ 0x80808080u;
  const auto one = [&](unsigned i) {
    return __uint_as_float(__byte_perm(biased, 0x4b000000u, 0x7440u | i)) - 8388736.0f;
  };
  return pack_bf16(one(low), one(low + 1));
}

// This lane's eight weights of block `block` of a segment, as the words of two mma: b0, b1 twice.
template <class Format>
__device__ inline void unpack(const Vec16& v, int block, uint32_t (&b)[4]) {
  if constexpr (!Format::kScaled) {
    for (int i = 0; i < 4; ++i) b[i] = v.words[i];
  } else if constexpr (Format::kColumns == 64) {
    for (int i = 0; i < 4; ++i) {
      b[i] = bf16_of_int8(v.words[2 * block + i / 2], unsigned(i % 2) * 2);
    }
  } else {
    // 0x4300 is 128 in bf16, with room for four bits behind the point.
    for (int i = 0; i < 4; ++i) {
      b[i] = sub_bf16x2((v.words[block] >> 4 * i & 0x000f000fu) | 0x43004300u, 0x43084308u);
    }
  }
}

template <int MTiles, int Groups>
struct PackedSums {
  float at[Groups][MTiles][4] = {};
};

// One block of 32 columns: two mma for each tile of tokens and each group.
template <class Format, int MTiles, int Groups>
__device__ inline void multiply_block(const PackedTask& task, size_t cell_row, int64_t column_block,
                                      int in_segment, const Vec16 (&weights)[Groups],
                                      const std::byte* const (&scales)[Groups],
                                      PackedSums<MTiles, Groups>& sums) {
  const int lane = int(threadIdx.x) % kWarp;
  uint32_t a[MTiles][2][4];
  LLMOS_UNROLL
  for (int m = 0; m < MTiles; ++m) {
    LLMOS_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int64_t token = m * 16 + half * 8 + lane / 4;
      Vec16 v{};
      if (token < task.tokens) {
        v = load16(task.cells + size_t(token) * cell_row + column_block * 64 + lane % 4 * 16);
      }
      for (int step = 0; step < 2; ++step) {
        a[m][step][half] = v.words[2 * step];
        a[m][step][half + 2] = v.words[2 * step + 1];
      }
    }
  }
  LLMOS_UNROLL
  for (int n = 0; n < Groups; ++n) {
    uint32_t b[4];
    unpack<Format>(weights[n], in_segment, b);
    LLMOS_UNROLL
    for (int m = 0; m < MTiles; ++m) {
      if constexpr (!Format::kScaled) {
        mma_bf16(sums.at[n][m], a[m][0], b[0], b[1]);
        mma_bf16(sums.at[n][m], a[m][1], b[2], b[3]);
      } else {
        float part[4] = {};
        mma_bf16(part, a[m][0], b[0], b[1]);
        mma_bf16(part, a[m][1], b[2], b[3]);
        // Of rows 2 t and 2 t + 1 of the group.
        const uint32_t pair = *reinterpret_cast<const uint32_t*>(
            scales[n] + (in_segment * kGroupRows + lane % 4 * 2) * 2);
        const float low = unpack_f16(uint16_t(pair)), high = unpack_f16(uint16_t(pair >> 16));
        for (int e = 0; e < 4; ++e) {
          sums.at[n][m][e] = fmaf(e % 2 == 0 ? low : high, part[e], sums.at[n][m][e]);
        }
      }
    }
  }
}

template <class Format, int MTiles, int Groups>
__device__ inline void multiply_groups(const PackedTask& task, const MatmulParams& p) {
  constexpr int kSums = Groups * MTiles * 4;
  LLMOS_SHARED(float, parts, kMatmulWarps* kSums* kWarp);
  const int lane = int(threadIdx.x) % kWarp, warp = int(threadIdx.x) / kWarp;
  const int64_t columns = p.weight.columns, blocks = columns / 32;
  const int64_t segments = ceil_div(columns, Format::kColumns);
  const int64_t group_last = ceil_div(p.weight.rows, kGroupRows) - 1;
  const int64_t first_group = int64_t(blockIdx.x) * Groups;
  const size_t cell_row = quantized_row_bytes(columns);
  PackedSums<MTiles, Groups> sums;
  for (int64_t s = warp; s < segments; s += kMatmulWarps) {
    Vec16 weights[Groups];
    const std::byte* scales[Groups];
    LLMOS_UNROLL
    for (int n = 0; n < Groups; ++n) {
      const std::byte* const segment =
          task.weight + size_t(least(first_group + n, group_last)) * p.weight.row_bytes +
          size_t(s) * kPackedBytes<Format>;
      weights[n] = load16_streamed(segment + lane * 16);
      scales[n] = segment + kSegmentBytes;
    }
    LLMOS_UNROLL
    for (int b = 0; b < kBlocks<Format>; ++b) {
      const int64_t block = s * kBlocks<Format> + b;
      if (block < blocks) {
        multiply_block<Format, MTiles, Groups>(task, cell_row, block, b, weights, scales, sums);
      }
    }
  }
  for (int i = 0; i < kSums; ++i) {
    parts[(warp * kSums + i) * kWarp + lane] = sums.at[i / 4 / MTiles][i / 4 % MTiles][i % 4];
  }
  __syncthreads();
  for (int i = int(threadIdx.x); i < kSums * kWarp; i += kMatmulThreads) {
    const int row_in = i % (Groups * kGroupRows), token = i / (Groups * kGroupRows);
    const int64_t row = first_group * kGroupRows + row_in;
    if (row >= p.weight.rows || token >= task.tokens) continue;
    // Where the fragments keep it: see mma_bf16.
    const int n = row_in / kGroupRows, m = token / 16;
    const int element = token % 16 / 8 * 2 + row_in % 2;
    const int from = token % 8 * 4 + row_in % kGroupRows / 2;
    float sum = 0;
    for (int w = 0; w < kMatmulWarps; ++w) {
      sum += parts[(w * kSums + (n * MTiles + m) * 4 + element) * kWarp + from];
    }
    float& out = task.out[token * p.out_stride + row];
    out = (p.accumulate ? out : 0) + p.scale * (sum + (task.bias ? task.bias[row] : 0));
  }
}

template <class Format, int MTiles, int Groups>
__global__ void __launch_bounds__(kMatmulThreads) packed_product(MatmulParams p) {
  const int64_t first = int64_t(blockIdx.y) * MTiles * 16;
  const PackedTask task{p.weight.data,
                        p.quantized + size_t(first) * quantized_row_bytes(p.weight.columns),
                        p.out + first * p.out_stride, p.bias, least(MTiles * 16, p.tokens - first)};
  multiply_groups<Format, MTiles, Groups>(task, p);
}

// A slot of a mixture of experts.
template <class Format>
__global__ void __launch_bounds__(kMatmulThreads) packed_slots(ExpertMatmulParams p) {
  const int64_t slot = blockIdx.y, expert = p.experts[slot];
  const MatmulParams shape{.out_stride = p.weight.rows, .weight = p.weight, .tokens = 1};
  const PackedTask task{
      p.weight.data + size_t(expert) * p.weight.matrix_bytes,
      p.quantized + size_t(slot / p.slots_per_input) * quantized_row_bytes(p.weight.columns),
      p.out + slot * p.weight.rows, p.bias ? p.bias + expert * p.weight.rows : nullptr, 1};
  multiply_groups<Format, 1, 1>(task, shape);
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
