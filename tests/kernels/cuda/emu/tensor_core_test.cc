// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/emu/tensor_core.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/rng.h"
#include "kernels/cuda/common/ptx.h"
#include "kernels/cuda/emu/order.h"
#include "tensor/half.h"

namespace llmos::kernels::cuda_emu {
namespace {

using test::kOrders;
using test::OrderScope;

// C [16, 8] = A [16, 16] * B [8, 16]^T, with both operands through ldmatrix: the layouts of lanes
// are right only if all of them are.
template <bool Bf16, bool Transposed>
__global__ void product(const uint16_t* a, const uint16_t* b, float* c) {
  LLMOS_SHARED(uint16_t, as, 16 * 16);
  LLMOS_SHARED(uint16_t, bs, 16 * 16);
  const int lane = int(threadIdx.x);
  for (int i = lane; i < 256; i += 32) as[i] = a[i], bs[i] = b[i];
  __syncwarp();
  uint32_t fa[4], fb[4];
  ldmatrix_x4(fa, as + (lane % 16) * 16 + lane / 16 * 8);
  if (Transposed) {  // b is [k, n]
    ldmatrix_x4_transposed(fb, bs + (lane % 16) * 16 + lane / 16 * 8);
  } else {  // b is [n, k]: rows 0..7, columns 0 and 8; then rows 8..15
    ldmatrix_x4(fb, bs + (lane % 8 + lane / 16 * 8) * 16 + lane / 8 % 2 * 8);
  }
  float d[2][4] = {};
  for (int half = 0; half < 2; ++half) {
    if (Bf16) {
      mma_bf16(d[half], fa, fb[2 * half], fb[2 * half + 1]);
    } else {
      mma_f16(d[half], fa, fb[2 * half], fb[2 * half + 1]);
    }
    for (int e = 0; e < 4; ++e) {
      c[(lane / 4 + e / 2 * 8) * 16 + half * 8 + lane % 4 * 2 + e % 2] = d[half][e];
    }
  }
}

TEST(TensorCore, AProductThroughItsFragments) {
  Rng rng(1);
  std::vector<int> a(256), b(256);
  for (int& x : a) x = int(rng.between(-8, 8));
  for (int& x : b) x = int(rng.between(-8, 8));
  const auto halves = [](const std::vector<int>& in, bool bf16) {
    std::vector<uint16_t> out;
    for (const int x : in) out.push_back(bf16 ? f32_to_bf16(float(x)) : f32_to_f16(float(x)));
    return out;
  };
  for (const bool bf16 : {false, true}) {
    for (const bool transposed : {false, true}) {
      for (const uint64_t seed : kOrders) {
        const OrderScope scope(seed);
        const auto ha = halves(a, bf16), hb = halves(b, bf16);
        std::vector<float> c(256), expected(256);
        auto* const kernel = bf16 ? (transposed ? product<true, true> : product<true, false>)
                                  : (transposed ? product<false, true> : product<false, false>);
        LAUNCH(kernel, 1, 32, 0, nullptr, ha.data(), hb.data(), c.data());
        for (int m = 0; m < 16; ++m) {
          for (int n = 0; n < 16; ++n) {
            int sum = 0;  // exact: small integers
            for (int k = 0; k < 16; ++k) {
              sum += a[size_t(m * 16 + k)] * b[size_t(transposed ? k * 16 + n : n * 16 + k)];
            }
            expected[size_t(m * 16 + n)] = float(sum);
          }
        }
        EXPECT_EQ(c, expected);
      }
    }
  }
}

TEST(TensorCore, ConversionsRoundToNearest) {
  EXPECT_EQ(emu::pack_bf16(1, -2), 0xc0003f80u);
  EXPECT_EQ(emu::pack_f16(1, -2), 0xc0003c00u);
  EXPECT_EQ(emu::unpack_f16(0x3c00), 1);
  EXPECT_EQ(emu::pack_e4m3(1e9f), 0x7e);  // 448, the largest
  EXPECT_EQ(emu::pack_e4m3(-1), 0xb8);
  EXPECT_EQ(emu::e4m3_to_f16(0xb838), 0xbc003c00u);
}

}  // namespace
}  // namespace llmos::kernels::cuda_emu
