// SPDX-License-Identifier: Apache-2.0
// Time of one allocate and one deallocate, for the pool and for whatever malloc is in this process.
//
//   memory_bench --benchmark_filter='BM_Pool_' --benchmark_format=json
//   LD_PRELOAD=libjemalloc.so memory_bench      # rows BM_Jemalloc_...: one peer, one process
//
// Rows are BM_<Thing>_<Pattern>/<bytes>/threads:<n>, bytes 0 for mixed sizes; an iteration is one
// block, allocated, its first byte written, and freed. memory_bench.sh runs all things by turns and
// compares them.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "memory_heaps.h"
#include "memory_workloads.h"

namespace llmos::bench {
namespace {

// ---- Patterns.

// Blocks that each run allocates and frees before its clock starts, a multiple of all batches: the
// memory is then there.
constexpr size_t kWarmBlocks = 4096;

template <class Heap>
void run_pair(benchmark::State& state, Heap heap) {
  size_t bytes = size_t(state.range(0));
  const auto pair = [&] {
    forget(bytes);
    void* const block = heap.allocate(bytes);
    write_first_byte(block);
    heap.deallocate(block, bytes);
  };
  for (size_t i = 0; i < kWarmBlocks; ++i) pair();
  for (auto _ : state) pair();
}

constexpr size_t kShuffledLive = 64;
using Order = std::array<uint8_t, kShuffledLive>;

const std::array<Order, 16>& shuffled_orders() {
  static const auto orders = [] {
    std::array<Order, 16> made;
    std::mt19937_64 random(1);
    for (Order& order : made) {
      for (size_t i = 0; i < kShuffledLive; ++i) order[i] = uint8_t(i);
      std::shuffle(order.begin(), order.end(), random);
    }
    return made;
  }();
  return orders;
}

template <class Heap>
void run_shuffled(benchmark::State& state, Heap heap) {
  size_t bytes = size_t(state.range(0));
  const auto& orders = shuffled_orders();
  void* live[kShuffledLive];
  size_t turn = 0;
  const auto run_batch = [&] {
    for (void*& block : live) {
      forget(bytes);
      block = heap.allocate(bytes);
      write_first_byte(block);
    }
    for (const uint8_t i : orders[turn]) {
      forget(bytes);
      heap.deallocate(live[i], bytes);
    }
    turn = (turn + 1) % orders.size();
  };
  for (size_t i = 0; i < kWarmBlocks; i += kShuffledLive) run_batch();
  while (state.KeepRunningBatch(kShuffledLive)) run_batch();
}

// Walks a workload. The first pass over it is not timed.
template <class Heap>
class Walk {
 public:
  Walk(Heap heap, const Workload& work)
      : heap_(heap), steps_(work.steps.data()), live_(work.slots), bytes_(work.slots) {
    for (const Step& each : work.fill) take(each);
    for (size_t i = 0; i < Workload::kSteps; ++i) step();
  }
  ~Walk() {
    for (size_t slot = 0; slot < live_.size(); ++slot) heap_.deallocate(live_[slot], bytes_[slot]);
  }
  void step() {
    const Step next = steps_[at_];
    at_ = (at_ + 1) % Workload::kSteps;
    heap_.deallocate(live_[next.slot], Heap::kSized ? bytes_[next.slot] : 0);
    take(next);
  }

 private:
  void take(const Step& next) {
    void* const block = heap_.allocate(next.bytes);
    write_first_byte(block);
    live_[next.slot] = block;
    if constexpr (Heap::kSized) bytes_[next.slot] = next.bytes;
  }

  Heap heap_;
  const Step* steps_;
  size_t at_ = 0;
  std::vector<void*> live_;
  std::vector<uint32_t> bytes_;
};

template <class Heap>
void run_workload(benchmark::State& state, Heap heap, Workload (*make)(uint64_t seed)) {
  const Workload work = make(uint64_t(state.thread_index()) + 1);
  Walk<Heap> walk(heap, work);
  for (auto _ : state) walk.step();
}

// One thread's blocks on their way to the other. Positions only grow; each is written by one side.
class Handover {
 public:
  static constexpr size_t kBatch = 32;             // blocks published at once
  static constexpr size_t kCapacity = 4 * kBatch;  // at 2 MiB a block, 256 MiB in flight

