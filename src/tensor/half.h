// SPDX-License-Identifier: Apache-2.0
// The small floating-point formats of model files, to and from f32, by bits alone: no intrinsics,
// so that host and device compilers of every target read the same code.
//
//   f16     1 sign, 5 exponent, 10 mantissa     IEEE binary16
//   bf16    1 sign, 8 exponent,  7 mantissa     the upper half of an f32
//   f8e4m3  1 sign, 4 exponent,  3 mantissa     no infinity; 0x7f and 0xff are NaN; largest 448
//   e8m0    8 exponent                          2^(e - 127); 255 is NaN; the scales of MX formats
//
// To f32 every conversion is exact, subnormals included; NaN keeps its sign and payload. From f32
// it rounds to nearest, ties to even; beyond the largest value f16 and bf16 become infinite and
// f8e4m3 NaN; a NaN stays one, made quiet.
#pragma once

#include <bit>
#include <cstdint>

namespace llmos {

constexpr float f16_to_f32(uint16_t half) noexcept {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t magnitude = half & 0x7fffu;
  // A subnormal is an integer times 2^-24. The others move their exponent from bias 15 to 127;
  // infinity and NaN from 31 to 255, so twice.
  const uint32_t subnormal = std::bit_cast<uint32_t>(float(int32_t(magnitude)) * 0x1p-24f);
  const uint32_t rebias = magnitude < 0x7c00u ? 112u << 23 : 224u << 23;
  return std::bit_cast<float>(sign |
                              (magnitude < 0x0400u ? subnormal : (magnitude << 13) + rebias));
}

constexpr uint16_t f32_to_f16(float value) noexcept {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // 0.5 has the unit 2^-24 of f16's subnormals: adding it rounds there.
  const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) -
                             std::bit_cast<uint32_t>(0.5f);
  // Carries out of the mantissa raise the exponent, from 65520 on up to infinity.
  const uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  const uint32_t finite = magnitude < (113u << 23) ? subnormal : normal;
  const uint32_t large = magnitude > 0x7f800000u ? nan : 0x7c00u;
  return uint16_t(sign | (magnitude < 0x47800000u ? finite : large));  // 0x47800000: 65536
}

constexpr float bf16_to_f32(uint16_t half) noexcept {
  return std::bit_cast<float>(uint32_t{half} << 16);
}

constexpr uint16_t f32_to_bf16(float value) noexcept {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t nan = (bits >> 16) | 0x40u;
  return uint16_t((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded);
}

constexpr float f8e4m3_to_f32(uint8_t small) noexcept {
  const uint32_t sign = uint32_t{small & 0x80u} << 24;
  const uint32_t magnitude = small & 0x7fu;
  const uint32_t subnormal = std::bit_cast<uint32_t>(float(int32_t(magnitude)) * 0x1p-9f);
  const uint32_t normal = (magnitude << 20) + (120u << 23);
  const uint32_t finite = magnitude < 8u ? subnormal : normal;
  return std::bit_cast<float>(sign | (magnitude == 0x7fu ? 0x7ff00000u : finite));
}

constexpr uint8_t f32_to_f8e4m3(float value) noexcept {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 24) & 0x80u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  // 2^14 has the unit 2^-9 of f8e4m3's subnormals.
  const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0x1p14f) -
                             std::bit_cast<uint32_t>(0x1p14f);
  const uint32_t normal = (magnitude - (120u << 23) + 0x7ffffu + ((magnitude >> 20) & 1u)) >> 20;
  const uint32_t finite = magnitude < (121u << 23) ? subnormal : normal;
  return uint8_t(sign | (magnitude > 0x43e80000u ? 0x7fu : finite));  // 464, halfway above 448
}

constexpr float e8m0_to_f32(uint8_t exponent) noexcept {
  const uint32_t finite = exponent == 0 ? 0x00400000u : uint32_t{exponent} << 23;
  return std::bit_cast<float>(exponent == 255 ? 0x7fc00000u : finite);
}

// The power of two nearest to |value|, the upper one for ties; at least 2^-127.
constexpr uint8_t f32_to_e8m0(float value) noexcept {
  const uint32_t magnitude = std::bit_cast<uint32_t>(value) & 0x7fffffffu;
  // A subnormal of 2^-127 + 2^-128 is the last below the middle to 2^-126.
  if (magnitude < 0x00800000u) return magnitude > 0x00600000u ? 1 : 0;
  if (magnitude >= 0x7f800000u) return 255;
  return uint8_t((magnitude + 0x00400000u) >> 23);
}

}  // namespace llmos
