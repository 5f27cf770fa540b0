// SPDX-License-Identifier: Apache-2.0
// Products of quantised activations with packed weights.
//
// Bound   One to three tokens: bytes of weights from memory. More: integer products (two registers
//         of them a cycle with VNNI), next to which a block of 32 columns costs a conversion, a
//         product of scales and an fma for each output.
// Order   An output is one chain: sum = fma(float(integer sum of a block), weight scale *
//         activation scale, sum), blocks in ascending order, (minimum first). Integer sums are
//         exact. So every path below gives the same bits, with any number of rows, tokens and
//         threads.
// Paths   Up to kDirectTokens: codes are unpacked in registers and meet up to kDirectTile tokens at
//         once; a group comes from memory for the first of them, from a cache for the others. So
//         memory and arithmetic overlap at any number of tokens. More: a panel of kPanelGroups
//         groups times kPanelBlocks blocks is unpacked into the first-level cache and meets a chunk
//         of tokens, kTileTokens at a time.
#pragma once

#include "kernels/cpu/matmul.h"
#include "kernels/cpu/packed.h"
#include "kernels/cpu/quantize.h"

namespace llmos::kernels {
namespace {

inline constexpr int kPanelGroups = 2;
// Registers of a tile: a sum of integers and one of floats for each group and token, a weight for
// each group, and an activation. AVX-512 has 32, the others 16.
#if defined(__AVX512F__)
inline constexpr int kTilesTokens = 6;
inline constexpr int kDirectTile = 12;
inline constexpr int kDirectTokens = 32;
#else
inline constexpr int kTilesTokens = 3;
inline constexpr int kDirectTile = 4;
inline constexpr int kDirectTokens = 12;
#endif
// 32 rows (AVX-512) times 512 columns: 22 KiB with scales, half of a first-level cache.
inline constexpr int kPanelBlocks = 256 / kGroupRows;
// Tokens of a chunk: their cells stay in the second-level cache (half of 512 KiB to 2 MiB), at
// least enough to pay for unpacking (1 part in 24), a multiple of every tile.
inline constexpr int64_t kChunkBytes = 384 << 10;
inline constexpr int kChunkTokensMin = 24;
inline constexpr int kChunkTokensMax = 120;

// Bytes ahead of the one that is used, of which each cache line is asked for once.
inline constexpr size_t kAhead = 4096;

template <size_t kBytes>
LLMOS_INLINE void prefetch_ahead(const std::byte* from) {
  LLMOS_UNROLL for (size_t i = 0; i < kBytes; i += 64) __builtin_prefetch(from + kAhead + i);
}

// A block's part of its unit, in whole lines.
template <class Layout>
inline constexpr size_t kBlockLineBytes = (Layout::unit_bytes(Layout::kUnitBlocks) +
                                           64 * Layout::kUnitBlocks - 1) /
                                          (64 * Layout::kUnitBlocks) * 64;

LLMOS_INLINE const Cell& cell_at(const std::byte* row, int64_t block) {
  return *reinterpret_cast<const Cell*>(row + size_t(block) * kCellBytes);
}

// A panel's block: codes unpacked, scales converted. What is left of a type; several share it.
template <bool kIsWide, int kLog2Zero, bool kMinimum, bool kHalves>
struct PanelBlock {
  static constexpr bool kWide = kIsWide;
  static constexpr int kZero = kLog2Zero;
  static constexpr bool kHasMinimum = kMinimum;
  static constexpr bool kHasHalves = kHalves;
  using BlockFactors = Factors<kMinimum, kHalves>;
  static constexpr size_t kCodeBytes = 8 * kQuadBytes;
  static constexpr size_t kBytes = kCodeBytes + sizeof(BlockFactors);

