// SPDX-License-Identifier: Apache-2.0
// What the pool spends beyond what was asked of it: the rounding of sizes to classes, over every
// size up to the largest class, and the pool's own records and idle memory on the workloads of
// memory_bench.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "memory_heaps.h"
#include "memory_workloads.h"

namespace llmos::bench {
namespace {

// Bytes of a block of each class, asked of the pool itself.
std::vector<size_t> class_sizes(Pool& pool) {
  std::vector<size_t> sizes;
  for (size_t bytes = 1; bytes <= detail::kClassBytesMax; bytes = sizes.back() + 1) {
    void* const block = pool.allocate(bytes);
    sizes.push_back(pool.usable_bytes(block));
    pool.deallocate(block);
  }
  return sizes;
}

// Share of a block that its request did not ask for. The mean is over log-uniform requests, each
// size weighted by 1/size.
void print_rounding(const std::vector<size_t>& sizes, size_t from, size_t to) {
  double worst = 0, sum = 0, weight = 0;
  size_t worst_bytes = 0, wasted_max = 0;
  auto block = sizes.begin();
  for (size_t bytes = from; bytes <= to; ++bytes) {
    block = std::lower_bound(block, sizes.end(), bytes);
    const double waste = double(*block - bytes) / double(*block);
    if (waste > worst) worst = waste, worst_bytes = bytes;
    wasted_max = std::max(wasted_max, *block - bytes);
    sum += waste / double(bytes);
    weight += 1 / double(bytes);
  }
  std::printf(
      "%8zu to %8zu B   worst %6.2f %% (at %zu B)   log-uniform mean %5.2f %%   most bytes %zu\n",
      from, to, 100 * worst, worst_bytes, 100 * sum / weight, wasted_max);
}

// `bytes_max` is the pool's cap; its page table is made for it, whatever of it is in use.
void print_workload(const char* name, const Workload& work, uint64_t bytes_max) {
  const auto pool = Pool::create({.bytes_max = bytes_max, .name = "waste"}).value();
  std::vector<void*> live(work.slots);
  std::vector<uint64_t> bytes(work.slots);
  const auto take = [&](const Step& step) {
    live[step.slot] = pool->allocate(step.bytes);
    bytes[step.slot] = step.bytes;
  };
  for (const Step& step : work.fill) take(step);
  for (int pass = 0; pass < 8; ++pass) {
    for (const Step& step : work.steps) {
      pool->deallocate(live[step.slot]);
      take(step);
    }
  }
  uint64_t asked = 0;
  for (const uint64_t each : bytes) asked += each;
  const PoolStats stats = pool->stats();
  const auto share = [&](uint64_t part) {
    return 100 * double(part) / double(stats.resident_bytes);
  };
  std::printf("%-6s cap %4.1f GiB, resident %5.1f MiB: asked %4.1f %%, live %4.1f %%, ", name,
              double(stats.bytes_max) / (1 << 30), double(stats.resident_bytes) / (1 << 20),
              share(asked), share(stats.live_bytes));
  std::printf("cached %4.1f %%, free %4.1f %%, span waste %4.2f %%, metadata %4.2f %%\n",
              share(stats.cached_bytes), share(stats.free_bytes), share(stats.span_waste_bytes),
              share(stats.metadata_bytes));
  std::printf("       internal fragmentation %.2f %% (exact, of live blocks)\n",
              100 * (1 - double(asked) / double(stats.live_bytes)));
  for (void* block : live) pool->deallocate(block);
}

void run() {
  const auto pool = Pool::create({.name = "classes"}).value();
  const auto sizes = class_sizes(*pool);
  std::printf("Rounding of sizes, %zu classes (goal from 128 B up: worst 11.1 %%, mean 6 %%)\n",
              sizes.size());
  print_rounding(sizes, 1, 127);
  print_rounding(sizes, 128, 8 << 20);
  print_rounding(sizes, 128, 64 << 10);
  print_rounding(sizes, 64 << 10, 8 << 20);
  std::printf("\nWhere the memory is after 8 passes over a workload (goal: metadata <= 1 %%)\n");
  for (const uint64_t bytes_max : {uint64_t{1} << 30, uint64_t{0}}) {
    print_workload("Churn", make_churn(1), bytes_max);
    print_workload("Llm", make_llm(1), bytes_max);
  }
}

}  // namespace
}  // namespace llmos::bench

int main() { llmos::bench::run(); }
