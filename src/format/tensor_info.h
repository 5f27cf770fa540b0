// SPDX-License-Identifier: Apache-2.0
// TensorInfo: a tensor's name, type, shape and place in a file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace llmos {

struct TensorInfo {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;          // outermost first
  uint32_t file = 0;    // index into Checkpoint::files(); 0 from the reader of a single file
  uint64_t offset = 0;  // from the start of that file
  uint64_t bytes = 0;
};

// Bytes of a whole tensor; nullopt when its rows are no whole blocks, or beyond 64 bits.
inline std::optional<uint64_t> tensor_bytes(DType dtype, const Shape& shape) noexcept {
  const std::optional<uint64_t> elements = shape.elements();
  // All elements fit 64 bits, so rows do too; and whole blocks in a row are whole blocks in all.
  if (!elements || !row_bytes(dtype, shape.columns())) return std::nullopt;
  return row_bytes(dtype, *elements);
}

// What the scalars of a type want of an address: blocks begin with F16 or bytes.
inline uint64_t scalar_alignment(DType dtype) noexcept {
  if (is_quantized(dtype)) return dtype == DType::kMXFP4 ? 1 : 2;
  return dtype_traits(dtype).block_bytes;
}

}  // namespace llmos