  static LLMOS_INLINE BlockFactors factors(const std::byte* block) {
    return load_as<BlockFactors>(block + kCodeBytes);
  }
  template <int p>
  static LLMOS_INLINE void pair(const std::byte* block, Quads& first, Quads& second) {
    first = load_quads(block + 2 * p * kQuadBytes);
    second = load_quads(block + (2 * p + 1) * kQuadBytes);
  }
};

template <class Block>
using PanelOf = PanelBlock<Block::kWide, Block::kZero, Block::kHasMinimum, Block::kHasHalves>;

template <int kGroups, int kTokens>
using TileSums = Floats[kGroups][kTokens];

// A pair of quads.
template <class Block, int p, int kGroups, int kTokens>
LLMOS_INLINE void add_pair(const std::byte* const (&quants)[kGroups],
                           const Cell* const (&cells)[kTokens],
                           IntSum<Block::kWide> (&sums)[kGroups][kTokens]) {
  Quads first[kGroups], second[kGroups];
  LLMOS_UNROLL for (int g = 0; g < kGroups; ++g) {
    Block::template pair<p>(quants[g], first[g], second[g]);
  }
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    const Ints a = broadcast_word(cells[t]->quants + 8 * p);
    LLMOS_UNROLL for (int g = 0; g < kGroups; ++g) sums[g][t].add(first[g], a);
  }
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    const Ints a = broadcast_word(cells[t]->quants + 8 * p + 4);
    LLMOS_UNROLL for (int g = 0; g < kGroups; ++g) sums[g][t].add(second[g], a);
  }
}

template <class Block, int kGroups, int kTokens>
LLMOS_INLINE void start_sums(const Cell* const (&cells)[kTokens], int half,
                             IntSum<Block::kWide> (&sums)[kGroups][kTokens]) {
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    IntSum<Block::kWide> sum;
    sum.template start<Block::kZero>(Block::kHasHalves ? &cells[t]->negative_half[half]
                                                       : &cells[t]->negative);
    LLMOS_UNROLL for (int g = 0; g < kGroups; ++g) sums[g][t] = sum;
  }
}

template <class Block, int kGroups, int kTokens>
LLMOS_INLINE void finish_sums(const IntSum<Block::kWide> (&sums)[kGroups][kTokens],
                              const typename Block::BlockFactors (&factors)[kGroups], int half,
                              const Cell* const (&cells)[kTokens],
                              TileSums<kGroups, kTokens>& tile) {
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    const Floats scale = broadcast(cells[t]->scale);
    LLMOS_UNROLL for (int g = 0; g < kGroups; ++g) {
      tile[g][t] = fma(to_floats(sums[g][t].total()), factors[g].scale[half] * scale, tile[g][t]);
    }
  }
}

template <class Block, int kGroups, int kTokens>
LLMOS_INLINE void add_block(const std::byte* const (&quants)[kGroups],
                            const typename Block::BlockFactors (&factors)[kGroups],
                            const Cell* const (&cells)[kTokens], TileSums<kGroups, kTokens>& tile) {
  if constexpr (Block::kHasMinimum) {
    LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
      const Floats sum = broadcast(cells[t]->scaled_sum);
      LLMOS_UNROLL for (int g = 0; g < kGroups; ++g) {
        tile[g][t] = fma(factors[g].minimum[0], sum, tile[g][t]);
      }
    }
  }
  IntSum<Block::kWide> sums[kGroups][kTokens];
  start_sums<Block>(cells, 0, sums);
  add_pair<Block, 0>(quants, cells, sums);
  add_pair<Block, 1>(quants, cells, sums);
  if constexpr (Block::kHasHalves) {
    finish_sums<Block>(sums, factors, 0, cells, tile);
    start_sums<Block>(cells, 1, sums);
  }
  add_pair<Block, 2>(quants, cells, sums);
  add_pair<Block, 3>(quants, cells, sums);
  finish_sums<Block>(sums, factors, Block::kHasHalves ? 1 : 0, cells, tile);
}

// ---- Few tokens ----

template <DType kType, int kGroups, int kTokens>
LLMOS_INLINE void add_unit(const std::byte* unit, size_t group_bytes, int64_t blocks,
                           const std::byte* const (&rows)[kTokens], int64_t first,
                           TileSums<kGroups, kTokens>& tile) {
  using Layout = PackedLayout<kType>;
  using Block = PackedBlock<kType>;
  for (int b = 0; b < blocks; ++b) {
    const std::byte* quants[kGroups];
    typename Block::BlockFactors factors[kGroups];
    LLMOS_UNROLL for (int g = 0; g < kGroups; ++g) {
      const std::byte* const head = unit + size_t(g) * group_bytes;
      prefetch_ahead<kBlockLineBytes<Layout>>(head + size_t(b) * kBlockLineBytes<Layout>);
      quants[g] = head + Layout::head_bytes(blocks) + size_t(b) * Layout::kQuantBytes;
      factors[g] = Block::factors(head, b);
    }
    const Cell* cells[kTokens];
    LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) cells[t] = &cell_at(rows[t], first + b);
    add_block<Block>(quants, factors, cells, tile);
  }
}

