// SPDX-License-Identifier: Apache-2.0
// Products of activations with rows of weights of any type.
//
// Bound   one token: bytes of weights from memory. Many tokens: the FMA units.
// Layout  Both operands are contiguous along the columns, so an output is a dot product: lane l of
//         one accumulator sums columns l, l + kLanes, ... in ascending order, then the lanes are
//         summed as a tree. Every path below keeps this order for every output, so that a result
//         does not depend on how many tokens or rows are computed with it.
// Paths   One token: four rows at a time, decoded in registers (dots). More: a panel of four rows
//         times a chunk of columns is decoded once into a buffer in the first-level cache and then
//         multiplied with up to kBlockTokens tokens in register tiles, whose accumulators stay in
//         registers for the whole chunk.
#pragma once

#include "kernels/cpu/decode.h"
#include "kernels/kernels.h"
#include "kernels/share.h"

namespace llmos::kernels {
namespace {

// Rows whose sums are kept together: as many as the widest sum_rows() takes.
inline constexpr int kPanelRows = 16;
// Tokens that share a decoded panel. Decoding costs about as much as 2 tokens' products, so 48
// leave it at 4 %; their accumulators (48 * 16 vectors, 24 KiB for AVX2) and columns (48 KiB) stay
// in the second-level cache. A multiple of kTileTokens.
inline constexpr int kBlockTokens = 48;
// A register tile has 4 x 3 accumulators, 3 vectors of activations and one of weights: 16, what
// AVX2 has. AVX-512 has 32: 4 x 6.
// A panel is kTileRows rows of kPanelSteps steps in f32: 16 KiB, half of a first-level cache; where
// vectors are 64 bytes, and their loads twice as dear, 32 of 48 KiB.
inline constexpr int kTileRows = 4;
#if defined(__AVX512F__)
inline constexpr int kTileTokens = 6;
inline constexpr int kPanelSteps = 64;
#else
inline constexpr int kTileTokens = 3;
inline constexpr int kPanelSteps = 32;
#endif

// The tokens of one pass and where their results go.
struct TokenBlock {
  const float* in[kBlockTokens];
  float* out[kBlockTokens];
  int count = 0;

  LLMOS_INLINE void add(const float* from, float* to) {
    in[count] = from;
    out[count++] = to;
  }
};

struct WeightRows {
  const std::byte* data;
  size_t row_bytes;
  int64_t columns;
};

// What happens to a sum before it is stored.
struct Finish {
  const float* bias;
  float scale;
  bool accumulate;

  LLMOS_INLINE void store(float* out, int64_t row, float sum) const {
    const float value = scale * (bias ? sum + bias[row] : sum);
    out[row] = accumulate ? out[row] + value : value;
  }
};

// The last columns of a row of activations, zeros behind them.
LLMOS_INLINE void copy_rest(const float* in, int64_t columns, float (&rest)[kStep]) {
  const int64_t whole = columns / kStep * kStep;
  for (int64_t i = 0; i < kStep; ++i) rest[i] = whole + i < columns ? in[whole + i] : 0;
}

// kTokens tokens times kRows rows, each decoded step in registers while it meets all tokens. What
// lies behind the rows is asked for, each line once: they are too short for the CPU to find the
// next ones by itself.
template <DType kType, int kRows, int kTokens>
LLMOS_INLINE void add_dots(const std::byte* const (&rows)[kRows], int64_t step, size_t ahead,
                           const float* const (&in)[kTokens], int64_t column,
                           Floats (&sums)[kRows][kTokens], int64_t rest = 0) {
  if (is_plain(kType) && ahead > 0) {
    constexpr size_t kStepBytes = kType == DType::kF32      ? 4 * kStep
                                  : kType == DType::kF8E4M3 ? kStep
                                                            : 2 * kStep;
    LLMOS_UNROLL for (int r = 0; r < kRows; ++r) {
      LLMOS_UNROLL for (size_t line = 0; line < kStepBytes; line += 64) {
        __builtin_prefetch(rows[r] + ahead + size_t(step) * kStepBytes + line);
      }
    }
  }
  const auto decoded = [&](int r) LLMOS_INLINE_LAMBDA {
    if constexpr (is_plain(kType)) {
      if (rest > 0) return last_step<kType>(rows[r], step, rest);
    }
    return Decoder<kType>::step(rows[r], step);
  };
  if constexpr (is_plain(kType) && kLanes == 16 && kTokens > 1) {  // registers for all rows
    LLMOS_UNROLL for (int i = 0; i < kStepVectors; ++i) {
      Floats w[kRows];
      LLMOS_UNROLL for (int r = 0; r < kRows; ++r) w[r] = decoded(r).v[i];
      LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
        const Floats x = load(in[t] + column + i * kLanes);
        LLMOS_UNROLL for (int r = 0; r < kRows; ++r) sums[r][t] = fma(w[r], x, sums[r][t]);
      }
    }
    return;
  }
  LLMOS_UNROLL for (int r = 0; r < kRows; ++r) {
    const Step weights = decoded(r);
    LLMOS_UNROLL for (int i = 0; i < kStepVectors; ++i) {
      LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
        sums[r][t] = fma(weights.v[i], load(in[t] + column + i * kLanes), sums[r][t]);
      }
    }
  }
}

