// SPDX-License-Identifier: Apache-2.0
// Weights as the integer kernels want them: groups of kLanes rows, interleaved.
//
// Layout  A group holds its rows' blocks of 32 columns in order. A *unit* is what one head of
//         scales covers: as many blocks as make the head whole cache lines (a super-block of 256
//         columns for the K types, fewer blocks at the end of a row). The head comes first, then
//         each block's quants. With R = kLanes rows:
//           4 bits   4 registers [R quads]: quad 2 i of the block in the lower bits, 2 i + 1 above
//           5 bits   the same, then one register whose bit s of a byte belongs to quad s
//           6 bits   the same, then two: bits 2 s of the first belong to quad s, of the other to 4
//                    + s
//           8 bits   8 registers
//           heads    per block f16 scale[R] (and f16 minimum[R]), or MXFP4's exponent[R];
//                    Q4_K, Q5_K: f16 scale[R], f16 minimum[R], then of the 8 blocks the lower four
//                    bits of scale | minimum << 4 [8][R], and the upper two of each [4][R], blocks
//                    4 to 7 in the upper half of the byte; Q6_K: f16 scale[R], int8 scales[16][R]
//         That is every bit of the file once: a packed matrix is as large as a plain one, but for
//         rows up to a multiple of kLanes and groups up to a multiple of kGroupAlignment.
// Codes   Unsigned: Q8_0 and IQ4_NL plus 128, MXFP4's values plus 16. Where 8-bit products are of
//         signed weights (AVX2 without VNNI) these two are signed.
#pragma once

#include "kernels/cpu/decode.h"
#include "kernels/cpu/quads.h"
#include "kernels/kernels.h"
#include "kernels/share.h"
#include "tensor/dtype.h"
#include "tensor/quant_blocks.h"

namespace llmos::kernels {
namespace {

inline constexpr size_t kGroupAlignment = 64;
inline constexpr uint8_t kWideFlip = kShortSums ? 0 : 0x80;

enum class Head : uint8_t { kScale, kScaleAndMinimum, kExponent, kSixBits, kInt8 };

// What differs between the types.
struct PackedTraits {
  int bits;
  int zero;  // log2 of the code that stands for 0; -1: none
  Head head;
  bool wide = false;   // 8-bit weights
  bool table = false;  // 4-bit indexes
};

constexpr PackedTraits packed_traits(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
      return {4, 3, Head::kScale};
    case DType::kQ4_1:
      return {4, -1, Head::kScaleAndMinimum};
    case DType::kQ5_0:
      return {5, 4, Head::kScale};
    case DType::kQ5_1:
      return {5, 4, Head::kScaleAndMinimum};
    case DType::kQ8_0:
      return {8, 7, Head::kScale, true};
    case DType::kIQ4_NL:
      return {4, 7, Head::kScale, true, true};
    case DType::kMXFP4:
      return {4, 4, Head::kExponent, false, true};
    case DType::kQ4_K:
      return {4, -1, Head::kSixBits};
    case DType::kQ5_K:
      return {5, 4, Head::kSixBits};
    default:  // Q6_K
      return {6, 5, Head::kInt8};
  }
}

constexpr bool is_packable(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ8_0:
    case DType::kIQ4_NL:
    case DType::kMXFP4:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
      return true;
    default:
      return false;
  }
}

template <DType kType>
struct PackedLayout {
  static constexpr PackedTraits kTraits = packed_traits(kType);
  static constexpr bool kHasMinimum =
      kTraits.head == Head::kScaleAndMinimum || kTraits.head == Head::kSixBits;
  static constexpr bool kHasHalves = kTraits.head == Head::kInt8;
  static constexpr bool kIsSuper = kTraits.head == Head::kSixBits || kTraits.head == Head::kInt8;
  static constexpr size_t kQuantBytes = size_t(kTraits.bits) * 4 * kGroupRows;  // of a block
  static constexpr size_t kScaleBytes = kTraits.head == Head::kScale             ? 2 * kGroupRows
                                        : kTraits.head == Head::kScaleAndMinimum ? 4 * kGroupRows
                                                                                 : kGroupRows;
  static constexpr int kUnitBlocks = kIsSuper ? kSuperBlockElements / kBlockElements
                                              : int(64 / (kScaleBytes < 64 ? kScaleBytes : 64));

