// SPDX-License-Identifier: Apache-2.0
// Compiled without floating-point contraction (src/tensor/CMakeLists.txt): see quant.h.
#include "tensor/quant.h"

#include <cstring>

#include "base/check.h"
#include "tensor/half.h"
#include "tensor/quant_blocks.h"

namespace llmos {
namespace {

// One overload per block type, each writes a whole block.

void decode(const BlockQ4_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * float((block.quants[i] & 15) - 8);
    out[i + 16] = scale * float((block.quants[i] >> 4) - 8);
  }
}

void decode(const BlockQ4_1& block, float* out) {
  const float scale = f16_to_f32(block.scale), minimum = f16_to_f32(block.minimum);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * float(block.quants[i] & 15) + minimum;
    out[i + 16] = scale * float(block.quants[i] >> 4) + minimum;
  }
}

// The fifth bit of element i, in its place.
int fifth(uint32_t high, int i) { return int((high >> i) & 1u) << 4; }

void decode(const BlockQ5_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  const uint32_t high = block.high;
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * float(((block.quants[i] & 15) | fifth(high, i)) - 16);
    out[i + 16] = scale * float(((block.quants[i] >> 4) | fifth(high, i + 16)) - 16);
  }
}

void decode(const BlockQ5_1& block, float* out) {
  const float scale = f16_to_f32(block.scale), minimum = f16_to_f32(block.minimum);
  const uint32_t high = block.high;
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * float((block.quants[i] & 15) | fifth(high, i)) + minimum;
    out[i + 16] = scale * float((block.quants[i] >> 4) | fifth(high, i + 16)) + minimum;
  }
}

void decode(const BlockQ8_0& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 32; ++i) out[i] = float(block.quants[i]) * scale;
}

void decode(const BlockIQ4_NL& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * float(kIQ4Values[block.quants[i] & 15]);
    out[i + 16] = scale * float(kIQ4Values[block.quants[i] >> 4]);
  }
}

void decode(const BlockMXFP4& block, float* out) {
  const float scale = mxfp4_scale(block.exponent);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * float(kMXFP4Values[block.quants[i] & 15]);
    out[i + 16] = scale * float(kMXFP4Values[block.quants[i] >> 4]);
  }
}

void decode(const BlockQ2_K& block, float* out) {
  const float scale = f16_to_f32(block.scale), minimum = f16_to_f32(block.minimum);
  for (int group = 0; group < 16; ++group) {
    const float group_scale = scale * float(block.scales[group] & 15);
    const float group_minimum = minimum * float(block.scales[group] >> 4);
    const uint8_t* quants = block.quants + group / 8 * 32 + group % 2 * 16;
    const int shift = group % 8 / 2 * 2;
    for (int i = 0; i < 16; ++i) {
      out[group * 16 + i] = group_scale * float((quants[i] >> shift) & 3) - group_minimum;
    }
  }
}

void decode(const BlockQ3_K& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int group = 0; group < 16; ++group) {
    const float group_scale = scale * float(q3_k_scale(block.scales, group));
    const uint8_t* quants = block.quants + group / 8 * 32 + group % 2 * 16;
    const uint8_t* high = block.high + group % 2 * 16;
    const int shift = group % 8 / 2 * 2;
    for (int i = 0; i < 16; ++i) {
      const int q = ((quants[i] >> shift) & 3) + (((high[i] >> (group / 2)) & 1) << 2) - 4;
      out[group * 16 + i] = group_scale * float(q);
    }
  }
}

void decode(const BlockQ4_K& block, float* out) {
  const float scale = f16_to_f32(block.scale), minimum = f16_to_f32(block.minimum);
  for (int group = 0; group < 8; ++group) {
    const GroupScale packed = k_scale_min(block.scales, group);
    const float group_scale = scale * float(packed.scale);
    const float group_minimum = minimum * float(packed.minimum);
    const uint8_t* quants = block.quants + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      out[group * 32 + i] = group_scale * float((quants[i] >> shift) & 15) - group_minimum;
    }
  }
}

void decode(const BlockQ5_K& block, float* out) {
  const float scale = f16_to_f32(block.scale), minimum = f16_to_f32(block.minimum);
  for (int group = 0; group < 8; ++group) {
    const GroupScale packed = k_scale_min(block.scales, group);
    const float group_scale = scale * float(packed.scale);
    const float group_minimum = minimum * float(packed.minimum);
    const uint8_t* quants = block.quants + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      const int q = ((quants[i] >> shift) & 15) | (((block.high[i] >> group) & 1) << 4);
      out[group * 32 + i] = group_scale * float(q) - group_minimum;
    }
  }
}