// kGroups groups times kTokens tokens; the sums go to out[token * kGroups * kGroupRows + row].
template <DType kType, int kGroups, int kTokens>
__attribute__((noinline)) void multiply_groups(const std::byte* group, size_t group_bytes,
                                               int64_t blocks, const std::byte* const* cells,
                                               float* out) {
  using Layout = PackedLayout<kType>;
  constexpr int kUnit = Layout::kUnitBlocks;
  const std::byte* rows[kTokens];
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) rows[t] = cells[t];
  TileSums<kGroups, kTokens> tile = {};
  int64_t b = 0;
  for (; b + kUnit <= blocks; b += kUnit, group += Layout::unit_bytes(kUnit)) {
    add_unit<kType, kGroups, kTokens>(group, group_bytes, kUnit, rows, b, tile);
  }
  if constexpr (!Layout::kIsSuper) {
    if (b < blocks) {
      add_unit<kType, kGroups, kTokens>(group, group_bytes, blocks - b, rows, b, tile);
    }
  }
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    LLMOS_UNROLL for (int g = 0; g < kGroups; ++g) {
      store(out + (t * kGroups + g) * kGroupRows, tile[g][t]);
    }
  }
}

// Row r of the sums is row `row + r` of the matrix.
LLMOS_INLINE void finish_rows(const float* sums, int64_t row, int64_t rows, float* out,
                              const Finish& finish) {
  for (int64_t r = 0; r < rows; r += kLanes) {
    if (r + kLanes <= rows) {
      Floats value = load(sums + r);
      if (finish.bias) value += load(finish.bias + row + r);
      value *= broadcast(finish.scale);
      if (finish.accumulate) value += load(out + row + r);
      store(out + row + r, value);
    } else {
      for (int64_t i = r; i < rows; ++i) finish.store(out, row + i, sums[i]);
    }
  }
}

// What a product is made of, whoever asks for it.
struct PackedRows {
  const std::byte* data;
  size_t group_bytes;
  int64_t rows;
  int64_t blocks;
};

// The tokens of a chunk.
struct CellRows {
  const std::byte* cells[kChunkTokensMax];
  float* out[kChunkTokensMax];
  int count = 0;

  LLMOS_INLINE void add(const std::byte* from, float* to) {
    cells[count] = from;
    out[count++] = to;
  }
};

template <DType kType, int kTokens>
LLMOS_INLINE void multiply_group(const PackedRows& weight, int64_t group, const CellRows& tokens,
                                 int first, const Finish& finish) {
  alignas(64) float sums[kTokens * kGroupRows];
  multiply_groups<kType, 1, kTokens>(weight.data + size_t(group) * weight.group_bytes,
                                     weight.group_bytes, weight.blocks, tokens.cells + first, sums);
  const int64_t row = group * kGroupRows;
  const int64_t rows = weight.rows - row < kGroupRows ? weight.rows - row : kGroupRows;
  for (int t = 0; t < kTokens; ++t) {
    finish_rows(sums + t * kGroupRows, row, rows, tokens.out[first + t], finish);
  }
}

template <DType kType>
void multiply_directly(const PackedRows& weight, Share groups, const CellRows& tokens,
                       const Finish& finish) {
  for (int64_t g = groups.first; g < groups.last; ++g) {
    int t = 0;
    const auto tiles = [&]<int kTokens>() {
      for (; t + kTokens <= tokens.count; t += kTokens) {
        multiply_group<kType, kTokens>(weight, g, tokens, t, finish);
      }
    };
    if constexpr (kDirectTile >= 12) {
      tiles.template operator()<12>();
      tiles.template operator()<8>();
      tiles.template operator()<6>();
    }
    tiles.template operator()<4>();
    tiles.template operator()<3>();
    tiles.template operator()<2>();
    tiles.template operator()<1>();
  }
}