  static constexpr size_t head_bytes(int64_t blocks) {
    if (kTraits.head == Head::kSixBits) return (2 + 2 + 8 + 4) * kGroupRows;
    if (kTraits.head == Head::kInt8) return (2 + 16) * kGroupRows;
    return kScaleBytes * size_t(blocks);
  }
  static constexpr size_t unit_bytes(int64_t blocks) {
    return head_bytes(blocks) + kQuantBytes * size_t(blocks);
  }
  static constexpr size_t group_bytes(int64_t columns) {
    const int64_t blocks = columns / kBlockElements;
    const size_t whole = size_t(blocks / kUnitBlocks) * unit_bytes(kUnitBlocks);
    const int64_t rest = blocks % kUnitBlocks;
    const size_t bytes = whole + (rest > 0 ? unit_bytes(rest) : 0);
    return (bytes + kGroupAlignment - 1) / kGroupAlignment * kGroupAlignment;
  }
  static LLMOS_INLINE const std::byte* unit(const std::byte* group, int64_t index) {
    return group + size_t(index) * unit_bytes(kUnitBlocks);
  }
};

// Calls f.template operator()<type>() if the type can be packed.
template <class F>
LLMOS_INLINE void with_packed_dtype(DType dtype, F f) {
  with_dtype(dtype, [&]<DType kType>() {
    if constexpr (is_packable(kType)) f.template operator()<kType>();
  });
}

// ---- Reading ----

