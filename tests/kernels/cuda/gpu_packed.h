// SPDX-License-Identifier: Apache-2.0
// Packed weights and bf16 activations on the GPU under test.
#pragma once

#include "kernels/cuda/gpu.h"

namespace llmos::test {

struct GpuPacked {
  GpuVector<std::byte> bytes;
  kernels::Matrix matrix;

  explicit GpuPacked(const kernels::Matrix& plain, int64_t matrices = 1) {
    const size_t group = gpu().packed_bytes(plain.dtype, plain.columns);
    const int64_t rows = gpu().pack_rows, groups = (plain.rows + rows - 1) / rows;
    bytes.resize(group * size_t(groups * matrices), std::byte{0x5a});
    matrix = plain;
    matrix.packed = true;
    matrix.data = bytes.data();
    matrix.row_bytes = group;
    matrix.matrix_bytes = group * size_t(groups);
    for (int64_t m = 0; m < matrices; ++m) {
      run(gpu().pack, {.out = bytes.data() + size_t(m) * matrix.matrix_bytes,
                       .in = plain.data + size_t(m) * plain.matrix_bytes,
                       .dtype = plain.dtype,
                       .rows = plain.rows,
                       .columns = plain.columns,
                       .row_bytes = plain.row_bytes});
    }
  }
};

inline GpuVector<std::byte> quantized(const GpuVector<float>& in, int64_t tokens, int64_t columns) {
  GpuVector<std::byte> cells = new_cells(tokens, columns);
  run(gpu().quantize, {.out = cells.data(),
                       .in = in.data(),
                       .in_stride = columns,
                       .tokens = tokens,
                       .columns = columns});
  return cells;
}

// Floats that bf16 holds exactly: what remains of a difference is the product's.
inline GpuVector<float> bf16_floats(Rng& rng, size_t count) {
  GpuVector<float> values = gpu_floats(rng, count);
  for (float& x : values) x = bf16_to_f32(f32_to_bf16(x));
  return values;
}

}  // namespace llmos::test