// ---- Many tokens ----

// [block][group]
template <DType kType>
void unpack_panel(const PackedRows& weight, int64_t group, int groups, int64_t first, int64_t count,
                  std::byte* panel) {
  using Layout = PackedLayout<kType>;
  using Block = PackedBlock<kType>;
  using Unpacked = PanelOf<Block>;
  for (int g = 0; g < groups; ++g) {
    const std::byte* const data = weight.data + size_t(group + g) * weight.group_bytes;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t index = first + i;
      const int64_t unit = index / Layout::kUnitBlocks;
      const int b = int(index % Layout::kUnitBlocks);
      const int64_t rest = weight.blocks - unit * Layout::kUnitBlocks;
      const std::byte* const head = Layout::unit(data, unit);
      const std::byte* const quants =
          head + Layout::head_bytes(rest < Layout::kUnitBlocks ? rest : Layout::kUnitBlocks) +
          size_t(b) * Layout::kQuantBytes;
      prefetch_ahead<Layout::kQuantBytes>(quants);
      std::byte* const to = panel + size_t(i * kPanelGroups + g) * Unpacked::kBytes;
      Quads codes[8];
      Block::template pair<0>(quants, codes[0], codes[1]);
      Block::template pair<1>(quants, codes[2], codes[3]);
      Block::template pair<2>(quants, codes[4], codes[5]);
      Block::template pair<3>(quants, codes[6], codes[7]);
      LLMOS_UNROLL for (int s = 0; s < 8; ++s) store_quads(to + s * kQuadBytes, codes[s]);
      store_as(to + Unpacked::kCodeBytes, Block::factors(head, b));
    }
  }
}

// sums[token][kPanelGroups * kGroupRows], continued unless `is_first`.
template <class Unpacked, int kTokens>
__attribute__((noinline)) void multiply_panel_tile(const std::byte* panel, int64_t blocks,
                                                   const std::byte* const* cells, int64_t first,
                                                   bool is_first, float* sums) {
  const std::byte* rows[kTokens];
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) rows[t] = cells[t] + size_t(first) * kCellBytes;
  TileSums<kPanelGroups, kTokens> tile;
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    LLMOS_UNROLL for (int g = 0; g < kPanelGroups; ++g) {
      tile[g][t] = is_first ? Floats{} : load(sums + (t * kPanelGroups + g) * kGroupRows);
    }
  }
  for (int64_t b = 0; b < blocks; ++b, panel += kPanelGroups * Unpacked::kBytes) {
    const std::byte* quants[kPanelGroups];
    typename Unpacked::BlockFactors factors[kPanelGroups];
    LLMOS_UNROLL for (int g = 0; g < kPanelGroups; ++g) {
      quants[g] = panel + size_t(g) * Unpacked::kBytes;
      factors[g] = Unpacked::factors(quants[g]);
    }
    const Cell* at[kTokens];
    LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) at[t] = &cell_at(rows[t], b);
    add_block<Unpacked>(quants, factors, at, tile);
  }
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    LLMOS_UNROLL for (int g = 0; g < kPanelGroups; ++g) {
      store(sums + (t * kPanelGroups + g) * kGroupRows, tile[g][t]);
    }
  }
}

inline constexpr int kPanelRowsPacked = kPanelGroups * kGroupRows;

template <class Unpacked>
void multiply_panel_tiles(const std::byte* panel, int64_t blocks, const CellRows& tokens,
                          int64_t first, float (*sums)[kPanelRowsPacked]) {
  int t = 0;
  const auto tile = [&]<int kTokens>() {
    multiply_panel_tile<Unpacked, kTokens>(panel, blocks, tokens.cells + t, first, first == 0,
                                           sums[t]);
    t += kTokens;
  };
  while (t + kTilesTokens <= tokens.count) tile.template operator()<kTilesTokens>();
  if (kTilesTokens > 3 && t + 3 <= tokens.count) tile.template operator()<3>();
  if (t + 2 <= tokens.count) tile.template operator()<2>();
  if (t < tokens.count) tile.template operator()<1>();
}

