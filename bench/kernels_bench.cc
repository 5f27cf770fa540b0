// SPDX-License-Identifier: Apache-2.0
// Kernels against what the machine can do.
//
//   kernels_bench --set=avx2 --threads=2
//
// Copy       bytes read per second from memory by the team: the bound of decoding.
// Fma        products per second of independent f32 chains in the widest set's registers: the bound
//            of prefill, 2 flops each.
// Matmul     /<type>/<tokens>: a weight of 4096 x 4096 times some tokens, another matrix each time
//            so that weights come from memory; weight bytes/s and flop/s.
// Attention  /<keys>/<tokens>: 32 heads on 8 kv heads of 128, f16; cache bytes/s and flop/s.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/rng.h"
#include "device/device.h"
#include "tensor/half.h"

namespace llmos {
namespace {

struct Machine {
  std::unique_ptr<ComputeDevice> device;
  Buffer weights;  // larger than any cache, shared by all benchmarks
};

constexpr size_t kWeightBytes = size_t{256} << 20;
constexpr int64_t kSize = 4096;

// out = sum of the team's parts of `bytes`.
struct ReadParams {
  const uint64_t* words;
  int64_t count;
  uint64_t* sums;
};

void read_all(const ReadParams& p, const kernels::Launch& launch) {
  const int64_t first = p.count / launch.size * launch.rank;
  const int64_t last = p.count / launch.size * (launch.rank + 1);
  uint64_t sum = 0;
  for (int64_t i = first; i < last; ++i) sum += p.words[i];
  p.sums[launch.rank * 8] = sum;
}

void bench_copy(benchmark::State& state, Machine& machine) {
  std::vector<uint64_t> sums(size_t(machine.device->threads()) * 8);
  for (auto _ : state) {
    machine.device->stream().launch(
        read_all, {machine.weights.as<uint64_t>(), int64_t(kWeightBytes / 8), sums.data()});
    machine.device->stream().finish();
    benchmark::DoNotOptimize(sums.data());
  }
  state.SetBytesProcessed(state.iterations() * int64_t(kWeightBytes));
}

// Every block's scales are small numbers: f16 patterns below 2^-4, whatever the block's layout.
void fill_weights(Buffer& buffer) {
  Rng rng(1);
  uint16_t* const words = buffer.as<uint16_t>();
  for (size_t i = 0; i < buffer.bytes() / 2; ++i) words[i] = uint16_t(rng.u32() & 0x2bff);
}

void bench_matmul(benchmark::State& state, Machine& machine, DType dtype, int64_t tokens) {
  const size_t row = size_t(*row_bytes(dtype, kSize));
  const size_t bytes = row * kSize;
  std::vector<float> in(size_t(tokens * kSize), 0.5f), out(size_t(tokens * kSize));
  const size_t matrices = kWeightBytes / bytes;
  size_t next = 0;
  for (auto _ : state) {
    const kernels::Matrix weight{.data = machine.weights.data() + bytes * (next++ % matrices),
                                 .dtype = dtype,
                                 .rows = kSize,
                                 .columns = kSize,
                                 .row_bytes = row,
                                 .matrix_bytes = bytes};
    machine.device->stream().launch(machine.device->kernels().matmul, {.out = out.data(),
                                                                       .out_stride = kSize,
                                                                       .in = in.data(),
                                                                       .in_stride = kSize,
                                                                       .weight = weight,
                                                                       .tokens = tokens});
    machine.device->stream().finish();
  }
  state.SetBytesProcessed(state.iterations() * int64_t(bytes));
  state.counters["flops"] = benchmark::Counter(2.0 * double(tokens * kSize * kSize),
                                               benchmark::Counter::kIsIterationInvariantRate);
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
  state.SetBytesProcessed(state.iterations() * int64_t(2 * part) * blocks);
  const double pairs = double(tokens) * (double(keys) - double(tokens - 1) / 2);
  state.counters["flops"] = benchmark::Counter(4.0 * pairs * double(kHeads * kDim),
                                               benchmark::Counter::kIsIterationInvariantRate);
}

// Twelve chains hide the latency of two units of four cycles, and fit the registers.
typedef float Wide __attribute__((vector_size(32)));
struct FmaParams {
  float* sums;  // [team, 16]
  int64_t rounds;
};

__attribute__((target("avx2,fma"))) void fma_chains(const FmaParams& p,
                                                    const kernels::Launch& launch) {
  const Wide a = Wide{} + 0.9999f, b = Wide{} + 0.5f;
  Wide c0{}, c1{}, c2{}, c3{}, c4{}, c5{}, c6{}, c7{}, c8{}, c9{}, c10{}, c11{};
  for (int64_t i = 0; i < p.rounds; ++i) {
    c0 = c0 * a + b, c1 = c1 * a + b, c2 = c2 * a + b, c3 = c3 * a + b;
    c4 = c4 * a + b, c5 = c5 * a + b, c6 = c6 * a + b, c7 = c7 * a + b;
    c8 = c8 * a + b, c9 = c9 * a + b, c10 = c10 * a + b, c11 = c11 * a + b;
    // Else the compiler sees twelve times the same.
    asm volatile("" : "+x"(c0), "+x"(c1), "+x"(c2), "+x"(c3), "+x"(c4), "+x"(c5));
    asm volatile("" : "+x"(c6), "+x"(c7), "+x"(c8), "+x"(c9), "+x"(c10), "+x"(c11));
  }
  const Wide sum = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11;
  std::memcpy(p.sums + launch.rank * 16, &sum, sizeof sum);
}

void bench_fma(benchmark::State& state, Machine& machine) {
  constexpr int64_t kRounds = 1'000'000;
  std::vector<float> sums(size_t(machine.device->threads()) * 16);
  for (auto _ : state) {
    machine.device->stream().launch(fma_chains, {sums.data(), kRounds});
    machine.device->stream().finish();
    benchmark::DoNotOptimize(sums.data());
  }
  state.counters["flops"] =
      benchmark::Counter(2.0 * 12 * 8 * double(kRounds) * machine.device->threads(),
                         benchmark::Counter::kIsIterationInvariantRate);
}

template <class F>
void add(const std::string& name, F f) {
  benchmark::RegisterBenchmark(name.c_str(), f)
      ->UseRealTime()
      ->MeasureProcessCPUTime()
      ->MinTime(0.3);
}

void register_all(Machine& machine) {
  add("Copy", [&](benchmark::State& s) { bench_copy(s, machine); });
  if (__builtin_cpu_supports("fma")) {
    add("Fma", [&](benchmark::State& s) { bench_fma(s, machine); });
  }
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0,
                            DType::kQ4_K, DType::kQ6_K, DType::kMXFP4}) {
    for (const int64_t tokens : {1, 4, 128}) {
      add("Matmul/" + std::string(dtype_name(dtype)) + "/" + std::to_string(tokens),
          [=, &machine](benchmark::State& s) { bench_matmul(s, machine, dtype, tokens); });
    }
  }
  for (const int64_t tokens : {1, 64}) {
    add("Attention/4096/" + std::to_string(tokens),
        [=, &machine](benchmark::State& s) { bench_attention(s, machine, 4096, tokens); });
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
  llmos::Machine machine{*std::move(device), {}};
  machine.weights = machine.device->allocate(llmos::kWeightBytes).value();
  llmos::fill_weights(machine.weights);
  std::printf("%s\n", machine.device->name().c_str());
  llmos::register_all(machine);
  benchmark::RunSpecifiedBenchmarks();
}
