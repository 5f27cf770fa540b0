// SPDX-License-Identifier: Apache-2.0
// How long single allocations take in steady state, and what they ask of the system: percentiles of
// allocate() on the workloads of memory_bench, system calls and page faults after warm-up.
//
//   memory_latency
//
// A time is the difference of two reads of the processor's time-stamp counter, each held in program
// order by a fence, less the median difference of two reads with nothing between. It includes
// interrupts and whatever else the host does meanwhile: so does `none`, the row of an empty call,
// which says how much of a tail that is. System calls are counted by a tracer (ptrace) in a child
// process that runs the same steps untimed.
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "memory_heaps.h"
#include "memory_workloads.h"

namespace llmos::bench {
namespace {

constexpr size_t kSamples = 2'000'000;
constexpr size_t kWarmSteps = 8 * Workload::kSteps;

struct NoHeap {
  char* block;
  void* allocate(size_t) const { return block; }
  void deallocate(void*, size_t) const {}
};

#if defined(__x86_64__)
inline uint64_t ticks() {
  uint32_t low, high;
  asm volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high)::"memory");
  return uint64_t(high) << 32 | low;
}
inline void trap() { asm volatile("int3"); }
constexpr bool kCanTrace = true;
#else
inline uint64_t ticks() {
  return uint64_t(std::chrono::steady_clock::now().time_since_epoch().count());
}
inline void trap() {}
constexpr bool kCanTrace = false;
#endif

struct Timer {
  double ns_per_tick;
  uint64_t cost;        // ticks between two reads with nothing between
  uint64_t resolution;  // least step of the counter, in ticks
};

Timer calibrate() {
  using Clock = std::chrono::steady_clock;
  const auto since = Clock::now();
  const uint64_t first = ticks();
  while (Clock::now() - since < std::chrono::milliseconds(200)) {
  }
  const uint64_t last = ticks();
  const std::chrono::duration<double, std::nano> passed = Clock::now() - since;
  std::vector<uint64_t> costs(100'001);
  for (uint64_t& cost : costs) {
    const uint64_t begin = ticks();
    cost = ticks() - begin;
  }
  const auto middle = costs.begin() + ptrdiff_t(costs.size() / 2);
  std::nth_element(costs.begin(), middle, costs.end());
  uint64_t resolution = UINT64_MAX;
  for (const uint64_t cost : costs) {
    if (cost != *middle) {
      resolution = std::min(resolution, cost > *middle ? cost - *middle : *middle - cost);
    }
  }
  return {passed.count() / double(last - first), *middle, resolution};
}

template <class Heap>
class Walk {
 public:
  Walk(Heap heap, const Workload& work) : heap_(heap), steps_(work.steps), live_(work.slots) {
    for (const Step& step : work.fill) place(step, heap_.allocate(step.bytes));
    for (size_t i = 0; i < kWarmSteps; ++i) run_step();
  }
  ~Walk() {
    for (void* block : live_) heap_.deallocate(block, 0);
  }
  void run_step() {
    const Step step = make_room();
    place(step, heap_.allocate(step.bytes));
  }
  uint64_t time_step() {
    const Step step = make_room();
    const uint64_t begin = ticks();
    void* const block = heap_.allocate(step.bytes);
    const uint64_t end = ticks();
    place(step, block);
    return end - begin;
  }

 private:
  Step make_room() {
    const Step step = steps_[at_];
    at_ = (at_ + 1) % Workload::kSteps;
    heap_.deallocate(live_[step.slot], 0);
    return step;
  }
  void place(Step step, void* block) {
    write_first_byte(block);
    live_[step.slot] = block;
  }

  Heap heap_;
  const std::vector<Step>& steps_;
  size_t at_ = 0;
  std::vector<void*> live_;
};

struct Calls {
  std::optional<long> system_calls;
  long page_faults;
};

long minor_faults() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// The child stops itself twice by a trap, which is no system call; every stop for a system call
// between the two is counted. Each call stops twice, entering and leaving.
std::optional<long> count_traced(pid_t child) {
  long stops = 0;
  int traps = 0;
  int status = 0;
  while (waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    const int signal = WSTOPSIG(status);
    if (signal == SIGTRAP) {
      ++traps;
      if (traps == 1) ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD);
    } else if (signal == (SIGTRAP | 0x80)) {
      ++stops;
    }
    ptrace(traps == 1 ? PTRACE_SYSCALL : PTRACE_CONT, child, nullptr, nullptr);
  }
  if (traps != 2 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return {};
  return stops / 2;
}

// Child processes know nothing of the parent's threads, so the heap is made after the fork.
template <class MakeHeap>
std::optional<long> count_system_calls(MakeHeap make_heap, const Workload& work) {
  if (!kCanTrace) return {};
  const pid_t child = fork();
  if (child < 0) return {};
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
    Walk walk(make_heap(), work);
    trap();
    for (size_t i = 0; i < kSamples; ++i) walk.run_step();
    trap();
    _exit(0);
  }
  return count_traced(child);
}

template <class MakeHeap>
void report(const char* name, const char* workload, const Workload& work, const Timer& timer,
            MakeHeap make_heap) {
  const auto system_calls = count_system_calls(make_heap, work);
  std::vector<uint32_t> samples(kSamples);
  long faults = 0;
  {
    Walk walk(make_heap(), work);
    std::fill(samples.begin(), samples.end(), 1u);  // its pages are there before we count faults
    const long before = minor_faults();
    for (uint32_t& sample : samples) sample = uint32_t(walk.time_step());
    faults = minor_faults() - before;
  }
  std::sort(samples.begin(), samples.end());
  const auto ns = [&](double share) {
    const uint64_t sample = samples[size_t(share * double(kSamples - 1))];
    return double(sample - std::min(sample, timer.cost)) * timer.ns_per_tick;
  };
  std::printf("%-8s %-6s %8.1f %8.1f %8.1f %8.1f %10.0f", name, workload, ns(0.5), ns(0.99),
              ns(0.999), ns(0.9999), ns(1));
  system_calls ? std::printf(" %12ld", *system_calls) : std::printf(" %12s", "not counted");
  std::printf(" %11ld\n", faults);
}

void run() {
  const Timer timer = calibrate();
  std::printf(
      "%zu single allocations in steady state, ns; timer cost of %.1f ns subtracted, its "
      "resolution "
      "%.1f ns\n",
      kSamples, double(timer.cost) * timer.ns_per_tick,
      double(timer.resolution) * timer.ns_per_tick);
  std::printf("%-8s %-6s %8s %8s %8s %8s %10s %12s %11s\n", "heap", "work", "p50", "p99", "p99.9",
              "p99.99", "max", "system calls", "page faults");
  const Workload works[] = {make_churn(1), make_llm(1)};
  const char* names[] = {"Churn", "Llm"};
  std::vector<std::unique_ptr<Pool>> pools;  // a fresh one for each row
  char block = 0;
  for (size_t i = 0; i < 2; ++i) {
    report("Pool", names[i], works[i], timer, [&] {
      pools.push_back(Pool::create({.name = "latency"}).value());
      return PoolHeap{pools.back().get()};
    });
    report("Malloc", names[i], works[i], timer, [] { return MallocHeap{}; });
    report("none", names[i], works[i], timer, [&] { return NoHeap{&block}; });
  }
}

}  // namespace
}  // namespace llmos::bench

int main() { llmos::bench::run(); }
