// SPDX-License-Identifier: Apache-2.0
// Weights of every type as f32 vectors, in *steps* of 32 consecutive elements: 32 bytes fill one
// register of AVX2, and every type's blocks are whole steps. The values are those of
// tensor/quant.h, bit for bit: the same products and sums, each rounded once.
#pragma once

#include "kernels/cpu/vector.h"
#include "tensor/dtype.h"
#include "tensor/quant_blocks.h"

namespace llmos::kernels {
namespace {

inline constexpr int kStep = 32;
inline constexpr int kStepVectors = kStep / kLanes;

struct Step {
  Floats v[kStepVectors];
};

typedef uint8_t Bytes __attribute__((vector_size(kStep)));
typedef uint8_t HalfBytes __attribute__((vector_size(kStep / 2)));
typedef uint16_t BytePairs __attribute__((vector_size(kStep)));
typedef uint64_t ByteOctets __attribute__((vector_size(kStep)));

LLMOS_INLINE Bytes all_bytes(int value) { return uint8_t(value) - Bytes{}; }

// (byte >> shift) & mask, for masks that fit behind the shift: then what the neighbour's bits leave
// in a byte is masked away.
LLMOS_INLINE Bytes bit_field(Bytes bytes, int shift, int mask) {
  return bits_as<Bytes>(bits_as<BytePairs>(bytes) >> uint16_t(shift)) & all_bytes(mask);
}

// The lower halves of 16 bytes, then their upper halves.
LLMOS_INLINE Bytes nibbles(const uint8_t* from) {
  typedef uint16_t Pairs __attribute__((vector_size(kStep / 2)));
  const HalfBytes mask = uint8_t(15) - HalfBytes{};
  const HalfBytes bytes = load_as<HalfBytes>(from);
  const HalfBytes low = bytes & mask;
  const HalfBytes high = bits_as<HalfBytes>(bits_as<Pairs>(bytes) >> uint16_t(4)) & mask;
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                                 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
}

// Byte i is `value` where bit i is set, else 0.
LLMOS_INLINE Bytes spread_bits(uint32_t bits, int value) {
  constexpr uint64_t kEach = 0x0101010101010101u;
  constexpr uint64_t kBits = 0x8040201008040201u;
  const ByteOctets copies = {(bits & 255u) * kEach, ((bits >> 8) & 255u) * kEach,
                             ((bits >> 16) & 255u) * kEach, (bits >> 24) * kEach};
  const ByteOctets chosen = copies & kBits;
  return bits_as<Bytes>(bits_as<Bytes>(chosen) != Bytes{}) & all_bytes(value);
}

LLMOS_INLINE Bytes look_up(const int8_t (&table)[16], Bytes index) {
#if defined(__AVX2__)
  const __m256i both = _mm256_broadcastsi128_si256(load_as<__m128i>(table));
  return bits_as<Bytes>(_mm256_shuffle_epi8(both, bits_as<__m256i>(index)));
#else
  Bytes values;
  for (int i = 0; i < kStep; ++i) values[i] = uint8_t(table[index[i]]);
  return values;
#endif
}

LLMOS_INLINE Step from_signed(Bytes bytes) {
  Step step;
#if defined(__AVX512F__)
  const __m256i all = bits_as<__m256i>(bytes);
  step.v[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(all)));
  step.v[1] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(all, 1)));
#elif defined(__AVX2__)
  const __m256i all = bits_as<__m256i>(bytes);
  const __m128i low = _mm256_castsi256_si128(all);
  const __m128i high = _mm256_extracti128_si256(all, 1);
  step.v[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(low));
  step.v[1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(low, 8)));
  step.v[2] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(high));
  step.v[3] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(high, 8)));
#else
  typedef int8_t Few __attribute__((vector_size(kLanes)));
  for (int i = 0; i < kStepVectors; ++i) {
    const char* part = reinterpret_cast<const char*>(&bytes) + i * kLanes;
    step.v[i] = to_floats(__builtin_convertvector(load_as<Few>(part), Ints));
  }
