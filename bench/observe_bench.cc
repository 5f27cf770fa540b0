// SPDX-License-Identifier: Apache-2.0
// What measuring costs. EmptyLoop is the price of the loop itself: subtract it. A span that is off
// must be within a nanosecond of it.
//
//   observe_bench --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
#include <benchmark/benchmark.h>

#include "observe/message_metrics.h"
#include "observe/trace.h"

namespace llmos::observe {
namespace {

// Work that the compiler can neither drop nor move a span across.
inline void step(uint64_t& value) { benchmark::DoNotOptimize(value += 0x9e37); }

void BM_EmptyLoop(benchmark::State& state) {
  uint64_t value = 0;
  for (auto _ : state) step(value);
}
BENCHMARK(BM_EmptyLoop);

void BM_TraceSpan_Off(benchmark::State& state) {
  static Tracer tracer(1);
  uint64_t value = 0;
  for (auto _ : state) {
    TraceSpan span(tracer, "step");
    step(value);
  }
}
BENCHMARK(BM_TraceSpan_Off);

void BM_TraceSpan_On(benchmark::State& state) {
  // Fresh tracers, so that events are written and not dropped.
  constexpr size_t kEvents = size_t{1} << 16;
  auto tracer = std::make_unique<Tracer>(kEvents);
  tracer->start();
  uint64_t value = 0;
  size_t used = 0;
  for (auto _ : state) {
    if (++used == kEvents) {
      state.PauseTiming();
      tracer = std::make_unique<Tracer>(kEvents);
      tracer->start();
      used = 0;
      state.ResumeTiming();
    }
    TraceSpan span(*tracer, "step");
    step(value);
  }
}
BENCHMARK(BM_TraceSpan_On);

void BM_TraceSpan_Full(benchmark::State& state) {
  Tracer tracer(1);
  tracer.start();
  uint64_t value = 0;
  for (auto _ : state) {
    TraceSpan span(tracer, "step");
    step(value);
  }
}
BENCHMARK(BM_TraceSpan_Full);

void BM_Counter_Add(benchmark::State& state) {
  static Counter counter;
  for (auto _ : state) counter.add();
}
BENCHMARK(BM_Counter_Add)->Threads(1)->Threads(2);

// The peer: one word that all threads write.
void BM_AtomicWord_Add(benchmark::State& state) {
  static std::atomic<uint64_t> word{0};
  for (auto _ : state) word.fetch_add(1, std::memory_order_relaxed);
}
BENCHMARK(BM_AtomicWord_Add)->Threads(1)->Threads(2);

void BM_Histogram_Record(benchmark::State& state) {
  static Histogram histogram;
  uint64_t value = 1;
  for (auto _ : state) histogram.record((value = value * 6364136223846793005u + 1) >> 44);
}
BENCHMARK(BM_Histogram_Record)->Threads(1)->Threads(2);

void BM_Histogram_RecordExclusive(benchmark::State& state) {
  Histogram histogram;
  uint64_t value = 1;
  for (auto _ : state) histogram.record_exclusive((value = value * 6364136223846793005u + 1) >> 44);
}
BENCHMARK(BM_Histogram_RecordExclusive);

template <class Probe>
void push_and_pop(benchmark::State& state, Probe probe) {
  MpscQueue<uint64_t, Probe> queue(64, probe);
  for (auto _ : state) {
    queue.try_push(1);
    benchmark::DoNotOptimize(queue.try_pop());
  }
}
void BM_Queue_NoProbe(benchmark::State& state) { push_and_pop(state, NoProbe()); }
BENCHMARK(BM_Queue_NoProbe);
void BM_Queue_MessageProbe(benchmark::State& state) {
  MessageMetrics metrics(MessageMetrics::Consumers::kOne);
  push_and_pop(state, metrics.probe());
}
BENCHMARK(BM_Queue_MessageProbe);

void BM_Histogram_Snapshot(benchmark::State& state) {
  Histogram histogram;
  for (auto _ : state) benchmark::DoNotOptimize(histogram.snapshot().percentile(0.99));
}
BENCHMARK(BM_Histogram_Snapshot);

}  // namespace
}  // namespace llmos::observe

BENCHMARK_MAIN();
