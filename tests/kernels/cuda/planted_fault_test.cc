// SPDX-License-Identifier: Apache-2.0
// The emulator finds what it is made to find: kernels from which one barrier or one wait was taken
// away give another result, or none. The copies are compiled here, in a namespace of their own.
#define LLMOS_CUDA_SPACE cuda_planted
#include <set>

#include "kernels/cuda/common/ptx.h"

namespace llmos::kernels::cuda_planted {

// Which barrier is left out (0: none), and which were met.
struct Plant {
  int barrier_line = 0;
  bool no_wait = false;
  std::set<int> lines;
};
static Plant plant;

static void planted_barrier(const char* file, int line) {
  plant.lines.insert(line);
  if (line != plant.barrier_line) emu::Block::current().barrier(0, 0, {file, line});
}
template <int GroupsLeft>
void planted_wait() {
  if (!plant.no_wait) copy_async_wait<GroupsLeft>();
}

}  // namespace llmos::kernels::cuda_planted

#undef __syncthreads
#define __syncthreads() planted_barrier(__FILE__, __LINE__)
#define copy_async_wait planted_wait
#include "kernels/cuda/attention.cuh"
#include "kernels/cuda/experts.cuh"
#include "kernels/cuda/gpu_packed.h"
#include "kernels/cuda/norm.cuh"
#include "kernels/cuda/packed_matmul.cuh"
#include "kernels/cuda/paged_cache.h"

namespace llmos::test {
namespace {

using namespace kernels;
namespace planted = kernels::cuda_planted;

// Whether some order of fibers shows that `run` gives another result than `expected`.
template <class Run>
bool is_found(const Run& run, const std::vector<float>& expected) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const OrderScope scope(seed);
    if (!same_bits(run(), expected) || !scope.fault().empty()) return true;
  }
  return false;
}

// Every barrier of the kernel, taken away alone. `run` gives the kernel's result.
template <class Run>
void expect_every_barrier_is_needed(const Run& run, size_t barriers) {
  planted::plant = {};
  const std::vector<float> expected = run();
  EXPECT_FALSE(is_found(run, expected)) << "nothing is planted yet";
  const std::set<int> lines = planted::plant.lines;
  EXPECT_EQ(lines.size(), barriers);
  for (const int line : lines) {
    planted::plant.barrier_line = line;
    EXPECT_TRUE(is_found(run, expected)) << "without the barrier of line " << line;
  }
  planted::plant = {};
}

// Four warps over ten tiles of keys.
struct Attention {
  Rng rng{1};
  PagedCase one{rng, {.heads = 2, .kv_heads = 1, .head_dim = 64, .block_tokens = 16}, {290}, {30}};
  std::vector<float> operator()() const {
    GpuVector<float> out(static_cast<size_t>(one.out_size()), 0.0f);
    const planted::AttentionPlan plan{256, 1, nullptr, nullptr};
    LAUNCH((planted::attend_rows<64, DType::kF16>), planted::dim3(1, 1, 1), 128,
           planted::attention_shared_bytes<64>(4, true), nullptr, one.params(out.data()), plan);
    return on_host(out);
  }
};

TEST(CudaPlantedFault, ABarrierOfAttention) { expect_every_barrier_is_needed(Attention{}, 2); }

TEST(CudaPlantedFault, TheWaitForCopiesOfAttention) {
  const Attention run;
  planted::plant = {};
  const std::vector<float> expected = run();
  planted::plant.no_wait = true;
  EXPECT_TRUE(is_found(run, expected));
  planted::plant = {};
}

TEST(CudaPlantedFault, TheBarrierOfASum) {
  Rng rng(2);
  const GpuVector<float> in = gpu_floats(rng, 600);
  expect_every_barrier_is_needed(
      [&] {
        GpuVector<float> out(600, 0.0f);
        NormParams p;
        p.in = in.data();
        p.out = out.data();
        p.rows = 1;
        p.columns = p.in_stride = p.out_stride = 600;
        LAUNCH((planted::norm_rows<256, true>), 1, 256, 0, nullptr, p);
        return on_host(out);
      },
      1);
}

TEST(CudaPlantedFault, TheBarrierOfAPackedProduct) {
  Rng rng(3);
  const GpuMatrix plain(rng, DType::kQ8_0, 8, 640);
  const GpuPacked packed(plain.matrix);
  const GpuVector<float> in = gpu_floats(rng, 640);
  const GpuVector<std::byte> cells = quantized(in, 1, 640);
  expect_every_barrier_is_needed(
      [&] {
        GpuVector<float> out(8, 0.0f);
        MatmulParams p;
        p.out = out.data();
        p.out_stride = 8;
        p.quantized = cells.data();
        p.weight = packed.matrix;
        p.tokens = 1;
        LAUNCH((planted::packed_product<planted::PackedQ8, 1, 1>), 1, 256, 0, nullptr, p);
        return on_host(out);
      },
      1);
}

TEST(CudaPlantedFault, TheBarriersOfAPermutation) {
  const GpuVector<int32_t> experts = on_gpu(std::vector<int32_t>{3, 9, 0, 3, 8, 5, 9, 9, 1, 0});
  expect_every_barrier_is_needed(
      [&] {
        // Poison counts as -1 slot: without a barrier places lie before the first.
        GpuVector<int32_t> order(16 + 10 + 16, -1), offsets(12, -1);
        PermuteParams p;
        p.order = order.data() + 16;
        p.offsets = offsets.data();
        p.experts = experts.data();
        p.slots = 10;
        p.expert_count = 11;
        LAUNCH(planted::permute_slots, 1, 256, 0, nullptr, p);
        std::vector<float> result(order.begin(), order.end());
        result.insert(result.end(), offsets.begin(), offsets.end());
        return result;
      },
      2);
}

}  // namespace
}  // namespace llmos::test