#endif
  return step;
}

LLMOS_INLINE Step scaled(Bytes quants, float scale) {
  Step step = from_signed(quants);
  for (Floats& v : step.v) v *= broadcast(scale);
  return step;
}
// Other scales for the second 16 elements.
LLMOS_INLINE Step scaled(Bytes quants, float first, float second) {
  Step step = from_signed(quants);
  for (int i = 0; i < kStepVectors; ++i) {
    step.v[i] *= broadcast(i < kStepVectors / 2 ? first : second);
  }
  return step;
}
LLMOS_INLINE Step shifted(Step step, float first, float second) {
  for (int i = 0; i < kStepVectors; ++i) {
    step.v[i] += broadcast(i < kStepVectors / 2 ? first : second);
  }
  return step;
}

// Decoder<type>::step(row, s): elements 32 s .. 32 s + 31 of a row.
template <DType kType>
struct Decoder;

template <>
struct Decoder<DType::kF32> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    Step step;
    for (int i = 0; i < kStepVectors; ++i) {
      step.v[i] = load_as<Floats>(row + (s * kStep + i * kLanes) * 4);
    }
    return step;
  }
};

template <>
struct Decoder<DType::kF16> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    Step step;
    for (int i = 0; i < kStepVectors; ++i) {
      step.v[i] = load_f16(row + (s * kStep + i * kLanes) * 2);
    }
    return step;
  }
};

template <>
struct Decoder<DType::kBF16> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    Step step;
    for (int i = 0; i < kStepVectors; ++i) {
      step.v[i] = load_bf16(row + (s * kStep + i * kLanes) * 2);
    }
    return step;
  }
};

template <>
struct Decoder<DType::kF8E4M3> {
  static LLMOS_INLINE Floats widen(const std::byte* from) {
    typedef uint8_t Few __attribute__((vector_size(kLanes)));
    const Words small = __builtin_convertvector(load_as<Few>(from), Words);
    const Words magnitude = small & 0x7fu;
    const Floats subnormal = to_floats(bits_as<Ints>(magnitude)) * broadcast(0x1p-9f);
    const Words normal = (magnitude << 20) + (120u << 23);
    const Words finite =
        bits_as<Words>(select(bits_as<Ints>(magnitude < 8u), subnormal, bits_as<Floats>(normal)));
    const Words is_nan = bits_as<Words>(magnitude == 0x7fu);
    return bits_as<Floats>(((small & 0x80u) << 24) | (is_nan & 0x7ff00000u) | (~is_nan & finite));
  }
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    Step step;
    for (int i = 0; i < kStepVectors; ++i) step.v[i] = widen(row + s * kStep + i * kLanes);
    return step;
  }
};

template <class Block>
LLMOS_INLINE const Block& block_at(const std::byte* row, int64_t index) {
  return *(reinterpret_cast<const Block*>(row) + index);
}

template <>
struct Decoder<DType::kQ8_0> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ8_0>(row, s);
    return scaled(load_as<Bytes>(block.quants), f16_value(block.scale));
  }
};

template <>
struct Decoder<DType::kQ4_0> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ4_0>(row, s);
    return scaled(nibbles(block.quants) - all_bytes(8), f16_value(block.scale));
  }
};

template <>
struct Decoder<DType::kQ4_1> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ4_1>(row, s);
    const float minimum = f16_value(block.minimum);
    return shifted(scaled(nibbles(block.quants), f16_value(block.scale)), minimum, minimum);
  }
};

template <>
struct Decoder<DType::kQ5_0> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ5_0>(row, s);
    const Bytes quants = nibbles(block.quants) | spread_bits(block.high, 16);
    return scaled(quants - all_bytes(16), f16_value(block.scale));
  }
};

template <>
struct Decoder<DType::kQ5_1> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ5_1>(row, s);
    const Bytes quants = nibbles(block.quants) | spread_bits(block.high, 16);
    const float minimum = f16_value(block.minimum);
    return shifted(scaled(quants, f16_value(block.scale)), minimum, minimum);
  }
};

