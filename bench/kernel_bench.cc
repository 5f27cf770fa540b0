// SPDX-License-Identifier: Apache-2.0
// Kernels against what the machine can do.
//
//   kernel_bench --set=avx2 --threads=2
//
// Matmul     /<type>/<plain|packed>/<rows>x<columns>/<tokens>: another matrix each time, so that
//            weights come from memory, activations quantised beforehand.
// Quantize   /<columns>/<tokens>
// Pack       /<type>: bytes of the file's form.
// Attention  /<keys>/<tokens>: 32 heads on 8 kv heads of 128, f16; cache bytes/s and flop/s.
//
// Counters   bandwidth_share, bandwidth_share_4: bytes of weights per second over what reading
//            memory in one stream a thread (in four) reaches; ops and peak_share: products and sums
//            per second, over those of the integer (packed) or fma (plain) unit. The peaks are
//            measured by the same team just before.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/rng.h"
#include "device/device.h"
#include "machine_peak.h"
#include "tensor/half.h"

namespace llmos {
namespace {

struct Machine {
  std::unique_ptr<ComputeDevice> device;
  Buffer weights;  // larger than any cache, shared by all benchmarks
  bench::MachinePeak peak;
};

constexpr size_t kWeightBytes = size_t{256} << 20;

struct Shape {
  int64_t rows, columns;
};

// Every block's scales are small numbers: f16 patterns below 2^-4, whatever the block's layout.
void fill_weights(Buffer& buffer) {
  Rng rng(1);
  uint16_t* const words = buffer.as<uint16_t>();
  for (size_t i = 0; i < buffer.bytes() / 2; ++i) words[i] = uint16_t(rng.u32() & 0x2bff);
}

void count(benchmark::State& state, const Machine& machine, double bytes, double ops, double peak) {
  using benchmark::Counter;
  const auto rate = Counter::kIsIterationInvariantRate;
  state.SetBytesProcessed(int64_t(double(state.iterations()) * bytes));
  state.counters["bandwidth_share"] = Counter(bytes / machine.peak.read_bytes, rate);
  state.counters["bandwidth_share_4"] = Counter(bytes / machine.peak.read_bytes_four, rate);
  if (ops == 0) return;
  state.counters["ops"] = Counter(ops, rate);
  if (peak > 0) state.counters["peak_share"] = Counter(ops / peak, rate);
}

void bench_matmul(benchmark::State& state, Machine& machine, DType dtype, Shape shape,
                  int64_t tokens, bool packed) {
  const kernels::KernelTable& set = machine.device->kernels();
  const size_t row = packed ? set.packed_bytes(dtype, shape.columns)
                            : size_t(*row_bytes(dtype, uint64_t(shape.columns)));
  const int64_t per_row = packed ? set.pack_rows : 1;
  const size_t bytes = row * size_t((shape.rows + per_row - 1) / per_row);
  std::vector<float> in(size_t(tokens * shape.columns), 0.5f), out(size_t(tokens * shape.rows));
  const size_t cell_bytes = kernels::quantized_row_bytes(shape.columns) * size_t(tokens);
  Buffer cells = machine.device->allocate(cell_bytes).value();
  set.quantize({.out = cells.data(),
                .in = in.data(),
                .in_stride = shape.columns,
                .tokens = tokens,
                .columns = shape.columns},
               {});
  const size_t matrices = kWeightBytes / bytes;
  size_t next = 0;
  for (auto _ : state) {
    const kernels::Matrix weight{.data = machine.weights.data() + bytes * (next++ % matrices),
                                 .dtype = dtype,
                                 .packed = packed,
                                 .rows = shape.rows,
                                 .columns = shape.columns,
                                 .row_bytes = row,
                                 .matrix_bytes = bytes};
    machine.device->stream().launch(set.matmul, {.out = out.data(),
                                                 .out_stride = shape.rows,
                                                 .in = in.data(),
                                                 .in_stride = shape.columns,
                                                 .quantized = cells.data(),
                                                 .weight = weight,
                                                 .tokens = tokens});
    machine.device->stream().finish();
  }
  const double ops = 2.0 * double(tokens) * double(shape.rows) * double(shape.columns);
  count(state, machine, double(bytes), ops,
        packed ? machine.peak.int8_ops : machine.peak.fma_flops);
}

void bench_quantize(benchmark::State& state, Machine& machine, int64_t columns, int64_t tokens) {
  std::vector<float> in(size_t(tokens * columns), 0.5f);
  Buffer cells =
      machine.device->allocate(kernels::quantized_row_bytes(columns) * size_t(tokens)).value();
  for (auto _ : state) {
    machine.device->stream().launch(machine.device->kernels().quantize, {.out = cells.data(),
                                                                         .in = in.data(),
                                                                         .in_stride = columns,
                                                                         .tokens = tokens,
                                                                         .columns = columns});
    machine.device->stream().finish();
  }
  state.SetBytesProcessed(state.iterations() * tokens * columns * 4);
}

void bench_pack(benchmark::State& state, Machine& machine, DType dtype) {
  constexpr Shape kShape{5632, 2048};
  const kernels::KernelTable& set = machine.device->kernels();
  const size_t row = size_t(*row_bytes(dtype, uint64_t(kShape.columns)));
  const size_t group = set.packed_bytes(dtype, kShape.columns);
  Buffer out = machine.device->allocate(group * size_t(kShape.rows / set.pack_rows + 1)).value();
  for (auto _ : state) {
    machine.device->stream().launch(set.pack, {.out = out.data(),
                                               .in = machine.weights.data(),
                                               .dtype = dtype,
                                               .rows = kShape.rows,
                                               .columns = kShape.columns,
                                               .row_bytes = row});
    machine.device->stream().finish();
  }
  state.SetBytesProcessed(state.iterations() * int64_t(row) * kShape.rows);
}

void bench_attention(benchmark::State& state, Machine& machine, int64_t keys, int64_t tokens) {
  constexpr int64_t kHeads = 32, kKvHeads = 8, kDim = 128, kBlock = 16;
  const size_t part = size_t(kKvHeads * kBlock * kDim) * 2;
  const auto blocks = int32_t((keys + kBlock - 1) / kBlock);
  std::vector<int32_t> table(static_cast<size_t>(blocks));
  std::iota(table.begin(), table.end(), 0);
  std::vector<float> queries(size_t(tokens * kHeads * kDim), 0.1f), out(queries.size());
  const kernels::AttentionSpan span{
      .first = 0, .tokens = tokens, .position = keys - tokens, .blocks = table.data()};
  const kernels::AttentionParams params{.out = out.data(),
                                        .out_stride = kHeads * kDim,
                                        .queries = queries.data(),
                                        .queries_stride = kHeads * kDim,
                                        .cache = {.keys = machine.weights.data(),
                                                  .values = machine.weights.data() + part,
                                                  .block_bytes = 2 * part,
                                                  .dtype = DType::kF16,
                                                  .block_tokens = kBlock,
                                                  .kv_heads = kKvHeads,
                                                  .head_dim = kDim},
                                        .spans = &span,
                                        .span_count = 1,
                                        .tokens = tokens,
                                        .heads = kHeads,
                                        .scale = 0.088f};
  for (auto _ : state) {
    machine.device->stream().launch(machine.device->kernels().attention, params);
    machine.device->stream().finish();
  }
  const double pairs = double(tokens) * (double(keys) - double(tokens - 1) / 2);
  count(state, machine, double(2 * part) * blocks, 4.0 * pairs * double(kHeads * kDim),
        machine.peak.fma_flops);
}

template <class F>
void add(const std::string& name, F f) {
  benchmark::RegisterBenchmark(name.c_str(), f)->UseRealTime()->MinTime(0.2);
}

void add_matmuls(Machine& machine, DType dtype, bool packed) {
  constexpr Shape kShapes[] = {{896, 896}, {4864, 896}, {2048, 2048}, {2048, 5632}};
  for (const Shape shape : kShapes) {
    if (shape.columns % dtype_traits(dtype).block_elements != 0) continue;
    for (const int64_t tokens : {1, 2, 4, 8, 16, 64, 512}) {
      const std::string name = "Matmul/" + std::string(dtype_name(dtype)) +
                               (packed ? "/packed/" : "/plain/") + std::to_string(shape.rows) +
                               'x' + std::to_string(shape.columns) + '/' + std::to_string(tokens);
      add(name, [=, &machine](benchmark::State& s) {
        bench_matmul(s, machine, dtype, shape, tokens, packed);
      });
    }
  }
}

void register_all(Machine& machine) {
  const kernels::KernelTable& set = machine.device->kernels();
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    add_matmuls(machine, dtype, false);
  }
  for (const DType dtype :
       {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ4_K,
        DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL, DType::kMXFP4}) {
    if (set.pack_rows == 0 || set.packed_bytes(dtype, 2048) == 0) continue;
    add_matmuls(machine, dtype, true);
    add("Pack/" + std::string(dtype_name(dtype)),
        [=, &machine](benchmark::State& s) { bench_pack(s, machine, dtype); });
  }
  for (const int64_t tokens : {1, 64}) {
    add("Attention/4096/" + std::to_string(tokens),
        [=, &machine](benchmark::State& s) { bench_attention(s, machine, 4096, tokens); });
  }
  if (set.pack_rows == 0) return;
  for (const int64_t tokens : {1, 512}) {
    add("Quantize/2048/" + std::to_string(tokens),
        [=, &machine](benchmark::State& s) { bench_quantize(s, machine, 2048, tokens); });
  }
}

}  // namespace
}  // namespace llmos

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  llmos::DeviceOptions options;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--set=", 6) == 0) options.kernel_set = argv[i] + 6;
    if (std::strncmp(argv[i], "--threads=", 10) == 0) options.threads = std::atoi(argv[i] + 10);
  }
  auto device = llmos::ComputeDevice::create(options);
  if (!device) {
    std::fprintf(stderr, "%s\n", device.status().to_string().c_str());
    return 1;
  }
  llmos::Machine machine{*std::move(device), {}, {}};
  machine.weights = machine.device->allocate(llmos::kWeightBytes).value();
  llmos::fill_weights(machine.weights);
  machine.peak =
      llmos::bench::measure_peak(*machine.device, machine.weights.data(), llmos::kWeightBytes);
  std::printf("%s: read %.1f GB/s, four streams %.1f GB/s, fma %.0f GFLOP/s, int8 %.0f Gop/s\n",
              machine.device->name().c_str(), machine.peak.read_bytes * 1e-9,
              machine.peak.read_bytes_four * 1e-9, machine.peak.fma_flops * 1e-9,
              machine.peak.int8_ops * 1e-9);
  llmos::register_all(machine);
  benchmark::RunSpecifiedBenchmarks();
}
