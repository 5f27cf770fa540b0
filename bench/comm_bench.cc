// SPDX-License-Identifier: Apache-2.0
// What it costs that ranks meet: one all_reduce of threads, by bytes and number of ranks. Goal: 8
// KiB (a decoded token of a model 2,048 wide) under 3 us at 2 ranks.
//
//   comm_bench --benchmark_min_time=0.5
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "comm/thread_comm.h"

namespace llmos {
namespace {

// Made before the threads of a benchmark start, and given to each by its number.
struct Ranks {
  std::vector<std::unique_ptr<Communicator>> all;
};

Ranks& ranks() {
  static Ranks made;
  return made;
}

void make_ranks(const benchmark::State& state) {
  ranks().all = make_thread_ranks({.ranks = state.threads()}).value();
}

void BM_ThreadAllReduce(benchmark::State& state) {
  Communicator& comm = *ranks().all[size_t(state.thread_index())];
  std::vector<float> data(size_t(state.range(0)) / sizeof(float), 1.0f);
  for (auto _ : state) {
    if (!comm.all_reduce(data).ok()) state.SkipWithError("all_reduce failed");
  }
  state.SetBytesProcessed(int64_t(state.iterations()) * state.range(0));
}
BENCHMARK(BM_ThreadAllReduce)
    ->Setup(make_ranks)
    ->ArgName("bytes")
    ->Arg(64)
    ->Arg(8 << 10)
    ->Arg(64 << 10)
    ->Arg(1 << 20)
    ->Threads(2)
    ->Threads(4)
    ->UseRealTime();

}  // namespace
}  // namespace llmos

BENCHMARK_MAIN();