template <>
struct Decoder<DType::kIQ4_NL> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockIQ4_NL>(row, s);
    return scaled(look_up(kIQ4Values, nibbles(block.quants)), f16_value(block.scale));
  }
};

template <>
struct Decoder<DType::kMXFP4> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockMXFP4>(row, s);
    const uint32_t e = block.exponent;
    const float scale = bits_as<float>(e < 2 ? 0x00200000u << e : (e - 1) << 23);  // 2^(e - 128)
    return scaled(look_up(kMXFP4Values, nibbles(block.quants)), scale);
  }
};

// In the K types step p = s % 8 of a super-block is elements 32 p ..: group p, or groups 2 p and
// 2 p + 1.
inline constexpr int kSuperSteps = kSuperBlockElements / kStep;

template <>
struct Decoder<DType::kQ2_K> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ2_K>(row, s / kSuperSteps);
    const int p = int(s % kSuperSteps);
    const float scale = f16_value(block.scale);
    const float minimum = f16_value(block.minimum);
    const int first = block.scales[2 * p];
    const int second = block.scales[2 * p + 1];
    const Bytes quants = bit_field(load_as<Bytes>(block.quants + p / 4 * 32), p % 4 * 2, 3);
    return shifted(scaled(quants, scale * float(first & 15), scale * float(second & 15)),
                   -(minimum * float(first >> 4)), -(minimum * float(second >> 4)));
  }
};

template <>
struct Decoder<DType::kQ3_K> {
  static LLMOS_INLINE int group_scale(const uint8_t* scales, int group) {
    const int low = (scales[group % 8] >> (group < 8 ? 0 : 4)) & 15;
    const int high = (scales[8 + group % 4] >> (2 * (group / 4))) & 3;
    return (low | (high << 4)) - 32;
  }
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ3_K>(row, s / kSuperSteps);
    const int p = int(s % kSuperSteps);
    const float scale = f16_value(block.scale);
    const Bytes low = bit_field(load_as<Bytes>(block.quants + p / 4 * 32), p % 4 * 2, 3);
    const Bytes high = bit_field(load_as<Bytes>(block.high), p, 1);
    return scaled(low + high * all_bytes(4) - all_bytes(4),
                  scale * float(group_scale(block.scales, 2 * p)),
                  scale * float(group_scale(block.scales, 2 * p + 1)));
  }
};

// Scale and minimum of a group of Q4_K and Q5_K, as k_scale_min().
struct GroupOfK {
  float scale;
  float minimum;  // negative
  template <class Block>
  static LLMOS_INLINE GroupOfK of(const Block& block, int group) {
    const uint8_t* s = block.scales;
    const bool low = group < 4;
    const int packed = s[low ? group : group + 4];
    const int scale = low ? packed & 63 : (packed & 15) | ((s[group - 4] >> 6) << 4);
    const int minimum = low ? s[group + 4] & 63 : (packed >> 4) | ((s[group] >> 6) << 4);
    return {f16_value(block.scale) * float(scale), -(f16_value(block.minimum) * float(minimum))};
  }
};

template <>
struct Decoder<DType::kQ4_K> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ4_K>(row, s / kSuperSteps);
    const int p = int(s % kSuperSteps);
    const GroupOfK group = GroupOfK::of(block, p);
    const Bytes quants = bit_field(load_as<Bytes>(block.quants + p / 2 * 32), p % 2 * 4, 15);
    return shifted(scaled(quants, group.scale), group.minimum, group.minimum);
  }
};

template <>
struct Decoder<DType::kQ5_K> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ5_K>(row, s / kSuperSteps);
    const int p = int(s % kSuperSteps);
    const GroupOfK group = GroupOfK::of(block, p);
    const Bytes low = bit_field(load_as<Bytes>(block.quants + p / 2 * 32), p % 2 * 4, 15);
    const Bytes high = bit_field(load_as<Bytes>(block.high), p, 1);
    return shifted(scaled(low + high * all_bytes(16), group.scale), group.minimum, group.minimum);
  }
};

