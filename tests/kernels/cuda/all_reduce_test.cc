// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <thread>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

// Ranks as threads, each with its own memory and, on a real GPU, its own launch.
struct Ranks {
  int count;
  int64_t floats;
  std::vector<GpuVector<std::byte>> memory;

  Ranks(int ranks, int64_t floats_) : count(ranks), floats(floats_) {
    for (int r = 0; r < ranks; ++r) {
      memory.emplace_back(size_t(floats) * sizeof(float) + kAllReduceFlagBytes, std::byte{0});
    }
  }
  float* data(int rank) { return reinterpret_cast<float*>(memory[size_t(rank)].data()); }

  std::vector<std::vector<float>> reduce(bool two_shot, unsigned round) {
    std::vector<GpuVector<float>> out;
    for (int r = 0; r < count; ++r) out.emplace_back(static_cast<size_t>(floats));
    std::vector<std::thread> threads;
    for (int r = 0; r < count; ++r) {
      threads.emplace_back([&, r] {
        AllReduceParams p;
        p.out = out[size_t(r)].data();
        for (int i = 0; i < count; ++i) p.peers[i] = memory[size_t(i)].data();
        p.flags_at = size_t(floats) * sizeof(float);
        p.count = floats;
        p.rank = r;
        p.ranks = count;
        p.two_shot = two_shot;
        p.round = round;
        run(gpu_ops().all_reduce, p);
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::vector<std::vector<float>> results;
    for (const GpuVector<float>& one : out) results.push_back(on_host(one));
    return results;
  }
};

TEST(CudaAllReduce, EveryRankGetsTheSumInTheOrderOfRanks) {
#ifdef LLMOS_TEST_ON_GPU
  GTEST_SKIP() << "ranks of one process need a stream each: device/ is to give them";
#endif
  Rng rng(1);
  for (const int count : {1, 2, 4}) {
    for (const int64_t floats : {4, 1028, 20000}) {
      Ranks ranks(count, floats);
      for (unsigned round = 1; round <= 3; ++round) {
        std::vector<float> expected(static_cast<size_t>(floats), 0.0f);
        for (int r = 0; r < count; ++r) {
          for (int64_t i = 0; i < floats; ++i) {
            ranks.data(r)[i] = float(rng.uniform());
            expected[size_t(i)] += ranks.data(r)[i];
          }
        }
        for (const auto& result : ranks.reduce(round == 2, round)) {
          EXPECT_TRUE(same_bits(result, expected));
        }
      }
    }
  }
}

}  // namespace
}  // namespace llmos::test