// Bytes: what a core reads in the time that memory takes (45 GB/s, 180 ns).
inline constexpr size_t kPlainAhead = 8192;

template <DType kType, int kRows, int kTokens>
__attribute__((noinline)) void dots(const WeightRows& weight, int64_t row, const float* const* in,
                                    float* const* out, const Finish& finish) {
  const std::byte* rows[kRows];
  for (int r = 0; r < kRows; ++r) rows[r] = weight.data + size_t(row + r) * weight.row_bytes;
  const float* from[kTokens];
  for (int t = 0; t < kTokens; ++t) from[t] = in[t];
  Floats sums[kRows][kTokens] = {};
  const int64_t steps = weight.columns / kStep;
  // A single row's own stream, or the rows behind these.
  const size_t ahead = kRows == 1 ? kPlainAhead : size_t(kRows) * weight.row_bytes;
  for (int64_t s = 0; s < steps; ++s) {
    add_dots<kType, kRows, kTokens>(rows, s, ahead, from, s * kStep, sums);
  }
  if constexpr (is_plain(kType)) {
    if (const int64_t rest = weight.columns % kStep; rest > 0) {
      float x[kTokens][kStep];
      for (int t = 0; t < kTokens; ++t) {
        copy_rest(in[t], weight.columns, x[t]);
        from[t] = x[t];
      }
      add_dots<kType, kRows, kTokens>(rows, steps, 0, from, 0, sums, rest);
    }
  }
  LLMOS_UNROLL for (int r = 0; r < kRows; ++r) {
    LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
      finish.store(out[t], row + r, sum_lanes(sums[r][t]));
    }
  }
}

// Rows of one token's product. A vector of 64 bytes every four cycles, and the next row begun
// before one ends, are faster than memory with one stream, which memory likes best (F16, 4 KiB
// pages: 28 GB/s with four, 34 with one). Shorter vectors want four chains.
template <DType kType, int kTokens>
inline constexpr int kFewRows = is_plain(kType) && kLanes == 16 && kTokens == 1 ? 1 : kTileRows;

template <DType kType, int kTokens>
void multiply_few(const WeightRows& weight, Share rows, const TokenBlock& tokens, int first,
                  const Finish& finish) {
  const float* const* const in = tokens.in + first;
  float* const* const out = tokens.out + first;
  constexpr int kRows = kFewRows<kType, kTokens>;
  int64_t row = rows.first;
  for (; row + kRows <= rows.last; row += kRows) {
    dots<kType, kRows, kTokens>(weight, row, in, out, finish);
  }
  for (; row < rows.last; ++row) dots<kType, 1, kTokens>(weight, row, in, out, finish);
}

// A chunk of columns of up to kTileRows rows, decoded.
struct Panel {
  alignas(64) float values[kTileRows][kPanelSteps * kStep];
  int steps;
};

LLMOS_INLINE void store_step(float* to, const Step& step) {
  for (int i = 0; i < kStepVectors; ++i) store(to + i * kLanes, step.v[i]);
}

template <DType kType>
void decode_panel(const WeightRows& weight, Share rows, int64_t first_step, Panel& panel) {
  const int64_t whole_steps = weight.columns / kStep;
  for (int64_t r = rows.first; r < rows.last; ++r) {
    const std::byte* row = weight.data + size_t(r) * weight.row_bytes;
    float* to = panel.values[r - rows.first];
    for (int s = 0; s < panel.steps; ++s) {
      if constexpr (is_plain(kType)) {
        if (first_step + s == whole_steps) {
          store_step(to + s * kStep, last_step<kType>(row, whole_steps, weight.columns % kStep));
          break;
        }
      }
      store_step(to + s * kStep, Decoder<kType>::step(row, first_step + s));
    }
  }
}

using PanelSums = Floats[kBlockTokens][kPanelRows];

