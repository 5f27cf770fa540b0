// SPDX-License-Identifier: Apache-2.0
// Packed weights and quantised activations for tests of the sets that have them.
#pragma once

#include <memory>
#include <new>

#include "kernels/tensors.h"

namespace llmos::test {

inline std::vector<const kernels::KernelTable*> packing_sets() {
  std::vector<const kernels::KernelTable*> sets;
  for (const kernels::KernelTable* table : kernels::kernel_sets()) {
    if (table->pack_rows > 0) sets.push_back(table);
  }
  return sets;
}

inline std::vector<DType> packed_dtypes(const kernels::KernelTable& set) {
  std::vector<DType> types;
  for (const DType dtype : weight_dtypes()) {
    if (set.packed_bytes(dtype, 256) > 0) types.push_back(dtype);
  }
  return types;
}

// Bytes on a cache line, with a canary behind them.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t bytes)
      : bytes_(bytes), data_(static_cast<std::byte*>(::operator new(bytes + 64, kAlign))) {
    std::memset(data_.get(), 0x5a, bytes + 64);
  }
  std::byte* data() const { return data_.get(); }
  size_t size() const { return bytes_; }
  bool is_intact() const {
    for (size_t i = 0; i < 64; ++i) {
      if (data_.get()[bytes_ + i] != std::byte{0x5a}) return false;
    }
    return true;
  }

 private:
  static constexpr std::align_val_t kAlign{64};
  struct Free {
    void operator()(std::byte* p) const { ::operator delete(p, kAlign); }
  };
  size_t bytes_;
  std::unique_ptr<std::byte, Free> data_;
};

// Rows of activations, quantised by a set. Every set keeps the numbers and the scale of a cell
// where this reads them.
class Cells {
 public:
  Cells(const kernels::KernelTable& set, const float* in, int64_t stride, int64_t tokens,
        int64_t columns, int team)
      : row_(kernels::quantized_row_bytes(columns)), bytes_(row_ * size_t(tokens)) {
    const kernels::QuantizeParams p{
        .out = bytes_.data(), .in = in, .in_stride = stride, .tokens = tokens, .columns = columns};
    run_team(set.quantize, p, team);
    EXPECT_TRUE(bytes_.is_intact());
  }
  const std::byte* data() const { return bytes_.data(); }
  int quant(int64_t token, int64_t column) const {
    return int8_t(cell(token, column)[size_t(column % 32)]);
  }
  float scale(int64_t token, int64_t column) const {
    float scale;
    std::memcpy(&scale, cell(token, column) + 32, 4);
    return scale;
  }
  double value(int64_t token, int64_t column) const {
    return double(scale(token, column)) * quant(token, column);
  }

 private:
  const std::byte* cell(int64_t token, int64_t column) const {
    return bytes_.data() + size_t(token) * row_ + size_t(column / 32) * kernels::kCellBytes;
  }
  size_t row_;
  AlignedBytes bytes_;
};

// A packed copy of weights.
class PackedWeights {
 public:
  PackedWeights(const kernels::KernelTable& set, const kernels::Matrix& plain, int64_t matrices = 1,
                int team = 1)
      : group_(set.packed_bytes(plain.dtype, plain.columns)),
        bytes_(group_ * size_t((plain.rows + set.pack_rows - 1) / set.pack_rows * matrices)) {
    matrix = plain;
    matrix.packed = true;
    matrix.data = bytes_.data();
    matrix.row_bytes = group_;
    matrix.matrix_bytes = bytes_.size() / size_t(matrices);
    for (int64_t m = 0; m < matrices; ++m) {
      const kernels::PackParams p{.out = bytes_.data() + size_t(m) * matrix.matrix_bytes,
                                  .in = plain.data + size_t(m) * plain.matrix_bytes,
                                  .dtype = plain.dtype,
                                  .rows = plain.rows,
                                  .columns = plain.columns,
                                  .row_bytes = plain.row_bytes};
      run_team(set.pack, p, team);
    }
    EXPECT_TRUE(bytes_.is_intact());
  }
  const AlignedBytes& bytes() const { return bytes_; }

  kernels::Matrix matrix;

 private:
  size_t group_;
  AlignedBytes bytes_;
};

}  // namespace llmos::test
