// SPDX-License-Identifier: Apache-2.0
// Random inputs for kernels, and the sets under test.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/kernel_sets.h"
#include "tensor/dtype.h"
#include "tensor/half.h"
#include "tensor/quant.h"

namespace llmos::test {

inline std::vector<float> random_floats(Rng& rng, size_t count, float size = 1) {
  std::vector<float> values(count);
  for (float& x : values) x = size * float(rng.uniform() * 2 - 1);
  return values;
}

inline std::vector<DType> weight_dtypes() {
  std::vector<DType> types;
  for (int i = 0; i < kDTypeCount; ++i) {
    if (kernels::is_weight_dtype(DType(i))) types.push_back(DType(i));
  }
  return types;
}

// Random bytes whose every scale is a small f16, so that values are of order 1. The scales of a
// type lie at fixed places of its block.
inline void tame_block(DType dtype, std::byte* block, Rng& rng) {
  const auto put = [&](size_t at) {
    // The K types multiply it by a group's scale of up to 127.
    const float size = dtype_traits(dtype).block_elements > 32 ? 0.02f / 64 : 0.02f;
    const uint16_t half = f32_to_f16(float(rng.uniform() * 2 - 1) * size);
    std::memcpy(block + at, &half, 2);
  };
  switch (dtype) {
    case DType::kQ4_0:
    case DType::kQ5_0:
    case DType::kQ8_0:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
      put(0);
      break;
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      put(0), put(2);
      break;
    case DType::kQ2_K:
      put(80), put(82);
      break;
    case DType::kQ3_K:
      put(108);
      break;
    case DType::kQ6_K:
      put(208);
      break;
    case DType::kMXFP4:
      block[0] = std::byte(116 + rng.below(8));
      break;
    default:
      break;
  }
}

// A matrix with its bytes.
struct Weights {
  std::vector<std::byte> bytes;
  kernels::Matrix matrix;

  Weights(Rng& rng, DType dtype, int64_t rows, int64_t columns, int64_t matrices = 1) {
    const size_t row = size_t(row_bytes(dtype, uint64_t(columns)).value());
    bytes.resize(row * size_t(rows * matrices));
    fill(rng, dtype);
    matrix = {.data = bytes.data(),
              .dtype = dtype,
              .rows = rows,
              .columns = columns,
              .row_bytes = row,
              .matrix_bytes = row * size_t(rows)};
  }

 private:
  void fill(Rng& rng, DType dtype) {
    const size_t block = dtype_traits(dtype).block_bytes;
    for (size_t at = 0; at < bytes.size(); at += block) {
      std::byte* const to = bytes.data() + at;
      const float value = float(rng.uniform() * 2 - 1);
      const uint16_t half = dtype == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
      const uint8_t small = f32_to_f8e4m3(value);
      switch (dtype) {
        case DType::kF32:
          std::memcpy(to, &value, 4);
          break;
        case DType::kF16:
        case DType::kBF16:
          std::memcpy(to, &half, 2);
          break;
        case DType::kF8E4M3:
          std::memcpy(to, &small, 1);
          break;
        default:
          for (size_t i = 0; i < block; ++i) to[i] = std::byte(rng.below(256));
          tame_block(dtype, to, rng);
      }
    }
  }
};

// A number of columns that the type's rows may have, up to `columns`; at least one block.
inline int64_t whole_blocks(DType dtype, int64_t columns) {
  const int64_t block = dtype_traits(dtype).block_elements;
  return std::max(block, columns / block * block);
}

// Every set but the oracle.
inline std::vector<const kernels::KernelTable*> fast_sets() {
  std::vector<const kernels::KernelTable*> sets;
  for (const kernels::KernelTable* table : kernels::kernel_sets()) {
    if (std::string(table->name) != "ref") sets.push_back(table);
  }
  return sets;
}

inline const kernels::KernelTable& ref_set() { return *kernels::find_kernel_set("ref"); }

// Calls the kernel as every member of a team, one after another: no member may need another's part.
template <class Params>
void run_team(kernels::Kernel<Params> kernel, const Params& params, int size) {
  for (int rank = size - 1; rank >= 0; --rank) kernel(params, {.rank = rank, .size = size});
}

// Bits, so that NaN equals itself and -0 differs from 0.
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The largest |a - b| / (absolute + |b|); infinite for a NaN on one side only.
inline double distance(const std::vector<float>& a, const std::vector<float>& b,
                       double absolute = 1) {
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) != std::isnan(b[i])) return INFINITY;
    if (a[i] == b[i] || std::isnan(a[i])) continue;
    largest =
        std::max(largest, std::abs(double(a[i]) - b[i]) / (absolute + std::abs(double(b[i]))));
  }
  return largest;
}

}  // namespace llmos::test