// Adds a chunk's products to the sums of kTokens tokens and kTileRows rows.
template <int kTokens>
LLMOS_INLINE void multiply_tile(const Panel& panel, const float* const* in, int64_t column, int row,
                                Floats (*sums)[kPanelRows]) {
  Floats tile[kTokens][kTileRows];
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    LLMOS_UNROLL for (int r = 0; r < kTileRows; ++r) tile[t][r] = sums[t][row + r];
  }
  for (int64_t k = 0; k < panel.steps * kStep; k += kLanes) {
    Floats x[kTokens];
    LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) x[t] = load(in[t] + column + k);
    LLMOS_UNROLL for (int r = 0; r < kTileRows; ++r) {
      const Floats w = load(&panel.values[r][k]);
      LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) tile[t][r] = fma(w, x[t], tile[t][r]);
    }
  }
  LLMOS_UNROLL for (int t = 0; t < kTokens; ++t) {
    LLMOS_UNROLL for (int r = 0; r < kTileRows; ++r) sums[t][row + r] = tile[t][r];
  }
}

void multiply_panel(const Panel& panel, const float* const* in, int count, int64_t column, int row,
                    PanelSums& sums) {
  int t = 0;
  for (; t + kTileTokens <= count; t += kTileTokens) {
    multiply_tile<kTileTokens>(panel, in + t, column, row, sums + t);
  }
  if (kTileTokens > 3 && t + 3 <= count) {
    multiply_tile<3>(panel, in + t, column, row, sums + t);
    t += 3;
  }
  if (t + 2 <= count) {
    multiply_tile<2>(panel, in + t, column, row, sums + t);
    t += 2;
  }
  if (t < count) multiply_tile<1>(panel, in + t, column, row, sums + t);
}

// The last, incomplete step of the columns: the activations need zeros behind them too.
template <DType kType>
void multiply_rest(const WeightRows& weight, Share rows, int row, const TokenBlock& tokens,
                   Panel& panel, PanelSums& sums) {
  panel.steps = 1;
  decode_panel<kType>(weight, rows, weight.columns / kStep, panel);
  float rests[kBlockTokens][kStep];
  const float* in[kBlockTokens];
  for (int t = 0; t < tokens.count; ++t) {
    copy_rest(tokens.in[t], weight.columns, rests[t]);
    in[t] = rests[t];
  }
  multiply_panel(panel, in, tokens.count, 0, row, sums);
}

// At most kTileRows rows, `row` the first one's place among the sums. Missing rows of a panel hold
// what was there: their sums are nobody's.
template <DType kType>
void multiply_tile_rows(const WeightRows& weight, Share rows, int row, const TokenBlock& tokens,
                        Panel& panel, PanelSums& sums) {
  const int64_t steps = weight.columns / kStep;
  for (int64_t s = 0; s < steps; s += kPanelSteps) {
    panel.steps = int(steps - s < kPanelSteps ? steps - s : kPanelSteps);
    decode_panel<kType>(weight, rows, s, panel);
    multiply_panel(panel, tokens.in, tokens.count, s * kStep, row, sums);
  }
  if (is_plain(kType) && weight.columns % kStep != 0) {
    multiply_rest<kType>(weight, rows, row, tokens, panel, sums);
  }
}

// At most kPanelRows rows.
template <DType kType>
void multiply_rows(const WeightRows& weight, Share rows, const TokenBlock& tokens,
                   const Finish& finish) {
  Panel panel;
  if (rows.last - rows.first < kPanelRows) std::memset(&panel, 0, sizeof panel);
  PanelSums sums;
  std::memset(sums, 0, sizeof sums[0] * size_t(tokens.count));
  for (int64_t r = rows.first; r < rows.last; r += kTileRows) {
    const Share tile{r, min_of(r + kTileRows, rows.last)};
    multiply_tile_rows<kType>(weight, tile, int(r - rows.first), tokens, panel, sums);
  }
  for (int t = 0; t < tokens.count; ++t) {
    for (int64_t r = rows.first; r < rows.last; r += kLanes) {
      Floats lanes[kLanes];
      for (int i = 0; i < kLanes; ++i) lanes[i] = sums[t][r - rows.first + i];
      float values[kLanes];
      store(values, sum_rows(lanes));
      for (int64_t i = r; i < min_of(r + kLanes, rows.last); ++i) {
        finish.store(tokens.out[t], i, values[i - r]);
      }
    }
  }
}

// Plain types are decoded by one instruction: up to kFewTokens in several passes over a few rows,
// the later ones from a cache, are cheaper than a panel. With 32 registers they always are. Other
// types are decoded again for one token only.
#if defined(__AVX512F__)
inline constexpr int kFewTokens = kBlockTokens;
#else
inline constexpr int kFewTokens = 2 * kTileTokens;
#endif