template <>
struct Decoder<DType::kQ6_K> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockQ6_K>(row, s / kSuperSteps);
    const int p = int(s % kSuperSteps);
    const int quarter = p % 4;
    const Bytes low =
        bit_field(load_as<Bytes>(block.low + p / 4 * 64 + quarter % 2 * 32), quarter / 2 * 4, 15);
    const Bytes high = bit_field(load_as<Bytes>(block.high + p / 4 * 32), quarter * 2, 3);
    const float scale = f16_value(block.scale);
    return scaled(low + high * all_bytes(16) - all_bytes(32), scale * float(block.scales[2 * p]),
                  scale * float(block.scales[2 * p + 1]));
  }
};

template <>
struct Decoder<DType::kIQ4_XS> {
  static LLMOS_INLINE Step step(const std::byte* row, int64_t s) {
    const auto& block = block_at<BlockIQ4_XS>(row, s / kSuperSteps);
    const int p = int(s % kSuperSteps);
    const int low = (block.scales_low[p / 2] >> (4 * (p % 2))) & 15;
    const int high = (block.scales_high >> (2 * p)) & 3;
    const float scale = f16_value(block.scale) * float((low | (high << 4)) - 32);
    return scaled(look_up(kIQ4Values, nibbles(block.quants + p * 16)), scale);
  }
};

inline constexpr int kPlainBytesMax = 4;

// What lies behind the last whole step of a row: fewer than 32 elements of a plain type, zeros for
// the missing ones.
template <DType kType>
LLMOS_INLINE Step last_step(const std::byte* row, int64_t s, int64_t elements) {
  constexpr size_t kBytes = kType == DType::kF32 ? 4 : kType == DType::kF8E4M3 ? 1 : 2;
  alignas(64) std::byte rest[kStep * kPlainBytesMax] = {};
  std::memcpy(rest, row + size_t(s) * kStep * kBytes, size_t(elements) * kBytes);
  return Decoder<kType>::step(rest, 0);
}
constexpr bool is_plain(DType dtype) { return dtype <= DType::kF8E4M3; }

// Calls f.template operator()<type>() with the type of weights as a constant.
template <class F>
LLMOS_INLINE void with_dtype(DType dtype, F f) {
  switch (dtype) {
    case DType::kF32:
      return f.template operator()<DType::kF32>();
    case DType::kF16:
      return f.template operator()<DType::kF16>();
    case DType::kBF16:
      return f.template operator()<DType::kBF16>();
    case DType::kF8E4M3:
      return f.template operator()<DType::kF8E4M3>();
    case DType::kQ4_0:
      return f.template operator()<DType::kQ4_0>();
    case DType::kQ4_1:
      return f.template operator()<DType::kQ4_1>();
    case DType::kQ5_0:
      return f.template operator()<DType::kQ5_0>();
    case DType::kQ5_1:
      return f.template operator()<DType::kQ5_1>();
    case DType::kQ8_0:
      return f.template operator()<DType::kQ8_0>();
    case DType::kQ2_K:
      return f.template operator()<DType::kQ2_K>();
    case DType::kQ3_K:
      return f.template operator()<DType::kQ3_K>();
    case DType::kQ4_K:
      return f.template operator()<DType::kQ4_K>();
    case DType::kQ5_K:
      return f.template operator()<DType::kQ5_K>();
    case DType::kQ6_K:
      return f.template operator()<DType::kQ6_K>();
    case DType::kIQ4_NL:
      return f.template operator()<DType::kIQ4_NL>();
    case DType::kIQ4_XS:
      return f.template operator()<DType::kIQ4_XS>();
    case DType::kMXFP4:
      return f.template operator()<DType::kMXFP4>();
    default:
      return;  // is_weight_dtype() excludes them
  }
}

}  // namespace
}  // namespace llmos::kernels
