// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/emu/block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "kernels/cuda/common/ptx.h"
#include "kernels/cuda/emu/order.h"
#include "support/throwing_fatal.h"

namespace llmos::kernels::cuda_emu {
namespace {

using test::kOrders;
using test::OrderScope;
using ::testing::HasSubstr;

constexpr int kThreads = 96;

// Every thread hands its number to its neighbour through shared memory.
template <bool WithBarrier>
__global__ void shift(float* out) {
  LLMOS_SHARED(float, cells, kThreads);
  cells[threadIdx.x] = float(threadIdx.x);
  if (WithBarrier) __syncthreads();
  out[threadIdx.x] = cells[(threadIdx.x + 1) % kThreads];
}

TEST(Block, ABarrierIsMet) {
  for (const uint64_t seed : kOrders) {
    const OrderScope scope(seed);
    std::vector<float> out(kThreads);
    LAUNCH(shift<true>, 1, kThreads, 0, nullptr, out.data());
    for (int i = 0; i < kThreads; ++i) EXPECT_EQ(out[size_t(i)], float((i + 1) % kThreads));
    EXPECT_EQ(scope.fault(), "");
  }
}

TEST(Block, AMissingBarrierReadsNotANumber) {
  for (const uint64_t seed : kOrders) {
    const OrderScope scope(seed);
    std::vector<float> out(kThreads);
    LAUNCH(shift<false>, 1, kThreads, 0, nullptr, out.data());
    EXPECT_TRUE(std::isnan(std::accumulate(out.begin(), out.end(), 0.0f)));
  }
}

__global__ void branched() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

TEST(BlockFault, ADivergentBarrier) {
  const OrderScope scope(0);
  LAUNCH(branched, 1, 64, 0, nullptr);
  EXPECT_THAT(scope.fault(), HasSubstr("a barrier is reached at two places: thread 0 at line"));
}

__global__ void split_warp() {
  if (threadIdx.x % 2 == 0) {
    __syncwarp();
  } else {
    __syncthreads();
  }
}

TEST(BlockFault, ThreadsThatWaitForEver) {
  const OrderScope scope(0);
  LAUNCH(split_warp, dim3(1, 2), 32, 0, nullptr);
  EXPECT_THAT(scope.fault(), HasSubstr("the block waits for ever: 16 threads at barrier 0, line"));
  EXPECT_THAT(scope.fault(), HasSubstr("16 threads in __syncwarp [block 0,0,0]"));
}

__global__ void mixed() {
  if (threadIdx.x == 0) {
    __ballot_sync(~0u, true);
  } else {
    __syncwarp();
  }
}

TEST(BlockFault, DifferentExchangesOfOneWarp) {
  const OrderScope scope(0);
  LAUNCH(mixed, 1, 32, 0, nullptr);
  EXPECT_THAT(scope.fault(), HasSubstr("lanes of one warp meet in different exchanges"));
}

__global__ void foreign_mask() { __syncwarp(1u); }

TEST(BlockFault, ALaneOutsideItsOwnMask) {
  const OrderScope scope(0);
  LAUNCH(foreign_mask, 1, 32, 0, nullptr);
  EXPECT_THAT(scope.fault(), HasSubstr("a lane is not in its own mask"));
}

__global__ void misaligned(const char* bytes) { load16(bytes + 4); }

TEST(BlockFault, AWideLoadThatIsNotAligned) {
  const OrderScope scope(0);
  alignas(16) const char bytes[32] = {};
  LAUNCH(misaligned, 1, 1, 0, nullptr, bytes);
  EXPECT_THAT(scope.fault(), HasSubstr("an access of 16 bytes is not aligned"));
}

TEST(BlockFault, IsFatalUnlessSomebodyAsks) {
  const test::ThrowingFatal fatal;
  EXPECT_ANY_THROW(LAUNCH(split_warp, 1, 32, 0, nullptr));
}

TEST(Block, RunsAgainAfterAFault) {
  const OrderScope scope(1);
  for (int i = 0; i < 3; ++i) LAUNCH(split_warp, 1, 256, 0, nullptr);
  std::vector<float> out(kThreads);
  LAUNCH(shift<true>, 1, kThreads, 0, nullptr, out.data());
  EXPECT_EQ(out[0], 1);
}

// Half of the block meets alone, at its own barrier; the others have gone.
__global__ void half_block(float* out) {
  LLMOS_SHARED(float, cells, 64);
  if (threadIdx.x >= 64) return;
  cells[threadIdx.x] = float(threadIdx.x);
  LLMOS_BARRIER(1, 64);
  out[threadIdx.x] = cells[63 - threadIdx.x];
}

TEST(Block, ANamedBarrierOfPartOfTheBlock) {
  for (const uint64_t seed : kOrders) {
    const OrderScope scope(seed);
    std::vector<float> out(64);
    LAUNCH(half_block, 1, 128, 0, nullptr, out.data());
    EXPECT_EQ(out[0], 63);
    EXPECT_EQ(out[63], 0);
    EXPECT_EQ(scope.fault(), "");
  }
}

// Shared memory is poisoned for every block, not only for the first.
__global__ void reads_unset(float* out) {
  LLMOS_SHARED(float, cell, 1);
  LLMOS_DYNAMIC_SHARED(float, dynamic);
  out[2 * blockIdx.x] = cell[0];
  out[2 * blockIdx.x + 1] = dynamic[0];
  cell[0] = dynamic[0] = 1;
}

TEST(Block, SharedMemoryBeginsAsNotANumber) {
  std::vector<float> out(6);
  LAUNCH(reads_unset, 3, 1, sizeof(float), nullptr, out.data());
  for (const float x : out) EXPECT_TRUE(std::isnan(x));
}

template <int Waits>
__global__ void copies(const float* in, float* out) {
  LLMOS_SHARED(float, cells, 8);
  copy_async16(cells, in, true);
  copy_async_commit();
  copy_async16(cells + 4, in, false);
  copy_async_commit();
  if (Waits >= 1) copy_async_wait<1>();
  if (Waits >= 2) copy_async_wait<0>();
  for (int i = 0; i < 8; ++i) out[i] = cells[i];
}

TEST(Block, AnAsynchronousCopyIsThereAfterItsWait) {
  alignas(16) const float in[4] = {1, 2, 3, 4};
  const auto run = [&](auto kernel) {
    std::vector<float> out(8);
    LAUNCH(kernel, 1, 1, 0, nullptr, static_cast<const float*>(in), out.data());
    return out;
  };
  const std::vector<float> both = run(copies<2>), one = run(copies<1>), none = run(copies<0>);
  EXPECT_EQ(both, (std::vector<float>{1, 2, 3, 4, 0, 0, 0, 0}));
  EXPECT_EQ(one[3], 4);
  EXPECT_TRUE(std::isnan(one[4]));
  EXPECT_TRUE(std::isnan(none[0]));
}

// The grid's blocks and threads are all there, once.
__global__ void numbered(int* counts) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  atomicAdd(counts + block * blockDim.x * blockDim.y * blockDim.z + thread, 1);
}

TEST(Launch, CoversGridAndBlockOnSeveralOsThreads) {
  for (const unsigned os_threads : {1u, 3u}) {
    const OrderScope scope(1, os_threads);
    std::vector<int> counts(2 * 3 * 2 * 4 * 2 * 3);
    LAUNCH(numbered, dim3(2, 3, 2), dim3(4, 2, 3), 0, nullptr, counts.data());
    EXPECT_EQ(counts, std::vector<int>(counts.size(), 1));
  }
}

// The order of the first exchange of each thread.
__global__ void arrivals(int* order, int* next) {
  order[atomicAdd(next, 1)] = int(threadIdx.x);
  __syncthreads();
}

TEST(Launch, ASeedIsAnOrderAndComesBack) {
  std::set<std::vector<int>> seen;
  for (const uint64_t seed : kOrders) {
    const OrderScope scope(seed);
    std::vector<std::vector<int>> twice;
    for (int i = 0; i < 2; ++i) {
      std::vector<int> order(64);
      int next = 0;
      LAUNCH(arrivals, 1, 64, 0, nullptr, order.data(), &next);
      twice.push_back(order);
    }
    EXPECT_EQ(twice[0], twice[1]);
    seen.insert(twice[0]);
  }
  EXPECT_EQ(seen.size(), std::size(kOrders));
}

}  // namespace
}  // namespace llmos::kernels::cuda_emu