template <DType kType>
void multiply_block(const WeightRows& weight, Share rows, const TokenBlock& tokens,
                    const Finish& finish) {
  if (tokens.count == 1) return multiply_few<kType, 1>(weight, rows, tokens, 0, finish);
  if constexpr (is_plain(kType)) {
    if (tokens.count <= kFewTokens) {
      for (int64_t r = rows.first; r < rows.last; r += kPanelRows) {
        const Share part{r, min_of(r + kPanelRows, rows.last)};
        int t = 0;
        const auto few = [&]<int kTokens>() {
          for (; t + kTokens <= tokens.count; t += kTokens) {
            multiply_few<kType, kTokens>(weight, part, tokens, t, finish);
          }
        };
        if constexpr (kTileTokens > 3) few.template operator()<6>();
        if constexpr (kTileTokens > 3) few.template operator()<4>();
        few.template operator()<3>();
        few.template operator()<2>();
        few.template operator()<1>();
      }
      return;
    }
  }
  for (int64_t r = rows.first; r < rows.last; r += kPanelRows) {
    multiply_rows<kType>(weight, {r, min_of(r + kPanelRows, rows.last)}, tokens, finish);
  }
}

// Panel by panel, so that weights come from memory once for all tokens.
template <DType kType>
void multiply(const MatmulParams& p, Share rows) {
  const WeightRows weight{p.weight.data, p.weight.row_bytes, p.weight.columns};
  const Finish finish{p.bias, p.scale, p.accumulate};
  const int64_t unit = p.tokens <= kBlockTokens ? rows.last - rows.first : kPanelRows;
  for (int64_t r = rows.first; r < rows.last; r += unit) {
    for (int64_t t = 0; t < p.tokens; t += kBlockTokens) {
      TokenBlock block;
      for (int64_t i = t; i < p.tokens && block.count < kBlockTokens; ++i) {
        block.add(p.in + i * p.in_stride, p.out + i * p.out_stride);
      }
      multiply_block<kType>(weight, {r, min_of(r + unit, rows.last)}, block, finish);
    }
  }
}

void matmul(const MatmulParams& p, const Launch& launch) {
  const Share rows = share_of(p.weight.rows, launch, kShareRows);
  with_dtype(p.weight.dtype, [&]<DType kType>() { multiply<kType>(p, rows); });
}

// Expert by expert, each with all slots that chose it.
template <DType kType>
void multiply_experts(const ExpertMatmulParams& p, Share rows) {
  for (int64_t e = 0; e < p.expert_count; ++e) {
    const WeightRows weight{p.weight.data + size_t(e) * p.weight.matrix_bytes, p.weight.row_bytes,
                            p.weight.columns};
    const Finish finish{p.bias ? p.bias + e * p.weight.rows : nullptr, 1, false};
    TokenBlock block;
    for (int64_t s = 0; s < p.slots; ++s) {
      if (p.experts[s] != e) continue;
      block.add(p.in + s / p.slots_per_input * p.weight.columns, p.out + s * p.weight.rows);
      if (block.count < kBlockTokens) continue;
      multiply_block<kType>(weight, rows, block, finish);
      block.count = 0;
    }
    if (block.count > 0) multiply_block<kType>(weight, rows, block, finish);
  }
}

void expert_matmul(const ExpertMatmulParams& p, const Launch& launch) {
  const Share rows = share_of(p.weight.rows, launch, kShareRows);
  with_dtype(p.weight.dtype, [&]<DType kType>() { multiply_experts<kType>(p, rows); });
}

template <DType kType>
void embed_row(const EmbedParams& p, const std::byte* row, float* out) {
  const int64_t columns = p.table.columns;
  for (int64_t c = 0; c < columns; c += kStep) {
    const int64_t count = columns - c < kStep ? columns - c : kStep;
    Step step;
    if constexpr (is_plain(kType)) {
      step = count < kStep ? last_step<kType>(row, c / kStep, count)
                           : Decoder<kType>::step(row, c / kStep);
    } else {
      step = Decoder<kType>::step(row, c / kStep);
    }
    float values[kStep];
    store_step(values, step);
    for (int64_t i = 0; i < count; ++i) {
      out[c + i] = (p.accumulate ? out[c + i] : 0) + p.scale * values[i];
    }
  }
}

void embed(const EmbedParams& p, const Launch& launch) {
  const Share share = share_of(p.tokens, launch);
  with_dtype(p.table.dtype, [&]<DType kType>() {
    for (int64_t t = share.first; t < share.last; ++t) {
      embed_row<kType>(p, p.table.data + size_t(p.ids[t]) * p.table.row_bytes,
                       p.out + t * p.table.columns);
    }
  });
}

}  // namespace
}  // namespace llmos::kernels
