// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/decode.h"

#include <gtest/gtest.h>

#include "kernels/tensors.h"
#include "support/test_seed.h"

namespace llmos::kernels {
namespace {

// Through embed, which is decoding alone, in every set: bit for bit what tensor/quant.h says, for
// any bytes. Only NaN may have another payload: instructions make those quiet.
TEST(CpuDecode, AnyBytesAreReadAsTheReferenceReadsThem) {
  Rng rng(test::seed("decoding"));
  for (const DType dtype : test::weight_dtypes()) {
    for (int i = 0; i < 40; ++i) {
      const int64_t columns = test::whole_blocks(dtype, rng.between(1, 1500));
      const size_t bytes = size_t(row_bytes(dtype, uint64_t(columns)).value());
      std::vector<std::byte> row(bytes);
      for (std::byte& b : row) b = std::byte(rng.below(256));
      std::vector<float> expected(static_cast<size_t>(columns));
      dequantize_row(dtype, row.data(), expected.data(), uint64_t(columns));
      const int32_t id = 0;
      for (const KernelTable* set : test::fast_sets()) {
        std::vector<float> out(expected.size());
        set->embed({.out = out.data(),
                    .table = {.data = row.data(),
                              .dtype = dtype,
                              .rows = 1,
                              .columns = columns,
                              .row_bytes = bytes,
                              .matrix_bytes = bytes},
                    .ids = &id,
                    .tokens = 1},
                   {});
        for (size_t c = 0; c < out.size(); ++c) {
          const bool same = std::isnan(expected[c]) ? std::isnan(out[c]) : out[c] == expected[c];
          ASSERT_TRUE(same) << set->name << ' ' << dtype_name(dtype) << " column " << c << ": "
                            << out[c] << ", expected " << expected[c];
        }
      }
    }
  }
}

TEST(CpuDecode, BitsAreSpreadOverBytes) {
  Rng rng(test::seed("spread bits"));
  for (int i = 0; i < 100; ++i) {
    const uint32_t bits = rng.u32();
    const Bytes bytes = spread_bits(bits, 16);
    for (int k = 0; k < kStep; ++k) ASSERT_EQ(bytes[k], (bits >> k & 1) ? 16 : 0);
  }
}

TEST(CpuDecode, BitFieldsAreCutFromBytes) {
  Rng rng(test::seed("bit fields"));
  Bytes bytes;
  for (int k = 0; k < kStep; ++k) bytes[k] = uint8_t(rng.below(256));
  for (int shift = 0; shift < 8; ++shift) {
    const int mask = (1 << (8 - shift)) - 1;
    const Bytes field = bit_field(bytes, shift, mask);
    for (int k = 0; k < kStep; ++k) ASSERT_EQ(field[k], bytes[k] >> shift & mask);
  }
}

}  // namespace
}  // namespace llmos::kernels
