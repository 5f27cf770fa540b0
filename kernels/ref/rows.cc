// SPDX-License-Identifier: Apache-2.0
#include "kernels/ref/rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/check.h"
#include "tensor/half.h"
#include "tensor/quant.h"
#include "tensor/quant_blocks.h"

namespace llmos::kernels::ref {
namespace {

template <class T>
void put(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

BlockQ8_0 encode(std::span<const float> in) {
  float largest = 0;
  for (const float x : in) largest = std::max(largest, std::abs(x));
  const float scale = largest / 127;
  const float inverse = scale == 0 ? 0 : 1 / scale;
  BlockQ8_0 block{};
  block.scale = f32_to_f16(scale);
  for (size_t i = 0; i < in.size(); ++i) block.quants[i] = int8_t(std::nearbyint(in[i] * inverse));
  return block;
}

}  // namespace

void read_row(DType dtype, const std::byte* row, std::span<float> out) {
  dequantize_row(dtype, row, out.data(), out.size());
}

void write_row(DType dtype, std::span<const float> in, std::byte* row) {
  switch (dtype) {
    case DType::kF32:
      for (size_t i = 0; i < in.size(); ++i) put(row + i * 4, in[i]);
      return;
    case DType::kF16:
      for (size_t i = 0; i < in.size(); ++i) put(row + i * 2, f32_to_f16(in[i]));
      return;
    case DType::kBF16:
      for (size_t i = 0; i < in.size(); ++i) put(row + i * 2, f32_to_bf16(in[i]));
      return;
    case DType::kQ8_0:
      for (size_t i = 0; i < in.size() / 32; ++i) {
        put(row + i * sizeof(BlockQ8_0), encode(in.subspan(i * 32, 32)));
      }
      return;
    default:
      LLMOS_CHECK(false) << "the cache holds no " << dtype_name(dtype);
  }
}

}  // namespace llmos::kernels::ref