  // Both answer the nanoseconds that they waited for the other side.
  template <class Make>
  int64_t give(Make make) {
    const size_t at = given_.load(std::memory_order_relaxed);
    const int64_t waited =
        wait([&] { return at + kBatch - taken_.load(std::memory_order_acquire) <= kCapacity; });
    for (size_t i = 0; i < kBatch; ++i) blocks_[(at + i) % kCapacity] = make();
    given_.store(at + kBatch, std::memory_order_release);
    return waited;
  }
  template <class Drop>
  int64_t take(Drop drop) {
    const size_t at = taken_.load(std::memory_order_relaxed);
    const int64_t waited = wait([&] { return given_.load(std::memory_order_acquire) != at; });
    for (size_t i = 0; i < kBatch; ++i) drop(blocks_[(at + i) % kCapacity]);
    taken_.store(at + kBatch, std::memory_order_release);
    return waited;
  }

 private:
  // The clock is read only where there is nothing better to do.
  template <class Ready>
  static int64_t wait(Ready ready) {
    if (ready()) return 0;
    const auto since = std::chrono::steady_clock::now();
    while (!ready()) asm volatile("" ::: "memory");
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - since).count();
  }

  alignas(64) std::atomic<size_t> given_{0};
  alignas(64) std::atomic<size_t> taken_{0};
  alignas(64) std::array<void*, kCapacity> blocks_{};
};

// Keeps the calling thread on one of the processors it may use, the `index`-th, while it lives: two
// threads that happen to share a processor hand blocks over without any traffic between caches.
class Pinned {
 public:
  explicit Pinned(int index) {
    if (sched_getaffinity(0, sizeof before_, &before_) != 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &before_) && seen++ == index) CPU_SET(cpu, &one);
    }
    pinned_ = CPU_COUNT(&one) == 1 && sched_setaffinity(0, sizeof one, &one) == 0;
  }
  ~Pinned() {
    if (pinned_) sched_setaffinity(0, sizeof before_, &before_);
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_{};
  bool pinned_ = false;
};

// Thread 0 allocates, thread 1 frees; memory is there later than elsewhere, since blocks also rest
// in the second thread's cache and on the way back, hence the longer warm-up. Two threads'
// iterations make two blocks, so the time of an iteration is that of one block on both sides. The
// faster side's waiting is part of the CPU time; the counter wait_ns says how much.
template <class Heap>
void run_remote(benchmark::State& state, Heap heap) {
  static Handover handover;
  const Pinned pinned(state.thread_index());
  const bool gives = state.thread_index() == 0;
  size_t bytes = size_t(state.range(0));
  const auto move_batch = [&] {
    forget(bytes);
    if (!gives) return handover.take([&](void* block) { heap.deallocate(block, bytes); });
    return handover.give([&] {
      void* const block = heap.allocate(bytes);
      write_first_byte(block);
      return block;
    });
  };
  for (size_t moved = 0; moved < 8 * kWarmBlocks; moved += Handover::kBatch) move_batch();
  int64_t waited = 0;
  while (state.KeepRunningBatch(Handover::kBatch / 2)) waited += move_batch();
  state.counters["wait_ns"] =
      benchmark::Counter(double(waited), benchmark::Counter::kAvgIterations);
}

// ---- Rows.

constexpr int64_t kSizes[] = {64, 4 << 10, 256 << 10, 2 << 20};

template <class Heap>
void add_pair(const std::string& thing, Heap heap) {
  auto* row =
      benchmark::RegisterBenchmark(("BM_" + thing + "_Pair").c_str(),
                                   [heap](benchmark::State& state) { run_pair(state, heap); });
  for (const int64_t bytes : kSizes) row->Arg(bytes);
  row->Threads(1)->Threads(2);
}

