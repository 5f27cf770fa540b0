// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "kernels/cuda/gpu.h"

namespace llmos::test {
namespace {

using namespace kernels;

TEST(CudaPointwise, ActivationsEqualTheReference) {
  for (const int64_t columns : {64, 1120, 37}) {
    for (int a = 0; a <= int(Activation::kClampedSwiglu); ++a) {
      Rng rng{uint64_t(columns), uint64_t(a)};
      const GpuVector<float> gate = gpu_floats(rng, size_t(3 * columns), 4);
      const GpuVector<float> up = gpu_floats(rng, size_t(3 * columns), 4);
      ActivateParams p;
      p.gate = gate.data();
      p.up = a == int(Activation::kRelu) ? nullptr : up.data();
      p.out_stride = p.gate_stride = p.up_stride = p.columns = columns;
      p.rows = 3;
      p.activation = Activation(a);
      p.limit = 2;
      std::vector<float> expected(gate.size());
      p.out = expected.data();
      run_team<ActivateParams>(ref_set().activate, p, 1);
      in_orders([&] {
        GpuVector<float> out(gate.size());
        GpuVector<std::byte> cells = new_cells(3, columns);
        p.out = out.data();
        p.cells = columns % 32 == 0 ? cells.data() : nullptr;
        run(gpu().activate, p);
        EXPECT_LT(distance(on_host(out), expected), 2e-6);
        if (p.cells) {
          EXPECT_LT(distance(cell_floats(cells, 3, columns), expected), kBf16Rounding);
        }
      });
    }
  }
}

TEST(CudaPointwise, QuantizedRowsAreRoundedToBf16) {
  Rng rng(1);
  const std::vector<float> in = random_floats(rng, 4 * 100, 100);
  const GpuVector<float> gpu_in = on_gpu(in);
  GpuVector<std::byte> cells = new_cells(4, 96);
  run(gpu().quantize,
      {.out = cells.data(), .in = gpu_in.data(), .in_stride = 100, .tokens = 4, .columns = 96});
  const std::vector<float> got = cell_floats(cells, 4, 96);
  for (size_t t = 0; t < 4; ++t) {
    for (size_t c = 0; c < 96; ++c) {
      EXPECT_EQ(got[t * 96 + c], bf16_to_f32(f32_to_bf16(in[t * 100 + c])));
    }
  }
}

TEST(CudaPointwise, AddCombineGatherCapEqualTheReference) {
  constexpr int64_t kColumns = 1028, kChosen = 3, kRows = 2;
  Rng rng(2);
  const GpuVector<float> in = gpu_floats(rng, kRows * kChosen * kColumns);
  const GpuVector<float> start = gpu_floats(rng, kRows * kColumns);
  const GpuVector<float> gates = gpu_floats(rng, kRows * kChosen, 2);
  const GpuVector<int32_t> index = on_gpu(std::vector<int32_t>{5, 1});
  // Runs the operation on both, each on a copy of `start`.
  const auto check = [&](auto op, auto params, auto set_out) {
    std::vector<float> expected = on_host(start);
    set_out(params, expected.data());
    run_team(ref_set().*op, params, 1);
    in_orders([&] {
      GpuVector<float> out = start;
      set_out(params, out.data());
      run(gpu().*op, params);
      EXPECT_LT(distance(on_host(out), expected), 2e-6);
    });
  };
  const auto to_out = [](auto& p, float* out) { p.out = out; };
  for (const bool gated : {false, true}) {
    AddParams add;
    add.out_stride = add.in_stride = add.columns = kColumns;
    add.in = in.data();
    add.gates = gated ? gates.data() : nullptr;
    add.rows = kRows;
    add.scale = 0.5f;
    check(&KernelTable::add, add, to_out);
  }
  CombineParams combine;
  combine.out_stride = combine.columns = kColumns;
  combine.in = in.data();
  combine.weights = gates.data();
  combine.tokens = kRows;
  combine.chosen = kChosen;
  combine.scale = 1.5f;
  check(&KernelTable::combine, combine, to_out);
  GatherParams gather;
  gather.in = in.data();
  gather.index = index.data();
  gather.rows = kRows;
  gather.columns = kColumns;
  check(&KernelTable::gather, gather, to_out);
  for (const float softcap : {0.0f, 30.0f}) {
    CapParams cap;
    cap.rows = kRows;
    cap.columns = kColumns;
    cap.scale = 40;
    cap.softcap = softcap;
    check(&KernelTable::cap, cap, [](CapParams& p, float* out) { p.x = out; });
  }
}

}  // namespace
}  // namespace llmos::test