LLMOS_INLINE Ints widen_bytes(const std::byte* from) {
#if defined(__AVX512F__)
  return bits_as<Ints>(_mm512_cvtepu8_epi32(load_as<__m128i>(from)));
#elif defined(__AVX2__)
  return bits_as<Ints>(
      _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
#else
  typedef uint8_t Few __attribute__((vector_size(kLanes)));
  return __builtin_convertvector(load_as<Few>(from), Ints);
#endif
}

// What a block's sums are multiplied with, row by row.
template <bool kHasMinimum, bool kHasHalves>
struct Factors {
  Floats scale[kHasHalves ? 2 : 1];
  Floats minimum[kHasMinimum ? 1 : 0];  // added, times the activations' sum
};

// Block b of a unit of `blocks`.
template <DType kType>
struct PackedBlock {
  using Layout = PackedLayout<kType>;
  static constexpr PackedTraits kTraits = Layout::kTraits;
  static constexpr bool kWide = kTraits.wide;
  static constexpr int kZero = kTraits.zero;
  static constexpr bool kHasMinimum = Layout::kHasMinimum;
  static constexpr bool kHasHalves = Layout::kHasHalves;
  using BlockFactors = Factors<kHasMinimum, kHasHalves>;

  static LLMOS_INLINE BlockFactors factors(const std::byte* head, int b) {
    constexpr int R = kGroupRows;
    BlockFactors f;
    if constexpr (kTraits.head == Head::kScale) {
      f.scale[0] = load_f16(head + b * 2 * R);
    } else if constexpr (kTraits.head == Head::kScaleAndMinimum) {
      f.scale[0] = load_f16(head + b * 4 * R);
      f.minimum[0] = load_f16(head + b * 4 * R + 2 * R);
    } else if constexpr (kTraits.head == Head::kExponent) {
      const Ints e = widen_bytes(head + b * R);  // as mxfp4_scale()
      f.scale[0] = bits_as<Floats>(((e < 2) & (broadcast(0x00200000) << (e & 1))) |
                                   ((e >= 2) & ((e - 1) << 23)));
    } else if constexpr (kTraits.head == Head::kSixBits) {
      const Ints low = widen_bytes(head + (4 + b) * R);
      const Ints high = widen_bytes(head + (12 + b % 4) * R);
      const Ints scale = (low & 15) | (b < 4 ? (high << 4) & 0x30 : high & 0x30);
      const Ints minimum = (low >> 4) | (b < 4 ? (high << 2) & 0x30 : (high >> 2) & 0x30);
      f.scale[0] = load_f16(head) * to_floats(scale);
      f.minimum[0] = -(load_f16(head + 2 * R) * to_floats(minimum));
    } else {
      const Floats scale = load_f16(head);
      for (int i = 0; i < 2; ++i) {
        const Ints signed_byte = widen_bytes(head + (2 + 2 * b + i) * R);
        f.scale[i] = scale * to_floats((signed_byte << 24) >> 24);
      }
    }
    // The minimum belongs to codes as they are in the file, not to centred ones.
    if constexpr (kHasMinimum && kZero >= 0) {
      f.minimum[0] = fma(f.scale[0], broadcast(float(1 << kZero)), f.minimum[0]);
    }
    return f;
  }

  // Quads 2 p and 2 p + 1.
  template <int p>
  static LLMOS_INLINE void pair(const std::byte* quants, Quads& first, Quads& second) {
    if constexpr (kTraits.bits == 8) {
      first = load_quads(quants + 2 * p * kQuadBytes);
      second = load_quads(quants + (2 * p + 1) * kQuadBytes);
      return;
    }
    const Quads low = load_quads(quants + p * kQuadBytes);
    first = quad_field<0>(low, 15);
    second = quad_field<4>(low, 15);
    if constexpr (kTraits.bits == 5) {
      const Quads high = load_as<Quads>(quants + 4 * kQuadBytes);
      first |= quad_field<2 * p - 4>(high, 16);
      second |= quad_field<2 * p + 1 - 4>(high, 16);
    } else if constexpr (kTraits.bits == 6) {
      const Quads high = load_as<Quads>(quants + (4 + p / 2) * kQuadBytes);
      first |= quad_field<p % 2 * 4 - 4>(high, 48);
      second |= quad_field<p % 2 * 4 + 2 - 4>(high, 48);
    }
    if constexpr (kTraits.table) {
      first = look_up_quads(kCodes, first);
      second = look_up_quads(kCodes, second);
    }
  }

 private:
  struct Table {
    uint8_t codes[16];
  };
  static constexpr Table make_codes() {
    Table table{};
    for (int i = 0; i < 16; ++i) {
      table.codes[i] = kType == DType::kMXFP4 ? uint8_t(kMXFP4Values[i] + 16)
                                              : uint8_t(uint8_t(kIQ4Values[i]) ^ kWideFlip);
    }
    return table;
  }
  static constexpr Table kTable_ = make_codes();
  static constexpr const uint8_t (&kCodes)[16] = kTable_.codes;
};

// ---- Packing ----

// Four codes of consecutive columns in a word, eight words a block: block b of a super-block, for
// the legacy types of a block.
template <DType kType>
struct PlainBlock;

LLMOS_INLINE uint32_t word_at(const void* bytes, int index) {
  return load_as<uint32_t>(static_cast<const std::byte*>(bytes) + 4 * index);
}
LLMOS_INLINE uint32_t low_nibbles(uint32_t word) { return word & 0x0f0f0f0fu; }
// Byte i is 1 where bit i is set.
LLMOS_INLINE uint32_t spread_nibble(uint32_t bits) {
  return (bits & 15) * 0x00204081u & 0x01010101u;
}

template <class Block>
LLMOS_INLINE void nibble_words(const Block& block, uint32_t (&words)[8]) {
  for (int i = 0; i < 4; ++i) {
    words[i] = low_nibbles(word_at(block.quants, i));
    words[4 + i] = low_nibbles(word_at(block.quants, i) >> 4);
  }
}
template <class Block>
LLMOS_INLINE void five_bit_words(const Block& block, uint32_t (&words)[8]) {
  nibble_words(block, words);
  const uint32_t high = block.high;
  for (int i = 0; i < 8; ++i) words[i] |= spread_nibble(high >> (4 * i)) << 4;
}
template <class Block>
LLMOS_INLINE void k_nibble_words(const Block& block, int b, uint32_t (&words)[8]) {
  for (int i = 0; i < 8; ++i) {
    words[i] = low_nibbles(word_at(block.quants + b / 2 * 32, i) >> (b % 2 * 4));
  }
}

template <>
struct PlainBlock<DType::kQ4_0> : BlockQ4_0 {
  void words(int, uint32_t (&to)[8]) const { nibble_words(*this, to); }
};
template <>
struct PlainBlock<DType::kQ4_1> : BlockQ4_1 {
  void words(int, uint32_t (&to)[8]) const { nibble_words(*this, to); }
};
template <>
struct PlainBlock<DType::kQ5_0> : BlockQ5_0 {
  void words(int, uint32_t (&to)[8]) const { five_bit_words(*this, to); }
};
template <>
struct PlainBlock<DType::kQ5_1> : BlockQ5_1 {
  void words(int, uint32_t (&to)[8]) const { five_bit_words(*this, to); }
};
template <>
struct PlainBlock<DType::kQ8_0> : BlockQ8_0 {
  void words(int, uint32_t (&to)[8]) const {
    for (int i = 0; i < 8; ++i) to[i] = word_at(quants, i) ^ kWideFlip * 0x01010101u;
  }
};
template <>
struct PlainBlock<DType::kIQ4_NL> : BlockIQ4_NL {
  void words(int, uint32_t (&to)[8]) const { nibble_words(*this, to); }
};
template <>
struct PlainBlock<DType::kMXFP4> : BlockMXFP4 {
  void words(int, uint32_t (&to)[8]) const { nibble_words(*this, to); }
};
template <>
struct PlainBlock<DType::kQ4_K> : BlockQ4_K {
  void words(int b, uint32_t (&to)[8]) const { k_nibble_words(*this, b, to); }
};
template <>
struct PlainBlock<DType::kQ5_K> : BlockQ5_K {
  void words(int b, uint32_t (&to)[8]) const {
    k_nibble_words(*this, b, to);
    for (int i = 0; i < 8; ++i) to[i] |= (word_at(high, i) >> b & 0x01010101u) << 4;
  }
};
template <>
struct PlainBlock<DType::kQ6_K> : BlockQ6_K {
  void words(int b, uint32_t (&to)[8]) const {
    for (int i = 0; i < 8; ++i) {
      const uint32_t four = word_at(low + b / 4 * 64 + b % 2 * 32, i) >> (b % 4 / 2 * 4);
      const uint32_t two = word_at(high + b / 4 * 32, i) >> (b % 4 * 2) & 0x03030303u;
      to[i] = low_nibbles(four) | two << 4;
    }
  }
};

// Lane `row` of the registers of a block that is zero.
template <int kBits>
LLMOS_INLINE void put_words(const uint32_t (&words)[8], int row, std::byte* quants) {
  const auto put = [&](int reg, uint32_t word) {
    store_as(quants + reg * kQuadBytes + row * 4, word);
  };
  if constexpr (kBits == 8) {
    for (int i = 0; i < 8; ++i) put(i, words[i]);
    return;
  }
  for (int p = 0; p < 4; ++p)
    put(p, low_nibbles(words[2 * p]) | low_nibbles(words[2 * p + 1]) << 4);
  if constexpr (kBits == 5) {
    uint32_t high = 0;
    for (int s = 0; s < 8; ++s) high |= (words[s] >> 4 & 0x01010101u) << s;
    put(4, high);
  } else if constexpr (kBits == 6) {
    for (int half = 0; half < 2; ++half) {
      uint32_t high = 0;
      for (int s = 0; s < 4; ++s) high |= (words[4 * half + s] >> 4 & 0x03030303u) << (2 * s);
      put(4 + half, high);
    }
  }
}

template <DType kType>
LLMOS_INLINE void put_head(const PlainBlock<kType>& block, int b, int row, std::byte* head) {
  constexpr Head kHead = packed_traits(kType).head;
  constexpr int R = kGroupRows;
  if constexpr (kHead == Head::kScale) {
    store_as(head + (b * R + row) * 2, block.scale);
  } else if constexpr (kHead == Head::kScaleAndMinimum) {
    store_as(head + (2 * b * R + row) * 2, block.scale);
    store_as(head + (2 * b * R + R + row) * 2, block.minimum);
  } else if constexpr (kHead == Head::kExponent) {
    head[b * R + row] = std::byte(block.exponent);
  } else if constexpr (kHead == Head::kSixBits) {
    store_as(head + row * 2, block.scale);
    store_as(head + (R + row) * 2, block.minimum);
    const uint8_t* s = block.scales;  // as k_scale_min()
    const int scale = b < 4 ? s[b] & 63 : (s[b + 4] & 15) | ((s[b - 4] >> 6) << 4);
    const int minimum = b < 4 ? s[b + 4] & 63 : (s[b + 4] >> 4) | ((s[b] >> 6) << 4);
    head[(4 + b) * R + row] = std::byte((scale & 15) | (minimum & 15) << 4);
    head[(12 + b % 4) * R + row] |=
        std::byte(((scale >> 4) | (minimum >> 4) << 2) << (b < 4 ? 0 : 4));
  } else {
    store_as(head + row * 2, block.scale);
    for (int i = 0; i < 2; ++i)
      head[(2 + 2 * b + i) * R + row] = std::byte(block.scales[2 * b + i]);
  }
}

// `rows` rows, at most kGroupRows, into a group; the missing ones are zero.
template <DType kType>
void pack_group(const std::byte* from, size_t row_bytes, int64_t rows, int64_t columns,
                std::byte* group) {
  using Layout = PackedLayout<kType>;
  const int64_t blocks = columns / kBlockElements;
  std::memset(group, 0, Layout::group_bytes(columns));
  for (int64_t first = 0; first < blocks; first += Layout::kUnitBlocks) {
    std::byte* const head =
        group + size_t(first / Layout::kUnitBlocks) * Layout::unit_bytes(Layout::kUnitBlocks);
    const int64_t count =
        blocks - first < Layout::kUnitBlocks ? blocks - first : Layout::kUnitBlocks;
    std::byte* const quants = head + Layout::head_bytes(count);
    for (int row = 0; row < rows; ++row) {
      const auto* block =
          reinterpret_cast<const PlainBlock<kType>*>(from + size_t(row) * row_bytes) +
          (Layout::kIsSuper ? first / Layout::kUnitBlocks : first);
      for (int b = 0; b < count; ++b) {
        uint32_t words[8];
        block->words(b, words);
        put_words<Layout::kTraits.bits>(words, row, quants + size_t(b) * Layout::kQuantBytes);
        put_head<kType>(*block, b, row, head);
        if constexpr (!Layout::kIsSuper) ++block;
      }
    }
  }
}

size_t packed_group_bytes(DType dtype, int64_t columns) {
  size_t bytes = 0;
  with_packed_dtype(dtype, [&]<DType kType>() {
    using Layout = PackedLayout<kType>;
    const int64_t whole = Layout::kIsSuper ? kSuperBlockElements : kBlockElements;
    if (columns % whole == 0) bytes = Layout::group_bytes(columns);
  });
  return bytes;
}

void pack(const PackParams& p, const Launch& launch) {
  const int64_t groups = (p.rows + kGroupRows - 1) / kGroupRows;
  const Share share = share_of(groups, launch);
  with_packed_dtype(p.dtype, [&]<DType kType>() {
    const size_t bytes = PackedLayout<kType>::group_bytes(p.columns);
    for (int64_t g = share.first; g < share.last; ++g) {
      const int64_t rest = p.rows - g * kGroupRows;
      pack_group<kType>(p.in + size_t(g * kGroupRows) * p.row_bytes, p.row_bytes,
                        rest < kGroupRows ? rest : kGroupRows, p.columns,
                        p.out + size_t(g) * bytes);
    }
  });
}

}  // namespace
}  // namespace llmos::kernels
