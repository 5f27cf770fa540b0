// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

TEST(CudaCopyBlocks, CopiesEachPair) {
  for (const size_t bytes : {size_t{16}, size_t{4096}, size_t{16384 + 48}}) {
    Rng rng(1);
    GpuVector<std::byte> from(4 * bytes), start(3 * bytes, std::byte{7});
    for (std::byte& b : from) b = std::byte(rng.below(256));
    const GpuVector<int64_t> pairs = on_gpu(std::vector<int64_t>{3, 0, 1, 2});
    std::vector<std::byte> expected = on_host(start);
    std::copy_n(from.begin() + int64_t(3 * bytes), bytes, expected.begin());
    std::copy_n(from.begin() + int64_t(bytes), bytes, expected.begin() + int64_t(2 * bytes));
    in_orders([&] {
      GpuVector<std::byte> to = start;
      run(gpu_ops().copy_blocks, {.to = to.data(),
                                  .from = from.data(),
                                  .pairs = pairs.data(),
                                  .count = 2,
                                  .block_bytes = bytes});
      EXPECT_EQ(on_host(to), expected);
    });
  }
}

uint32_t encoded(DType dtype, float x) {
  return dtype == DType::kF32    ? std::bit_cast<uint32_t>(x)
         : dtype == DType::kF16  ? f32_to_f16(x)
         : dtype == DType::kBF16 ? f32_to_bf16(x)
                                 : f32_to_f8e4m3(x);
}
float decoded(DType dtype, uint32_t bits) {
  return dtype == DType::kF32    ? std::bit_cast<float>(bits)
         : dtype == DType::kF16  ? f16_to_f32(uint16_t(bits))
         : dtype == DType::kBF16 ? bf16_to_f32(uint16_t(bits))
                                 : f8e4m3_to_f32(uint8_t(bits));
}

TEST(CudaCast, EveryTypeToEveryType) {
  constexpr DType kTypes[] = {DType::kF32, DType::kF16, DType::kBF16, DType::kF8E4M3};
  constexpr size_t kCount = 700;
  Rng rng(2);
  for (const DType from : kTypes) {
    for (const DType to : kTypes) {
      const size_t in_bytes = dtype_traits(from).block_bytes, bytes = dtype_traits(to).block_bytes;
      GpuVector<std::byte> in(kCount * in_bytes), out(kCount * bytes);
      std::vector<uint32_t> expected;
      for (size_t i = 0; i < kCount; ++i) {
        const uint32_t bits = encoded(from, float(rng.uniform() * 200 - 100));
        std::memcpy(in.data() + i * in_bytes, &bits, in_bytes);
        expected.push_back(encoded(to, decoded(from, bits)));
      }
      run(gpu_ops().cast,
          {.out = out.data(), .in = in.data(), .to = to, .from = from, .count = kCount});
      for (size_t i = 0; i < kCount; ++i) {
        uint32_t bits = 0;
        std::memcpy(&bits, out.data() + i * bytes, bytes);
        EXPECT_EQ(bits, expected[i]);
      }
    }
  }
}

}  // namespace
}  // namespace llmos::test
