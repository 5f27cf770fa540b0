// SPDX-License-Identifier: Apache-2.0
// Vectors of the instruction set that this unit is compiled for, by the compiler's own vector
// types; intrinsics only where those generate poor code.
//
// Every kernel of kernels/cpu is compiled once for each set, with other flags. A linker keeps one
// of several equal inline functions, whichever it likes, and would hand code for AVX2 to a CPU
// without it. So all of it has internal linkage, in an unnamed namespace, and uses no function
// templates or inline functions of others (std::min, std::bit_cast): a test reads the symbols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
  #include <immintrin.h>
#elif defined(__SSE2__)
  #include <emmintrin.h>
#endif

#define LLMOS_INLINE __attribute__((always_inline)) inline
#define LLMOS_UNROLL _Pragma("GCC unroll 16")
#define LLMOS_INLINE_LAMBDA __attribute__((always_inline))

namespace llmos::kernels {
namespace {

#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
inline constexpr const char* kSetName = "avx512";
#elif defined(__AVX2__)
inline constexpr int kLanes = 8;
inline constexpr const char* kSetName = "avx2";
#else
inline constexpr int kLanes = 4;  // SSE2, or NEON
inline constexpr const char* kSetName = "generic";
#endif

typedef float Floats __attribute__((vector_size(kLanes * 4)));
typedef int32_t Ints __attribute__((vector_size(kLanes * 4)));
typedef uint32_t Words __attribute__((vector_size(kLanes * 4)));
typedef uint16_t Halves __attribute__((vector_size(kLanes * 2)));
typedef double Doubles __attribute__((vector_size(kLanes * 8)));

LLMOS_INLINE int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
LLMOS_INLINE int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

template <class T>
LLMOS_INLINE T load_as(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
template <class T>
LLMOS_INLINE void store_as(void* to, T value) {
  std::memcpy(to, &value, sizeof value);
}
LLMOS_INLINE Floats load(const float* from) { return load_as<Floats>(from); }
LLMOS_INLINE void store(float* to, Floats value) { store_as(to, value); }
// The first `count` lanes, the others `rest`.
LLMOS_INLINE Floats load_part(const float* from, int64_t count, float rest = 0) {
  float lanes[kLanes];
  for (int i = 0; i < kLanes; ++i) lanes[i] = i < count ? from[i] : rest;
  return load(lanes);
}
LLMOS_INLINE void store_part(float* to, Floats value, int64_t count) {
  std::memcpy(to, &value, size_t(count) * sizeof(float));
}

LLMOS_INLINE Floats broadcast(float x) { return x - Floats{}; }  // x + 0 would lose the sign of -0
LLMOS_INLINE Ints broadcast(int32_t x) { return x - Ints{}; }

template <class To, class From>
LLMOS_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

// Lane by lane: `mask` has all bits set or none.
LLMOS_INLINE Floats select(Ints mask, Floats yes, Floats no) {
  return bits_as<Floats>((mask & bits_as<Ints>(yes)) | (~mask & bits_as<Ints>(no)));
}
LLMOS_INLINE Floats larger(Floats a, Floats b) { return select(a > b, a, b); }
LLMOS_INLINE Floats smaller(Floats a, Floats b) { return select(a < b, a, b); }
LLMOS_INLINE Floats absolute(Floats x) {
  return bits_as<Floats>(bits_as<Ints>(x) & broadcast(0x7fffffff));
}
LLMOS_INLINE Floats with_sign_of(Floats magnitude, Floats sign) {
  const Ints bit = bits_as<Ints>(sign) & broadcast(INT32_MIN);
  return bits_as<Floats>(bits_as<Ints>(absolute(magnitude)) | bit);
}

// a * b + c; rounded once where the set has such an instruction.
LLMOS_INLINE Floats fma(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}

// The nearest integer, even for ties, of |x| < 2^22: adding 1.5 * 2^23 leaves no bits behind the
// point.
LLMOS_INLINE Floats nearest(Floats x) {
  const Floats shift = broadcast(12582912.0f);
  return (x + shift) - shift;
}
LLMOS_INLINE Ints to_ints(Floats x) { return __builtin_convertvector(x, Ints); }
LLMOS_INLINE Floats to_floats(Ints x) { return __builtin_convertvector(x, Floats); }

// The sum of the lanes, as a balanced tree.
// Each four lanes with f: the first with the third, the second with the fourth, then the two
// results; then the fours with their neighbours, these pairs with theirs.
template <class F>
LLMOS_INLINE float fold_lanes(Floats x, F f) {
#if defined(__AVX512F__)
  const __m512 twos = f(x, _mm512_permute_ps(x, 0x4e));
  const __m512 ones = f(twos, _mm512_permute_ps(twos, 0xb1));
  const __m512 pairs = f(ones, _mm512_shuffle_f32x4(ones, ones, 0xb1));
  return f(pairs, _mm512_shuffle_f32x4(pairs, pairs, 0x4e))[0];
#elif defined(__AVX2__)
  const __m256 twos = f(x, _mm256_permute_ps(x, 0x4e));
  const __m256 ones = f(twos, _mm256_permute_ps(twos, 0xb1));
  return f(ones, _mm256_permute2f128_ps(ones, ones, 1))[0];
#elif defined(__SSE2__)
  const __m128 twos = f(x, _mm_shuffle_ps(x, x, 0x4e));
  return f(twos, _mm_shuffle_ps(twos, twos, 0xb1))[0];
#else
  return f(f(x[0], x[2]), f(x[1], x[3]));
#endif
}
LLMOS_INLINE float sum_lanes(Floats x) {
  return fold_lanes(x, [](auto a, auto b) LLMOS_INLINE_LAMBDA { return a + b; });
}
LLMOS_INLINE float largest_lane(Floats x) {
  return fold_lanes(x, [](auto a, auto b) LLMOS_INLINE_LAMBDA { return a > b ? a : b; });
}

// Lane i: the sum of rows[i]'s lanes, as sum_lanes() has it.
LLMOS_INLINE Floats sum_rows(const Floats (&rows)[kLanes]) {
#if defined(__SSE2__)
  Floats fours[kLanes / 4];  // of four rows each: a partial sum of each row in every four lanes
  for (int i = 0; i < kLanes / 4; ++i) {
    const Floats &a = rows[4 * i], &b = rows[4 * i + 1], &c = rows[4 * i + 2], &d = rows[4 * i + 3];
  #if defined(__AVX512F__)
    const __m512 ab = _mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b);
    const __m512 cd = _mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d);
    fours[i] = _mm512_shuffle_ps(ab, cd, 0x44) + _mm512_shuffle_ps(ab, cd, 0xee);
  #elif defined(__AVX2__)
    const __m256 ab = _mm256_unpacklo_ps(a, b) + _mm256_unpackhi_ps(a, b);
    const __m256 cd = _mm256_unpacklo_ps(c, d) + _mm256_unpackhi_ps(c, d);
    fours[i] = _mm256_shuffle_ps(ab, cd, 0x44) + _mm256_shuffle_ps(ab, cd, 0xee);
  #else
    const __m128 ab = _mm_unpacklo_ps(a, b) + _mm_unpackhi_ps(a, b);
    const __m128 cd = _mm_unpacklo_ps(c, d) + _mm_unpackhi_ps(c, d);
    fours[i] = _mm_shuffle_ps(ab, cd, 0x44) + _mm_shuffle_ps(ab, cd, 0xee);
  #endif
  }
  #if defined(__AVX512F__)
  const auto pair = [](__m512 a, __m512 b) LLMOS_INLINE_LAMBDA {
    return _mm512_shuffle_f32x4(a, b, 0x88) + _mm512_shuffle_f32x4(a, b, 0xdd);
  };
  return pair(pair(fours[0], fours[1]), pair(fours[2], fours[3]));
  #elif defined(__AVX2__)
  return _mm256_permute2f128_ps(fours[0], fours[1], 0x20) +
         _mm256_permute2f128_ps(fours[0], fours[1], 0x31);
  #else
  return fours[0];
  #endif
#else
  Floats sums;
  for (int i = 0; i < kLanes; ++i) sums[i] = sum_lanes(rows[i]);
  return sums;
#endif
}

// ---- Half precision, by bits as in tensor/half.h ----

LLMOS_INLINE Floats load_f16(const void* from) {
#if defined(__AVX512F__)
  return _mm512_cvtph_ps(load_as<__m256i>(from));
#elif defined(__F16C__)
  return _mm256_cvtph_ps(load_as<__m128i>(from));
#else
  const Words half = __builtin_convertvector(load_as<Halves>(from), Words);
  const Words magnitude = half & 0x7fffu;
  const Ints is_small = bits_as<Ints>(magnitude < 0x0400u);
  const Ints is_large = bits_as<Ints>(magnitude >= 0x7c00u);
  const Floats subnormal = to_floats(bits_as<Ints>(magnitude)) * broadcast(0x1p-24f);
  const Words normal = (magnitude << 13) + (112u << 23) + (bits_as<Words>(is_large) & (112u << 23));
  const Floats value = select(is_small, subnormal, bits_as<Floats>(normal));
  return bits_as<Floats>(bits_as<Words>(value) | ((half & 0x8000u) << 16));
#endif
}

LLMOS_INLINE void store_f16(void* to, Floats value) {
#if defined(__AVX512F__)
  store_as(to, _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#elif defined(__F16C__)
  store_as(to, _mm256_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
#else
  const Words bits = bits_as<Words>(value);
  const Words magnitude = bits & 0x7fffffffu;
  const Floats half = broadcast(0.5f);
  const Words subnormal = bits_as<Words>(bits_as<Floats>(magnitude) + half) - bits_as<Words>(half);
  const Words normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const Words nan = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  const Words is_small = bits_as<Words>(magnitude < (113u << 23));
  const Words is_large = bits_as<Words>(magnitude >= 0x47800000u);  // 65536
  const Words is_nan = bits_as<Words>(magnitude > 0x7f800000u);
  const Words finite = (is_small & subnormal) | (~is_small & normal);
  const Words large = (is_nan & nan) | (~is_nan & 0x7c00u);
  const Words result = (is_large & large) | (~is_large & finite) | ((bits >> 16) & 0x8000u);
  store_as(to, __builtin_convertvector(result, Halves));
#endif
}

LLMOS_INLINE Floats load_bf16(const void* from) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return bits_as<Floats>(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_as<__m128i>(from)), 16));
#else
  return bits_as<Floats>(__builtin_convertvector(load_as<Halves>(from), Words) << 16);
#endif
}

LLMOS_INLINE void store_bf16(void* to, Floats value) {
  const Words bits = bits_as<Words>(value);
  const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const Words is_nan = bits_as<Words>((bits & 0x7fffffffu) > 0x7f800000u);
  store_as(
      to, __builtin_convertvector((is_nan & ((bits >> 16) | 0x40u)) | (~is_nan & rounded), Halves));
}

// Of one number, in registers: by way of memory it would wait for the store.
LLMOS_INLINE float f16_value(uint16_t half) {
#if defined(__F16C__)
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
#else
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t subnormal = bits_as<uint32_t>(float(int32_t(magnitude)) * 0x1p-24f);
  const uint32_t rebias = magnitude < 0x7c00u ? 112u << 23 : 224u << 23;
  return bits_as<float>(sign | (magnitude < 0x0400u ? subnormal : (magnitude << 13) + rebias));
#endif
}
LLMOS_INLINE uint16_t f16_bits(float value) {
  uint16_t lanes[kLanes];
  store_f16(lanes, broadcast(value));
  return lanes[0];
}

}  // namespace
}  // namespace llmos::kernels