template <class Heap>
void add_shuffled(const std::string& thing, Heap heap) {
  auto* row =
      benchmark::RegisterBenchmark(("BM_" + thing + "_Shuffled").c_str(),
                                   [heap](benchmark::State& state) { run_shuffled(state, heap); });
  for (const int64_t bytes : kSizes) row->Arg(bytes);
  row->Threads(1);
}

template <class Heap>
void add_mixed(const std::string& thing, Heap heap) {
  const auto add = [&](const char* pattern, Workload (*make)(uint64_t)) {
    benchmark::RegisterBenchmark(
        ("BM_" + thing + "_" + pattern).c_str(),
        [heap, make](benchmark::State& state) { run_workload(state, heap, make); })
        ->Arg(0)
        ->Threads(1)
        ->Threads(2);
  };
  add("Churn", make_churn);
  add("Llm", make_llm);
}

template <class Heap>
void add_remote(const std::string& thing, Heap heap) {
  auto* row =
      benchmark::RegisterBenchmark(("BM_" + thing + "_Remote").c_str(),
                                   [heap](benchmark::State& state) { run_remote(state, heap); });
  for (const int64_t bytes : kSizes) row->Arg(bytes);
  row->Threads(2);
}

template <class Heap>
void add_rows(const std::string& thing, Heap heap) {
  add_pair(thing, heap);
  add_shuffled(thing, heap);
  add_mixed(thing, heap);
  add_remote(thing, heap);
}

// ---- Which malloc this is. A preloaded library that could not be loaded is only a warning of the
// loader's; the rows must not then carry its name.

struct Peer {
  const char* thing;
  const char* symbol;  // defined by this library and no other
};

constexpr Peer kPeers[] = {{"Malloc", "gnu_get_libc_version"},
                           {"Mimalloc", "mi_version"},
                           {"Jemalloc", "mallctl"},
                           {"Tcmalloc", "tc_version"},
                           {"Tbbmalloc", "__TBB_malloc_proxy"}};

const char* library_of(const char* symbol) {
  Dl_info info;
  void* const address = dlsym(RTLD_DEFAULT, symbol);
  return address && dladdr(address, &info) ? info.dli_fname : "";
}

const Peer* malloc_here() {
  const std::string library = library_of("malloc");
  for (const Peer& peer : kPeers) {
    if (!library.empty() && library == library_of(peer.symbol)) return &peer;
  }
  return nullptr;
}

bool add_all_rows() {
  const Peer* const peer = malloc_here();
  if (!peer) {
    std::fprintf(stderr,
                 "memory_bench: malloc comes from '%s', which is none of the known peers; unset "
                 "LD_PRELOAD or add it to kPeers\n",
                 library_of("malloc"));
    return false;
  }
  benchmark::AddCustomContext("malloc", library_of("malloc"));
  add_rows(peer->thing, MallocHeap{});
  if (peer != &kPeers[0]) return true;  // a peer's process is its own

  static const std::unique_ptr<Pool> pool = Pool::create({.name = "bench"}).value();
  add_rows("Pool", PoolHeap{pool.get()});
  add_rows("PoolSized", PoolSizedHeap{pool.get()});
  add_rows("PoolCall", PoolCallHeap{pool.get()});
  add_pair("EmptyCall", EmptyCallHeap{});
  add_shuffled("EmptyCall", EmptyCallHeap{});
  add_mixed("EmptyCall", EmptyCallHeap{});
  add_remote("EmptyCall", EmptyCallHeap{});
  return true;
}

}  // namespace
}  // namespace llmos::bench

int main(int argc, char** argv) {
  benchmark::AddCustomContext("llmos", std::string(llmos::version()) + " " LLMOS_BENCH_BUILD);
  if (!llmos::bench::add_all_rows()) return 1;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