template <DType kType>
void multiply_by_panels(const PackedRows& weight, Share groups, const CellRows& tokens,
                        const Finish& finish) {
  using Block = PackedBlock<kType>;
  using Unpacked = PanelOf<Block>;
  alignas(64) std::byte panel[kPanelBlocks * kPanelGroups * Unpacked::kBytes];
  alignas(64) float sums[kChunkTokensMax][kPanelRowsPacked];
  for (int64_t g = groups.first; g < groups.last; g += kPanelGroups) {
    const int count = int(groups.last - g < kPanelGroups ? groups.last - g : kPanelGroups);
    if (count < kPanelGroups) std::memset(panel, 0, sizeof panel);
    for (int64_t b = 0; b < weight.blocks; b += kPanelBlocks) {
      const int64_t blocks = weight.blocks - b < kPanelBlocks ? weight.blocks - b : kPanelBlocks;
      unpack_panel<kType>(weight, g, count, b, blocks, panel);
      multiply_panel_tiles<Unpacked>(panel, blocks, tokens, b, sums);
    }
    const int64_t row = g * kGroupRows;
    const int64_t rows = min_of(weight.rows - row, int64_t(count) * kGroupRows);
    for (int t = 0; t < tokens.count; ++t) finish_rows(sums[t], row, rows, tokens.out[t], finish);
  }
}

template <DType kType>
void multiply_cells(const PackedRows& weight, Share groups, const CellRows& tokens,
                    const Finish& finish) {
  if (tokens.count <= kDirectTokens) {
    multiply_directly<kType>(weight, groups, tokens, finish);
  } else {
    multiply_by_panels<kType>(weight, groups, tokens, finish);
  }
}

LLMOS_INLINE int chunk_tokens(int64_t columns) {
  const int64_t fit = kChunkBytes / int64_t(quantized_row_bytes(columns));
  if (fit < kChunkTokensMin) return kChunkTokensMin;
  return fit > kChunkTokensMax ? kChunkTokensMax : int(fit / kTilesTokens * kTilesTokens);
}

LLMOS_INLINE PackedRows packed_rows(const Matrix& weight, int64_t matrix) {
  return {weight.data + size_t(matrix) * weight.matrix_bytes, weight.row_bytes, weight.rows,
          weight.columns / kBlockElements};
}

inline constexpr int64_t kShareGroups = kShareRows / kGroupRows;

void matmul_packed(const MatmulParams& p, const Launch& launch) {
  const PackedRows weight = packed_rows(p.weight, 0);
  const Share groups = share_of((weight.rows + kGroupRows - 1) / kGroupRows, launch, kShareGroups);
  const Finish finish{p.bias, p.scale, p.accumulate};
  const size_t cells = quantized_row_bytes(p.weight.columns);
  const int chunk = chunk_tokens(p.weight.columns);
  for (int64_t t = 0; t < p.tokens;) {
    CellRows tokens;
    for (; t < p.tokens && tokens.count < chunk; ++t) {
      tokens.add(p.quantized + size_t(t) * cells, p.out + t * p.out_stride);
    }
    with_packed_dtype(p.weight.dtype, [&]<DType kType>() {
      multiply_cells<kType>(weight, groups, tokens, finish);
    });
  }
}

// Expert by expert, each with all slots that chose it.
void expert_matmul_packed(const ExpertMatmulParams& p, const Launch& launch) {
  const Share groups =
      share_of((p.weight.rows + kGroupRows - 1) / kGroupRows, launch, kShareGroups);
  const size_t cells = quantized_row_bytes(p.weight.columns);
  const int chunk = chunk_tokens(p.weight.columns);
  for (int64_t e = 0; e < p.expert_count; ++e) {
    const PackedRows weight = packed_rows(p.weight, e);
    const Finish finish{p.bias ? p.bias + e * p.weight.rows : nullptr, 1, false};
    for (int64_t s = 0; s < p.slots;) {
      CellRows tokens;
      for (; s < p.slots && tokens.count < chunk; ++s) {
        if (p.experts[s] != e) continue;
        tokens.add(p.quantized + size_t(s / p.slots_per_input) * cells, p.out + s * p.weight.rows);
      }
      with_packed_dtype(p.weight.dtype, [&]<DType kType>() {
        multiply_cells<kType>(weight, groups, tokens, finish);
      });
    }
  }
}

}  // namespace
}  // namespace llmos::kernels
