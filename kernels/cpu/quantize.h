// SPDX-License-Identifier: Apache-2.0
// Activations as 8-bit integers with a scale for every 32, for products with packed weights.
//
// Error   |x - scale * quant| <= scale / 2, scale = (largest |x| of the 32) / 127.
// Not a number, or infinite: the block's scale is NaN, and so is every product with it.
#pragma once

#include "kernels/cpu/quads.h"
#include "kernels/kernels.h"
#include "kernels/share.h"

namespace llmos::kernels {
namespace {

struct Cell {
  int8_t quants[32];
  float scale;
  float scaled_sum;   // scale * the sum of all quants: what a minimum is multiplied with
  uint32_t negative;  // minus the sum of all; where sums have 16 bits, of columns 0 and 1 of
                      // each quad in the lower half, of 2 and 3 in the upper
  uint32_t negative_half[2];  // the same of the first and of the last 16
  uint32_t unused[3];
};
static_assert(sizeof(Cell) == kCellBytes);

#if defined(__AVX2__)
LLMOS_INLINE void sum_cell(Cell& cell) {
  const __m256i quants = load_as<__m256i>(cell.quants);
  __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), quants);
  const __m256i ones = _mm256_set1_epi16(1);
  if constexpr (!kShortSums) pairs = _mm256_madd_epi16(pairs, ones);
  const auto plus = [](__m256i a, __m256i b) {
    return kShortSums ? _mm256_add_epi16(a, b) : _mm256_add_epi32(a, b);
  };
  pairs = plus(pairs, _mm256_shuffle_epi32(pairs, 0x4e));
  pairs = plus(pairs, _mm256_shuffle_epi32(pairs, 0xb1));
  const __m256i whole = plus(pairs, _mm256_permute2x128_si256(pairs, pairs, 1));
  const __m256i zero = _mm256_setzero_si256();
  const auto minus = [&](__m256i a) {
    return kShortSums ? _mm256_sub_epi16(zero, a) : _mm256_sub_epi32(zero, a);
  };
  cell.negative = uint32_t(_mm256_extract_epi32(minus(whole), 0));
  cell.negative_half[0] = uint32_t(_mm256_extract_epi32(minus(pairs), 0));
  cell.negative_half[1] = uint32_t(_mm256_extract_epi32(minus(pairs), 4));
  const __m256i all = kShortSums ? _mm256_madd_epi16(whole, ones) : whole;
  cell.scaled_sum = cell.scale * float(_mm256_extract_epi32(all, 0));
}
#else
LLMOS_INLINE void sum_cell(Cell& cell) {
  int sums[2] = {};
  for (int i = 0; i < 32; ++i) sums[i / 16] += cell.quants[i];
  cell.negative = uint32_t(-(sums[0] + sums[1]));
  cell.negative_half[0] = uint32_t(-sums[0]);
  cell.negative_half[1] = uint32_t(-sums[1]);
  cell.scaled_sum = cell.scale * float(sums[0] + sums[1]);
}
#endif

// Below this the largest |x| of a block counts as 0: 127 / x must be finite.
inline constexpr float kLeastLargest = 1e-36f;

LLMOS_INLINE void quantize_cell(const float* x, Cell& cell) {
  constexpr int kVectors = 32 / kLanes;
  Floats v[kVectors];
  Floats top{}, poison{};
  for (int i = 0; i < kVectors; ++i) {
    v[i] = load(x + i * kLanes);
    top = larger(absolute(v[i]), top);
    poison += v[i] * broadcast(0.0f);  // NaN of what is not finite
  }
  const float largest = largest_lane(top);
  const float inverse = largest > kLeastLargest ? 127 / largest : 0.0f;
  typedef int8_t Few __attribute__((vector_size(kLanes)));
  for (int i = 0; i < kVectors; ++i) {
    const Ints quants = to_ints(nearest(v[i] * broadcast(inverse)));
    store_as(cell.quants + i * kLanes, __builtin_convertvector(quants, Few));
  }
  cell.scale = (inverse > 0 ? largest / 127 : 0.0f) + sum_lanes(poison);
  sum_cell(cell);
  for (uint32_t& word : cell.unused) word = 0;
}

void quantize(const QuantizeParams& p, const Launch& launch) {
  const int64_t cells = p.columns / 32;
  const size_t row_bytes = quantized_row_bytes(p.columns);
  const Share share = share_of(p.tokens * cells, launch);
  for (int64_t i = share.first; i < share.last; ++i) {
    const int64_t token = i / cells, cell = i % cells;
    std::byte* const to = p.out + size_t(token) * row_bytes + size_t(cell) * kCellBytes;
    quantize_cell(p.in + token * p.in_stride + cell * 32, *reinterpret_cast<Cell*>(to));
  }
}

}  // namespace
}  // namespace llmos::kernels
