// SPDX-License-Identifier: Apache-2.0
// Integer dot products of packed weights and quantised activations.
//
// Words   A *group* is kLanes rows of weights side by side. A *quad* is four consecutive columns of
//         a row, as bytes; one register of Quads holds the same quad of a whole group, so that
//         lane r of a sum is row r and no sum over lanes is ever needed.
// Exact   Weights are unsigned codes, activations -127..127, sums integers that cannot overflow
//         (below), so a sum is the same in any order and in every set.
// Zero    A code c stands for c - 2^kZero. The sum begins at -2^kZero * (sum of the activations),
//         so what it ends with is the centred sum: no cancellation in floating point.
// Ranges  With VNNI and in plain C, sums are 32 bits: 32 * 255 * 127 < 2^20. AVX2 sums in 16 bits
//         (wrapping; right when the end result fits), where lane 2 l meets columns 0, 1 and lane
//         2 l + 1 columns 2, 3 of each quad. One maddubs: 2 * 63 * 127 = 16,002 < 2^15. A centred
//         sum of 16 columns' products: 4 bits 15 * 127 * 16 = 30,480; 5 bits 16 * 127 * 16 =
//         32,512; 6 bits, which are summed over 8 products, 32 * 127 * 8 = 32,512. 8 bits do not
//         fit: these are signed there, multiplied as |w| * sign(a, w) (2 * 128 * 127 = 32,512) and
//         summed in 32.
#pragma once

#include "kernels/cpu/vector.h"

namespace llmos::kernels {
namespace {

#if defined(__AVX512VNNI__)
inline constexpr bool kHasDot = true;
#else
inline constexpr bool kHasDot = false;
#endif
#if defined(__AVX2__)
inline constexpr bool kShortSums = !kHasDot;
#else
inline constexpr bool kShortSums = false;
#endif

inline constexpr int kGroupRows = kLanes;
inline constexpr int kQuadBytes = kLanes * 4;
typedef uint8_t Quads __attribute__((vector_size(kQuadBytes)));
typedef uint16_t QuadPairs __attribute__((vector_size(kQuadBytes)));
typedef int16_t Shorts __attribute__((vector_size(kQuadBytes)));

// Keeps the compiler from loading a value twice, and from regrouping 16-bit sums into trees whose
// parts do not fit the registers.
template <class Vector>
LLMOS_INLINE void keep(Vector& v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#else
  (void)v;
#endif
}

LLMOS_INLINE Quads all_quads(int value) { return uint8_t(value) - Quads{}; }
LLMOS_INLINE Quads load_quads(const std::byte* from) {
  Quads quads = load_as<Quads>(from);
  keep(quads);
  return quads;
}
LLMOS_INLINE void store_quads(std::byte* to, Quads quads) { store_as(to, quads); }

// (byte >> shift) & mask; to the left where shift is negative. What comes from the neighbour byte
// is masked away.
template <int kShift>
LLMOS_INLINE Quads quad_field(Quads quads, int mask) {
  if constexpr (kShift > 0) {
    return bits_as<Quads>(bits_as<QuadPairs>(quads) >> uint16_t(kShift)) & all_quads(mask);
  } else if constexpr (kShift < 0) {
    return bits_as<Quads>(bits_as<QuadPairs>(quads) << uint16_t(-kShift)) & all_quads(mask);
  }
  return quads & all_quads(mask);
}

// table[index], indexes below 16.
LLMOS_INLINE Quads look_up_quads(const uint8_t (&table)[16], Quads index) {
#if defined(__AVX512F__)
  const __m512i all = _mm512_broadcast_i32x4(load_as<__m128i>(table));
  return bits_as<Quads>(_mm512_shuffle_epi8(all, bits_as<__m512i>(index)));
#elif defined(__AVX2__)
  const __m256i both = _mm256_broadcastsi128_si256(load_as<__m128i>(table));
  return bits_as<Quads>(_mm256_shuffle_epi8(both, bits_as<__m256i>(index)));
#else
  Quads values;
  for (int i = 0; i < kQuadBytes; ++i) values[i] = table[index[i]];
  return values;
#endif
}

// Four activations, or another 32-bit number, in every lane.
LLMOS_INLINE Ints broadcast_word(const void* from) {
  Ints word = broadcast(load_as<int32_t>(from));
  keep(word);
  return word;
}

// kWide: weights of 8 bits.
template <bool kWide>
struct IntSum {
  static constexpr bool kSigned = kWide && kShortSums;
  Ints v;

  // kZero < 0: codes stand for themselves. `negative` is the activations' sum, negated; for
  // 16-bit sums a pair of them.
  template <int kZero>
  LLMOS_INLINE void start(const void* negative) {
    if constexpr (kZero < 0 || kSigned) {
      v = Ints{};
    } else if constexpr (kShortSums) {
      v = bits_as<Ints>(bits_as<Shorts>(broadcast_word(negative)) << int16_t(kZero));
    } else {
      v = broadcast_word(negative) << kZero;
    }
  }

  LLMOS_INLINE void add(Quads weights, Ints activations) {
#if defined(__AVX512VNNI__)
    v = bits_as<Ints>(_mm512_dpbusd_epi32(bits_as<__m512i>(v), bits_as<__m512i>(weights),
                                          bits_as<__m512i>(activations)));
#elif defined(__AVX2__)
    const __m256i w = bits_as<__m256i>(weights);
    const __m256i a = bits_as<__m256i>(activations);
    if constexpr (kSigned) {
      const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
      v += bits_as<Ints>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    } else {
      v = bits_as<Ints>(bits_as<Shorts>(v) + bits_as<Shorts>(_mm256_maddubs_epi16(w, a)));
    }
    keep(v);
#else
    const QuadPairs w = bits_as<QuadPairs>(weights);
    const Shorts a = bits_as<Shorts>(activations);
    const Shorts low = bits_as<Shorts>(bits_as<QuadPairs>(a) << uint16_t(8)) >> int16_t(8);
    v += multiply_pairs(bits_as<Shorts>(w & uint16_t(255)), low);
    v += multiply_pairs(bits_as<Shorts>(w >> uint16_t(8)), a >> int16_t(8));
#endif
  }

  LLMOS_INLINE Ints total() const {
#if defined(__AVX2__)
    if constexpr (kShortSums && !kSigned) {
      return bits_as<Ints>(_mm256_madd_epi16(load_as<__m256i>(&v), _mm256_set1_epi16(1)));
    }
#endif
    return v;
  }

 private:
  // Lane l: a[2 l] * b[2 l] + a[2 l + 1] * b[2 l + 1].
  static LLMOS_INLINE Ints multiply_pairs(Shorts a, Shorts b) {
#if defined(__SSE2__) && !defined(__AVX2__)
    return bits_as<Ints>(_mm_madd_epi16(bits_as<__m128i>(a), bits_as<__m128i>(b)));
#else
    Ints sums;
    for (int i = 0; i < kLanes; ++i) sums[i] = a[2 * i] * b[2 * i] + a[2 * i + 1] * b[2 * i + 1];
    return sums;
#endif
  }
};

}  // namespace
}  // namespace llmos::kernels
