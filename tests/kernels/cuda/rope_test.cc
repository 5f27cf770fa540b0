// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

struct Heads {
  int64_t tokens = 5, heads = 3, head_dim = 40, rotary = 24, stride = 3 * 40 + 8;
  GpuVector<float> x, frequency;
  GpuVector<int32_t> positions, sets;

  explicit Heads(Rng& rng) {
    x = gpu_floats(rng, size_t(tokens * stride));
    frequency = gpu_floats(rng, size_t(2 * rotary / 2));
    positions = on_gpu(std::vector<int32_t>{0, 1, 77, 4096, 100000});
    sets = on_gpu(std::vector<int32_t>{0, 1, 1, 0, 1});
  }
  RopeParams rope(float* to) const {
    RopeParams p;
    p.x = to;
    p.stride = stride;
    p.positions = positions.data();
    p.inverse_frequency = frequency.data();
    p.frequency_set = sets.data();
    p.tokens = tokens;
    p.heads = heads;
    p.head_dim = head_dim;
    p.rotary = rotary;
    p.magnitude = 1.1f;
    return p;
  }
};

TEST(CudaRope, EqualsTheReference) {
  Rng rng(1);
  const Heads heads(rng);
  for (const bool interleaved : {false, true}) {
    std::vector<float> expected = on_host(heads.x);
    RopeParams p = heads.rope(expected.data());
    p.interleaved = interleaved;
    run_team<RopeParams>(ref_set().rope, p, 1);
    in_orders([&] {
      GpuVector<float> x = heads.x;
      p.x = x.data();
      run(gpu().rope, p);
      EXPECT_LT(distance(on_host(x), expected), 1e-6);
    });
  }
}

// Rotates and stores keys, stores values; the bytes of the cache are those of the reference, up to
// one rounding of a rotated key.
TEST(CudaKvWrite, EqualsTheReferenceForEveryType) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kF8E4M3}) {
    for (const bool rotates : {false, true}) {
      SCOPED_TRACE(dtype_name(dtype));
      Rng rng(2);
      const Heads heads(rng);
      const GpuVector<float> values = gpu_floats(rng, heads.x.size());
      const GpuVector<int64_t> slots = on_gpu(std::vector<int64_t>{9, 0, -1, 7, 8});
      const size_t element = dtype_traits(dtype).block_bytes;
      const size_t block_bytes = size_t(3 * 4 * 40) * element + 64;
      const auto written = [&](const KernelTable& set, GpuVector<float> keys) {
        GpuVector<std::byte> cache(2 * 3 * block_bytes, std::byte{0});
        KvWriteParams p;
        p.cache = {.keys = cache.data(),
                   .values = cache.data() + 3 * block_bytes,
                   .block_bytes = block_bytes,
                   .dtype = dtype == DType::kF8E4M3 && &set == &ref_set() ? DType::kF32 : dtype,
                   .block_tokens = 4,
                   .kv_heads = 3,
                   .head_dim = 40};
        p.keys = keys.data();
        p.values = values.data();
        p.keys_stride = p.values_stride = heads.stride;
        p.slots = slots.data();
        p.tokens = heads.tokens;
        if (rotates) p.rope = heads.rope(keys.data());
        run(set.kv_write, p);
        std::vector<float> floats;
        for (size_t at = 0; at < cache.size(); at += element) {
          uint32_t bits = 0;
          std::memcpy(&bits, cache.data() + at, element);
          floats.push_back(dtype == DType::kF32    ? std::bit_cast<float>(bits)
                           : dtype == DType::kF16  ? f16_to_f32(uint16_t(bits))
                           : dtype == DType::kBF16 ? bf16_to_f32(uint16_t(bits))
                                                   : f8e4m3_to_f32(uint8_t(bits)));
        }
        return std::pair(floats, on_host(keys));
      };
      if (dtype == DType::kF8E4M3) {  // the reference has no such cache: the values say it
        const auto [got, keys] = written(gpu(), heads.x);
        const size_t at = 3 * block_bytes + size_t(1 * 4 + 3) * 40;  // block 1, head 1, place 3
        for (size_t d = 0; d < 40; ++d) {
          const float value = values[size_t(3 * heads.stride) + 40 + d];
          EXPECT_EQ(got[at + block_bytes + d], f8e4m3_to_f32(f32_to_f8e4m3(value)));
        }
        continue;
      }
      const std::pair both = written(ref_set(), heads.x);
      const std::vector<float>&expected = both.first, &expected_keys = both.second;
      in_orders([&] {
        const auto [got, keys] = written(gpu(), heads.x);
        EXPECT_LT(distance(keys, expected_keys), 1e-6);
        const double rounding = dtype == DType::kF32 ? 1e-6 : dtype == DType::kF16 ? 1e-3 : 8e-3;
        EXPECT_LT(distance(got, expected), rotates ? rounding : 1e-9);
      });
    }
  }
}

}  // namespace
}  // namespace llmos::test
