// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/emu/words.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/cuda/common/cuda.h"
#include "kernels/cuda/common/reduce.h"
#include "kernels/cuda/emu/order.h"

namespace llmos::kernels::cuda_emu {
namespace {

using test::kOrders;
using test::OrderScope;

constexpr int kResults = 8;

__global__ void exchanges(unsigned* out) {
  const unsigned lane = threadIdx.x % 32;
  unsigned* const to = out + threadIdx.x * kResults;
  to[0] = __shfl_sync(~0u, lane, 5);
  to[1] = __shfl_xor_sync(~0u, lane, 3);
  to[2] = __shfl_up_sync(~0u, lane, 2);
  to[3] = __shfl_down_sync(~0u, lane, 2);
  to[4] = __ballot_sync(~0u, lane % 3 == 0);
  to[5] = __reduce_add_sync(~0u, lane);
  // Two halves of the warp, each for itself.
  const unsigned half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  to[6] = __shfl_xor_sync(half, lane, 1);
  to[7] = unsigned(__any_sync(half, lane == 3)) * 2 + unsigned(__all_sync(half, lane < 16));
}

TEST(Words, ExchangesOfAWarp) {
  for (const uint64_t seed : kOrders) {
    const OrderScope scope(seed);
    std::vector<unsigned> out(64 * kResults);
    LAUNCH(exchanges, 1, 64, 0, nullptr, out.data());
    ASSERT_EQ(scope.fault(), "");
    unsigned thirds = 0;
    for (unsigned i = 0; i < 32; i += 3) thirds |= 1u << i;
    for (unsigned i = 0; i < 64; ++i) {
      const unsigned lane = i % 32;
      const unsigned* const got = out.data() + i * kResults;
      EXPECT_EQ(got[0], 5u);
      EXPECT_EQ(got[1], lane ^ 3);
      EXPECT_EQ(got[2], lane < 2 ? lane : lane - 2);
      EXPECT_EQ(got[3], lane >= 30 ? lane : lane + 2);
      EXPECT_EQ(got[4], thirds);
      EXPECT_EQ(got[5], 31u * 16);
      EXPECT_EQ(got[6], lane ^ 1);
      EXPECT_EQ(got[7], lane < 16 ? 3u : 0u);
    }
  }
}

// Atomics on global memory, from blocks on several OS threads.
__global__ void adds(int* ints, float* floats, unsigned long long* largest) {
  atomicAdd(ints, 1);
  atomicAdd(floats, 0.5f);
  atomicMax(largest, 1000ull * blockIdx.x + threadIdx.x);
}

TEST(Words, AtomicsAcrossBlocks) {
  const OrderScope scope(1, 3);
  int ints = 0;
  float floats = 0;
  unsigned long long largest = 0;
  LAUNCH(adds, 8, 64, 0, nullptr, &ints, &floats, &largest);
  EXPECT_EQ(ints, 512);
  EXPECT_EQ(floats, 256);
  EXPECT_EQ(largest, 7063u);
}

__global__ void sums(float* out) {
  LLMOS_SHARED(float, scratch, 4);
  const float sum = block_sum<128>(float(threadIdx.x), scratch);
  out[threadIdx.x] = sum + warp_max(float(threadIdx.x % 32));
}

TEST(Words, ReductionsGiveEveryThreadTheSame) {
  for (const uint64_t seed : kOrders) {
    const OrderScope scope(seed);
    std::vector<float> out(128);
    LAUNCH(sums, 1, 128, 0, nullptr, out.data());
    EXPECT_EQ(out, std::vector<float>(128, 127 * 64 + 31));
  }
}

}  // namespace
}  // namespace llmos::kernels::cuda_emu
