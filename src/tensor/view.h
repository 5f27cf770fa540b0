// SPDX-License-Identifier: Apache-2.0
// TensorView: where a tensor's bytes are and how to read them. Owns nothing; a value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace llmos {

// Rows lie one after another without gaps. `data` may have any alignment of its block's scalars
// (files align tensors to 32 bytes, blocks of 18 or 34 bytes to 2).
struct TensorView {
  const std::byte* data = nullptr;
  DType dtype = DType::kF32;
  Shape shape{};

  bool present() const noexcept { return data != nullptr; }
  uint64_t rows() const noexcept { return shape.rows(); }
  uint64_t columns() const noexcept { return shape.columns(); }
  // Of a whole row. Whoever made the view has checked that rows are whole blocks.
  uint64_t row_bytes() const noexcept { return llmos::row_bytes(dtype, columns()).value_or(0); }
  uint64_t bytes() const noexcept { return rows() * row_bytes(); }
  const std::byte* row(uint64_t index) const noexcept { return data + index * row_bytes(); }

  // Precondition: the type is plain f32 and the data aligned to 4.
  const float* f32() const noexcept {
    LLMOS_DCHECK(dtype == DType::kF32);
    return reinterpret_cast<const float*>(data);
  }
};

}  // namespace llmos
