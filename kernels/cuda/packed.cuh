// SPDX-License-Identifier: Apache-2.0
// How weights are packed for the tensor cores.
//
// A *group* is eight rows, the n of mma.m16n8k16; a *segment* is as many columns of it as make 16
// bytes for each of a warp's 32 lanes. A segment is stored lane by lane, so a warp reads it in one
// load of 512 contiguous bytes, and what a lane reads is what its place in the mma needs: row
// lane / 4 of the group, columns 8 t to 8 t + 7 of each 32, t = lane % 4. (The k of an mma may be
// in any order that both operands share: so a lane's k are neighbours, in the weights and in the
// activations.) The segment's scales follow: f16 [blocks of 32 columns][8 rows].
//
//   BF16   32 columns, 512 bytes
//   Q8_0   64 columns, 512 bytes of int8 and 32 of scales: as large as the file's blocks
//   Q4_0  128 columns, 512 bytes of nibbles and 64 of scales: the same. Of a lane's word, the pair
//         of columns (2 i, 2 i + 1) is nibbles i and i + 4: one mask and shift make two bf16.
//
// Rows and columns that are not there are zero.
#pragma once

#include "kernels/cuda/common/ops.h"
#include "kernels/cuda/common/ptx.h"
#include "tensor/quant_blocks.h"

namespace llmos::kernels::LLMOS_CUDA_SPACE {

inline constexpr int kGroupRows = 8;
inline constexpr int kSegmentBytes = 512;

struct PackedBF16 {
  static constexpr int kColumns = 32;
  static constexpr bool kScaled = false;
};
struct PackedQ8 {
  static constexpr int kColumns = 64;
  static constexpr bool kScaled = true;
};
struct PackedQ4 {
  static constexpr int kColumns = 128;
  static constexpr bool kScaled = true;
};
template <class Format>
inline constexpr int kBlocks = Format::kColumns / 32;
template <class Format>
inline constexpr int kPackedBytes = kSegmentBytes +
                                    (Format::kScaled ? 2 * kGroupRows * kBlocks<Format> : 0);

inline constexpr int kPackThreads = 128;

// A block packs one group; thread by thread, one lane's share of one 32-column block at a time.
template <class Format>
__global__ void __launch_bounds__(kPackThreads) pack_group(PackParams p) {
  constexpr int kLaneBytes = 16 / kBlocks<Format>;  // of one block of columns
  const int64_t blocks = ceil_div(p.columns, Format::kColumns) * kBlocks<Format>;
  std::byte* const group =
      p.out + size_t(blockIdx.x) * size_t(blocks / kBlocks<Format>) * kPackedBytes<Format>;
  for (int64_t i = threadIdx.x; i < blocks * kWarp; i += kPackThreads) {
    const int64_t block = i / kWarp;
    const int lane = int(i % kWarp), in_segment = int(block % kBlocks<Format>);
    const int64_t row = int64_t(blockIdx.x) * kGroupRows + lane / 4;
    const bool there = row < p.rows && block * 32 < p.columns;
    std::byte* const segment = group + size_t(block / kBlocks<Format>) * kPackedBytes<Format>;
    std::byte* const to = segment + lane * 16 + in_segment * kLaneBytes;
    const std::byte* const in = p.in + size_t(row) * p.row_bytes;
    if constexpr (!Format::kScaled) {
      for (int b = 0; b < 16; ++b) {
        to[b] = there ? in[block * 64 + lane % 4 * 16 + b] : std::byte{0};
      }
    } else if constexpr (Format::kColumns == 64) {
      const std::byte* const from = in + block * int64_t(sizeof(BlockQ8_0));
      for (int b = 0; b < 8; ++b) to[b] = there ? from[2 + lane % 4 * 8 + b] : std::byte{0};
    } else {
      const std::byte* const from = in + block * int64_t(sizeof(BlockQ4_0));
      uint32_t word = 0;
      for (int c = 0; c < 8 && there; ++c) {
        const int column = lane % 4 * 8 + c;
        const uint32_t byte = uint32_t(from[2 + column % 16]);
        word |= (column < 16 ? byte & 15 : byte >> 4) << (c / 2 * 4 + c % 2 * 16);
      }
      *reinterpret_cast<uint32_t*>(to) = word;
    }
    if constexpr (Format::kScaled) {
      if (lane % 4 != 0) continue;
      constexpr int64_t kFileBytes = Format::kColumns == 64 ? 34 : 18;
      std::byte* const scale = segment + kSegmentBytes + (in_segment * kGroupRows + lane / 4) * 2;
      for (int b = 0; b < 2; ++b) scale[b] = there ? in[block * kFileBytes + b] : std::byte{0};
    }
  }
}

}  // namespace llmos::kernels::LLMOS_CUDA_SPACE
