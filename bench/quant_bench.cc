// SPDX-License-Identifier: Apache-2.0
// Encoding and decoding rows of every quantised type, one core. bytes_per_second counts f32.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "base/rng_distributions.h"
#include "tensor/quant.h"
#include "tensor/quant_encode.h"

namespace llmos {
namespace {

constexpr uint64_t kElements = 65536;

std::vector<float> normal_values() {
  Rng rng(1);
  std::vector<float> values(kElements);
  for (float& value : values) value = float(0.02 * normal(rng));
  return values;
}

void count_f32(benchmark::State& state) {
  state.SetBytesProcessed(int64_t(state.iterations()) * int64_t(kElements * sizeof(float)));
}

void encode(benchmark::State& state, DType dtype) {
  const std::vector<float> values = normal_values();
  std::vector<std::byte> row(row_bytes(dtype, kElements).value());
  for (auto _ : state) {
    quantize_row(dtype, values.data(), nullptr, row.data(), kElements);
    benchmark::DoNotOptimize(row.data());
  }
  count_f32(state);
}

void decode(benchmark::State& state, DType dtype) {
  const std::vector<std::byte> row(row_bytes(dtype, kElements).value(), std::byte{0x35});
  std::vector<float> values(kElements);
  for (auto _ : state) {
    dequantize_row(dtype, row.data(), values.data(), kElements);
    benchmark::DoNotOptimize(values.data());
  }
  count_f32(state);
}

void add_benchmarks() {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = DType(i);
    const std::string name(dtype_name(dtype));
    if (is_quantizable(dtype)) {
      benchmark::RegisterBenchmark(("encode/" + name).c_str(), encode, dtype);
    }
    if (is_dequantizable(dtype)) {
      benchmark::RegisterBenchmark(("decode/" + name).c_str(), decode, dtype);
    }
  }
}

}  // namespace
}  // namespace llmos

int main(int argc, char** argv) {
  llmos::add_benchmarks();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
