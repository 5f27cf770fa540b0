// SPDX-License-Identifier: Apache-2.0
#include "tensor/quant_encode.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "tensor/half.h"
#include "tensor/quant_blocks.h"
#include "tensor/quant_encode_k.h"
#include "tensor/quant_search.h"

namespace llmos {
namespace {

using namespace quant;

constexpr int kCount = kBlockElements;

void pack_nibbles(const uint8_t* codes, uint8_t* quants) {
  for (int i = 0; i < 16; ++i) quants[i] = uint8_t((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

uint32_t fifth_bits(const uint8_t* codes) {
  uint32_t bits = 0;
  for (int i = 0; i < kCount; ++i) bits |= uint32_t{codes[i]} >> 4 << i;
  return bits;
}

// Codes of x ~ scale * q, and the scale as a half.
uint16_t encode_symmetric(const Samples<kCount>& samples, const UniformGrid& grid,
                          const Extents& extents, uint8_t* codes) {
  float scale = 0;
  uint16_t half = 0;
  if (samples.magnitude > kValueMin) {
    scale = fit_scale<kCount>(samples.x, samples.weight, samples.magnitude, grid, extents).scale;
    half = best_half(
        scale, [&](float s) { return scale_error<kCount>(samples.x, samples.weight, s, grid); });
  }
  write_codes(samples.x, kCount, f16_to_f32(half), 0, grid, codes);
  return half;
}

struct HalfPair {
  uint16_t scale, minimum;
};

// Codes of x ~ scale * q + minimum, and both as halves. Where the values are far from zero and
// close together, so that a half is coarse against the scale, the neighbours of the minimum are
// tried too, each also with the scale that reaches the largest value from there.
HalfPair encode_affine(const Samples<kCount>& samples, float high, const Extents& extents,
                       uint8_t* codes) {
  const UniformGrid grid{0, high};
  const AffineFit fit = fit_affine<kCount>(samples.x, samples.weight, high, INFINITY, extents);
  const float most = *std::max_element(samples.x, samples.x + kCount);
  const bool coarse = std::abs(fit.offset) * 0x1p-11f > fit.scale / 16;
  HalfPair best{};
  float least = INFINITY;
  for (const uint16_t minimum : halves_around(fit.offset)) {
    if (!coarse && least < INFINITY) break;
    const float offset = f16_to_f32(minimum);
    const auto error = [&](float scale) {
      return affine_error<kCount>(samples.x, samples.weight, scale, offset, grid);
    };
    for (const float scale : {fit.scale, std::max(0.0f, most - offset) / high}) {
      const uint16_t half = best_half(scale, error);
      const float half_error = error(f16_to_f32(half));
      if (!(half_error < least)) continue;
      least = half_error;
      best = {half, minimum};
    }
  }
  write_codes(samples.x, kCount, f16_to_f32(best.scale), f16_to_f32(best.minimum), grid, codes);
  return best;
}

void encode(const Samples<kCount>& samples, BlockQ4_0& block) {
  uint8_t codes[kCount];
  block.scale = encode_symmetric(samples, {-8, 7}, {5.0f, 8.75f, 16}, codes);
  pack_nibbles(codes, block.quants);
}

void encode(const Samples<kCount>& samples, BlockQ5_0& block) {
  uint8_t codes[kCount];
  block.scale = encode_symmetric(samples, {-16, 15}, {11.0f, 16.75f, 16}, codes);
  block.high = fifth_bits(codes);
  pack_nibbles(codes, block.quants);
}

void encode(const Samples<kCount>& samples, BlockQ8_0& block) {
  uint8_t codes[kCount];
  block.scale = encode_symmetric(samples, {-128, 127}, {120.0f, 128.5f, 8}, codes);
  for (int i = 0; i < kCount; ++i) block.quants[i] = int8_t(codes[i] - 128);
}

void encode(const Samples<kCount>& samples, BlockQ4_1& block) {
  uint8_t codes[kCount];
  const HalfPair halves = encode_affine(samples, 15, {11.0f, 16.5f, 12}, codes);
  block.scale = halves.scale;
  block.minimum = halves.minimum;
  pack_nibbles(codes, block.quants);
}

void encode(const Samples<kCount>& samples, BlockQ5_1& block) {
  uint8_t codes[kCount];
  const HalfPair halves = encode_affine(samples, 31, {25.0f, 32.5f, 12}, codes);
  block.scale = halves.scale;
  block.minimum = halves.minimum;
  block.high = fifth_bits(codes);
  pack_nibbles(codes, block.quants);
}

// The nearest of kIQ4Values, looked up by the half step that a number lies in: the middles between
// the values are whole or half numbers, so no half step has two answers.
struct IQ4Table {
  float value[512];
  uint8_t code[512];
};

constexpr IQ4Table make_iq4_table() {
  IQ4Table table{};
  for (int i = 0; i < 512; ++i) {
    const double v = (i - 256 + 0.5) / 2;
    int best = 0;
    for (int code = 1; code < 16; ++code) {
      const double before = v - kIQ4Values[best], now = v - kIQ4Values[code];
      if (now * now < before * before) best = code;
    }
    table.value[i] = kIQ4Values[best];
    table.code[i] = uint8_t(best);
  }
  return table;
}

constexpr IQ4Table kNearestIQ4 = make_iq4_table();

class IQ4Grid {
 public:
  Lanes operator()(Lanes v) const {
    const Lanes place = half_steps(v);
    Lanes q{};
    for (int i = 0; i < kLanes; ++i) q[i] = kNearestIQ4.value[int(place[i])];
    return q;
  }
  void write_codes(const float* x, float scale, uint8_t* codes) const {
    const float inverse = scale == 0 ? 0 : 1 / scale;
    for (int i = 0; i < kCount; i += kLanes) {
      const Lanes place = half_steps(load(x + i) * all(inverse));
      for (int lane = 0; lane < kLanes; ++lane)
        codes[i + lane] = kNearestIQ4.code[int(place[lane])];
    }
  }

 private:
  static Lanes half_steps(Lanes v) {  // 0..511, to be truncated
    return smaller(larger(v + v + all(256), all(0)), all(511));
  }
};

void encode(const Samples<kCount>& samples, BlockIQ4_NL& block) {
  const IQ4Grid grid;
  uint8_t codes[kCount];
  block.scale = 0;
  if (samples.magnitude > kValueMin) {
    const float scale =
        fit_scale<kCount>(samples.x, samples.weight, samples.magnitude, grid, {85.0f, 132.0f, 12})
            .scale;
    block.scale = best_half(
        scale, [&](float s) { return scale_error<kCount>(samples.x, samples.weight, s, grid); });
  }
  grid.write_codes(samples.x, f16_to_f32(block.scale), codes);
  pack_nibbles(codes, block.quants);
}

// The code of the nearest of kMXFP4Values.
uint8_t mxfp4_code(double v) {
  const double magnitude = v < 0 ? -v : v;
  const int code = (magnitude > 0.5) + (magnitude > 1.5) + (magnitude > 2.5) + (magnitude > 3.5) +
                   (magnitude > 5) + (magnitude > 7) + (magnitude > 10);
  return uint8_t(v < 0 && code > 0 ? code + 8 : code);
}

// Beyond this exponent, a product of scale and value overflows a float.
constexpr int kMXFP4ExponentMax = 252;

// Scales are powers of two down to 2^-128, which floats of Samples do not reach: in doubles, and
// from the values themselves.
void encode_mxfp4(const float* x, const float* weight, BlockMXFP4& block) {
  float magnitude = 0;
  for (int i = 0; i < kCount; ++i) magnitude = std::max(magnitude, std::abs(x[i]));
  // With 6 * 2^(e - 127) as the largest value, this exponent clips what is above 1.5 of a power of
  // two; the one above clips nothing; two below is never better.
  const int first = magnitude > 0 && std::isfinite(magnitude) ? std::ilogb(magnitude) + 127 - 2 : 0;
  double least = INFINITY;
  for (int exponent = first - 1; exponent <= first + 1; ++exponent) {
    const int clamped = std::clamp(exponent, 0, kMXFP4ExponentMax);
    const double inverse = std::ldexp(1.0, 128 - clamped);
    double error = 0;
    uint8_t codes[kCount];
    for (int i = 0; i < kCount; ++i) {
      codes[i] = mxfp4_code(double(x[i]) * inverse);
      const double miss = double(x[i]) - kMXFP4Values[codes[i]] / inverse;
      error += double(weight[i]) * miss * miss;
    }
    if (!(error < least) && exponent != first - 1) continue;
    least = error;
    block.exponent = uint8_t(clamped);
    pack_nibbles(codes, block.quants);
  }
}

template <class Block>
void encode_block(const float* x, const float* importance, Block& block) {
  if constexpr (sizeof(Block) > 100) {
    encode_super_block(x, importance, block);
  } else if constexpr (std::is_same_v<Block, BlockMXFP4>) {
    encode_mxfp4(x, Samples<kCount>(x, importance).weight, block);
  } else {
    encode(Samples<kCount>(x, importance), block);
  }
}

template <class Block, int kElements>
void encode_blocks(const float* x, const float* importance, std::byte* out, uint64_t elements) {
  for (uint64_t i = 0; i < elements; i += kElements, out += sizeof(Block)) {
    Block block;
    encode_block(x + i, importance ? importance + i : nullptr, block);
    std::memcpy(out, &block, sizeof block);
  }
}

template <uint16_t (*kConvert)(float)>
void encode_plain(const float* x, std::byte* out, uint64_t elements) {
  for (uint64_t i = 0; i < elements; ++i) {
    const uint16_t bits = kConvert(x[i]);
    std::memcpy(out + i * sizeof bits, &bits, sizeof bits);
  }
}

}  // namespace

bool is_quantizable(DType dtype) noexcept {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ8_0:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
    case DType::kIQ4_NL:
    case DType::kMXFP4:
      return true;
    default:
      return false;
  }
}

void quantize_row(DType dtype, const float* x, const float* importance, std::byte* out,
                  uint64_t elements) noexcept {
  LLMOS_DCHECK(row_bytes(dtype, elements).has_value()) << dtype_name(dtype) << ": part of a block";
  switch (dtype) {
    case DType::kF32:
      if (elements != 0) std::memcpy(out, x, elements * sizeof(float));
      return;
    case DType::kF16:
      return encode_plain<f32_to_f16>(x, out, elements);
    case DType::kBF16:
      return encode_plain<f32_to_bf16>(x, out, elements);
    case DType::kQ4_0:
      return encode_blocks<BlockQ4_0, 32>(x, importance, out, elements);
    case DType::kQ4_1:
      return encode_blocks<BlockQ4_1, 32>(x, importance, out, elements);
    case DType::kQ5_0:
      return encode_blocks<BlockQ5_0, 32>(x, importance, out, elements);
    case DType::kQ5_1:
      return encode_blocks<BlockQ5_1, 32>(x, importance, out, elements);
    case DType::kQ8_0:
      return encode_blocks<BlockQ8_0, 32>(x, importance, out, elements);
    case DType::kQ4_K:
      return encode_blocks<BlockQ4_K, 256>(x, importance, out, elements);
    case DType::kQ5_K:
      return encode_blocks<BlockQ5_K, 256>(x, importance, out, elements);
    case DType::kQ6_K:
      return encode_blocks<BlockQ6_K, 256>(x, importance, out, elements);
    case DType::kIQ4_NL:
      return encode_blocks<BlockIQ4_NL, 32>(x, importance, out, elements);
    case DType::kMXFP4:
      return encode_blocks<BlockMXFP4, 32>(x, importance, out, elements);
    default:
      break;
  }
  LLMOS_CHECK(false) << "quantize_row: " << dtype_name(dtype) << " is not written";
}

bool all_finite(const float* x, uint64_t elements) noexcept {
  uint32_t top = 0;
  for (uint64_t i = 0; i < elements; ++i) {
    top = std::max(top, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  }
  return top < 0x7f800000u;
}

}  // namespace llmos