void decode(const BlockQ6_K& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int group = 0; group < 16; ++group) {
    const float group_scale = scale * float(block.scales[group]);
    const int half = group / 8, in_half = group % 8 * 16;  // the group's place among 128 elements
    const uint8_t* low = block.low + half * 64 + in_half % 64;
    const uint8_t* high = block.high + half * 32 + in_half % 32;
    const int low_shift = in_half / 64 * 4, high_shift = in_half / 32 * 2;
    for (int i = 0; i < 16; ++i) {
      const int q = ((low[i] >> low_shift) & 15) | (((high[i] >> high_shift) & 3) << 4);
      out[group * 16 + i] = group_scale * float(q - 32);
    }
  }
}

void decode(const BlockIQ4_XS& block, float* out) {
  const float scale = f16_to_f32(block.scale);
  for (int group = 0; group < 8; ++group) {
    const float group_scale = scale * float(iq4_xs_scale(block, group));
    const uint8_t* quants = block.quants + group * 16;
    for (int i = 0; i < 16; ++i) {
      out[group * 32 + i] = group_scale * float(kIQ4Values[quants[i] & 15]);
      out[group * 32 + i + 16] = group_scale * float(kIQ4Values[quants[i] >> 4]);
    }
  }
}

template <class Block, int kElements>
void decode_blocks(const std::byte* row, float* out, uint64_t elements) {
  for (uint64_t i = 0; i < elements / kElements; ++i) {
    Block block;
    std::memcpy(&block, row + i * sizeof(Block), sizeof(Block));
    decode(block, out + i * kElements);
  }
}

template <class Bits, float (*kConvert)(Bits)>
void decode_plain(const std::byte* row, float* out, uint64_t elements) {
  for (uint64_t i = 0; i < elements; ++i) {
    Bits bits;
    std::memcpy(&bits, row + i * sizeof(Bits), sizeof(Bits));
    out[i] = kConvert(bits);
  }
}

}  // namespace

bool is_dequantizable(DType dtype) noexcept { return dtype < DType::kI8; }

void dequantize_row(DType dtype, const std::byte* row, float* out, uint64_t elements) noexcept {
  LLMOS_DCHECK(row_bytes(dtype, elements).has_value()) << dtype_name(dtype) << ": part of a block";
  switch (dtype) {
    case DType::kF32:
      if (elements != 0) std::memcpy(out, row, elements * sizeof(float));
      return;
    case DType::kF16:
      return decode_plain<uint16_t, f16_to_f32>(row, out, elements);
    case DType::kBF16:
      return decode_plain<uint16_t, bf16_to_f32>(row, out, elements);
    case DType::kF8E4M3:
      return decode_plain<uint8_t, f8e4m3_to_f32>(row, out, elements);
    case DType::kQ4_0:
      return decode_blocks<BlockQ4_0, 32>(row, out, elements);
    case DType::kQ4_1:
      return decode_blocks<BlockQ4_1, 32>(row, out, elements);
    case DType::kQ5_0:
      return decode_blocks<BlockQ5_0, 32>(row, out, elements);
    case DType::kQ5_1:
      return decode_blocks<BlockQ5_1, 32>(row, out, elements);
    case DType::kQ8_0:
      return decode_blocks<BlockQ8_0, 32>(row, out, elements);
    case DType::kQ2_K:
      return decode_blocks<BlockQ2_K, 256>(row, out, elements);
    case DType::kQ3_K:
      return decode_blocks<BlockQ3_K, 256>(row, out, elements);
    case DType::kQ4_K:
      return decode_blocks<BlockQ4_K, 256>(row, out, elements);
    case DType::kQ5_K:
      return decode_blocks<BlockQ5_K, 256>(row, out, elements);
    case DType::kQ6_K:
      return decode_blocks<BlockQ6_K, 256>(row, out, elements);
    case DType::kIQ4_NL:
      return decode_blocks<BlockIQ4_NL, 32>(row, out, elements);
    case DType::kIQ4_XS:
      return decode_blocks<BlockIQ4_XS, 256>(row, out, elements);
    case DType::kMXFP4:
      return decode_blocks<BlockMXFP4, 32>(row, out, elements);
    case DType::kU8:
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kF64:
      break;
  }
  LLMOS_CHECK(false) << "dequantize_row: " << dtype_name(dtype) << " holds no quantised numbers";
}

}  // namespace llmos
