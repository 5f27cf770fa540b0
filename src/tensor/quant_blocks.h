// SPDX-License-Identifier: Apache-2.0
// The blocks of the quantised types, byte for byte as GGUF files hold them, and how the packed
// numbers in them are read. Free of third-party code: host and device kernels include it.
//
// All numbers are little-endian. Blocks are packed (alignment 1), so a row may begin anywhere; a
// scale written `f16` below is a half-precision number as raw bits (tensor/half.h). In the legacy
// types byte i of `quants` holds element i in its lower four bits and element i + 16 in the upper.
#pragma once

#include <bit>
#include <cstdint>

namespace llmos {

static_assert(std::endian::native == std::endian::little, "blocks are read in place");

inline constexpr int kBlockElements = 32;        // of the legacy types, IQ4_NL and MXFP4
inline constexpr int kSuperBlockElements = 256;  // of the K types and IQ4_XS

// The values of IQ4_NL and IQ4_XS: finer around zero than an even grid.
inline constexpr int8_t kIQ4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};
// The values of MXFP4 (E2M1), doubled to be integers; code 8 is a negative zero, read as zero.
inline constexpr int8_t kMXFP4Values[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                            0, -1, -2, -3, -4, -6, -8, -12};

struct [[gnu::packed]] BlockQ4_0 {  // value = scale * (q - 8)
  uint16_t scale;                   // f16
  uint8_t quants[16];
};
static_assert(sizeof(BlockQ4_0) == 18);

struct [[gnu::packed]] BlockQ4_1 {  // value = scale * q + minimum
  uint16_t scale;                   // f16
  uint16_t minimum;                 // f16
  uint8_t quants[16];
};
static_assert(sizeof(BlockQ4_1) == 20);

struct [[gnu::packed]] BlockQ5_0 {  // value = scale * (q - 16)
  uint16_t scale;                   // f16
  uint32_t high;                    // bit i: the fifth bit of element i
  uint8_t quants[16];
};
static_assert(sizeof(BlockQ5_0) == 22);

struct [[gnu::packed]] BlockQ5_1 {  // value = scale * q + minimum
  uint16_t scale;                   // f16
  uint16_t minimum;                 // f16
  uint32_t high;                    // bit i: the fifth bit of element i
  uint8_t quants[16];
};
static_assert(sizeof(BlockQ5_1) == 24);

struct [[gnu::packed]] BlockQ8_0 {  // value = scale * q
  uint16_t scale;                   // f16
  int8_t quants[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

struct [[gnu::packed]] BlockIQ4_NL {  // value = scale * kIQ4Values[q]
  uint16_t scale;                     // f16
  uint8_t quants[16];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

struct [[gnu::packed]] BlockMXFP4 {  // value = 2^(exponent - 128) * kMXFP4Values[q]
  uint8_t exponent;
  uint8_t quants[16];
};
static_assert(sizeof(BlockMXFP4) == 17);

// In the K types element e belongs to group e / 16 (Q2_K, Q3_K, Q6_K) or e / 32 (Q4_K, Q5_K), each
// with a small integer scale; value = scale * group scale * q (- minimum * group minimum).

struct [[gnu::packed]] BlockQ2_K {
  uint8_t scales[16];  // per group: scale in the lower four bits, minimum in the upper
  uint8_t quants[64];  // two halves of 128 elements: byte l, bits 2j: element 32 j + l
  uint16_t scale;      // f16
  uint16_t minimum;    // f16
};
static_assert(sizeof(BlockQ2_K) == 84);

struct [[gnu::packed]] BlockQ3_K {  // q = 2 bits + 4 * third bit - 4
  uint8_t high[32];                 // bit b of byte l: the third bit of element 32 b + l
  uint8_t quants[64];               // as in Q2_K
  uint8_t scales[12];               // q3_k_scale()
  uint16_t scale;                   // f16
};
static_assert(sizeof(BlockQ3_K) == 110);

struct [[gnu::packed]] BlockQ4_K {
  uint16_t scale;       // f16
  uint16_t minimum;     // f16
  uint8_t scales[12];   // k_scale_min()
  uint8_t quants[128];  // four parts of 64 elements: byte l: elements l (lower bits) and l + 32
};
static_assert(sizeof(BlockQ4_K) == 144);

struct [[gnu::packed]] BlockQ5_K {
  uint16_t scale;       // f16
  uint16_t minimum;     // f16
  uint8_t scales[12];   // k_scale_min()
  uint8_t high[32];     // bit b of byte l: the fifth bit of element 32 b + l
  uint8_t quants[128];  // as in Q4_K
};
static_assert(sizeof(BlockQ5_K) == 176);

struct [[gnu::packed]] BlockQ6_K {  // q = 4 bits + 16 * 2 bits - 32
  uint8_t low[128];   // two halves of 128 elements: byte l: elements l (lower bits) and l + 64
  uint8_t high[64];   // two halves: byte l, bits 2j: element 32 j + l
  int8_t scales[16];  // per group
  uint16_t scale;     // f16
};
static_assert(sizeof(BlockQ6_K) == 210);

struct [[gnu::packed]] BlockIQ4_XS {  // value = scale * group scale * kIQ4Values[q]
  uint16_t scale;                     // f16
  uint16_t scales_high;               // iq4_xs_scale()
  uint8_t scales_low[4];
  uint8_t quants[128];  // eight groups of 32 elements: byte l: elements l (lower bits) and l + 16
};
static_assert(sizeof(BlockIQ4_XS) == 136);

struct GroupScale {
  uint8_t scale;    // 0..63
  uint8_t minimum;  // 0..63
};

// Of group 0..7 in a Q4_K or Q5_K block. The first four scales and minima lie in the lower six bits
// of bytes 0..7; of the others the lower four bits are in bytes 8..11, the upper two above those.
constexpr GroupScale k_scale_min(const uint8_t* scales, int group) noexcept {
  if (group < 4) return {uint8_t(scales[group] & 63), uint8_t(scales[group + 4] & 63)};
  const int low = scales[group + 4];
  return {uint8_t((low & 15) | ((scales[group - 4] >> 6) << 4)),
          uint8_t((low >> 4) | ((scales[group] >> 6) << 4))};
}

// Of group 0..15 in a Q3_K block, -32..31: four bits in bytes 0..7, the upper two in bytes 8..11.
constexpr int q3_k_scale(const uint8_t* scales, int group) noexcept {
  const int low = (scales[group % 8] >> (group < 8 ? 0 : 4)) & 15;
  const int high = (scales[8 + group % 4] >> (2 * (group / 4))) & 3;
  return (low | (high << 4)) - 32;
}

// Of group 0..7 in an IQ4_XS block, -32..31.
constexpr int iq4_xs_scale(const BlockIQ4_XS& block, int group) noexcept {
  const int low = (block.scales_low[group / 2] >> (4 * (group % 2))) & 15;
  const int high = (block.scales_high >> (2 * group)) & 3;
  return (low | (high << 4)) - 32;
}

// 2^(exponent - 128): the scale of an MXFP4 block for the doubled values. The code 255, a NaN in
// the OCP specification, is 2^127 here as in every GGUF reader.
constexpr float mxfp4_scale(uint8_t exponent) noexcept {
  return std::bit_cast<float>(exponent < 2 ? 0x00200000u << exponent
                                           : (uint32_t{exponent} - 1u) << 23);
}

}  // namespace llmos
