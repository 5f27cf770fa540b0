// SPDX-License-Identifier: Apache-2.0
// Element types of tensors, plain and quantised.
//
// A quantised type stores a *block* of consecutive elements of one row together with its scales; a
// row is a whole number of blocks. Plain types are blocks of one element, so that every type has
// the same arithmetic. Blocks follow the GGUF layouts byte for byte; tensor/quant.h decodes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace llmos {

enum class DType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kF8E4M3,  // safetensors only; 4 bits of exponent, 3 of mantissa, no infinity
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
  kMXFP4,
  kI8,
  kI16,
  kI32,
  kI64,
  kF64,
  kU8,  // safetensors only; bytes, such as the packed MXFP4 blocks and scales of gpt-oss
};
inline constexpr int kDTypeCount = int(DType::kU8) + 1;

struct DTypeTraits {
  std::string_view name;    // as GGUF tools write it: "F16", "Q4_K"
  uint32_t block_elements;  // elements in a block
  uint32_t block_bytes;     // bytes of a block
};

// Of every type; never fails.
const DTypeTraits& dtype_traits(DType dtype) noexcept;
inline std::string_view dtype_name(DType dtype) noexcept { return dtype_traits(dtype).name; }
inline bool is_quantized(DType dtype) noexcept { return dtype_traits(dtype).block_elements > 1; }

// The type of a name, in either case ("q4_0", "F16"); nullopt for others.
std::optional<DType> find_dtype(std::string_view name) noexcept;

// Bytes of a row of `elements`; nullopt when that is no whole number of blocks, or beyond 64 bits.
std::optional<uint64_t> row_bytes(DType dtype, uint64_t elements) noexcept;

}  // namespace llmos
