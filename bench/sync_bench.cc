// SPDX-License-Identifier: Apache-2.0
// Queues and worker pool against their peers. Rows are BM_<Thing>_<Pattern>/<bytes>/threads:<n>.
//
//   sync_bench --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
//
// Things     MpscQueue, MpmcQueue, SpscRing; TbbBoundedQueue (tbb::concurrent_bounded_queue),
//            TbbQueue (tbb::concurrent_queue, unbounded), MutexQueue (std::mutex and std::deque,
//            bounded).
// Pump       n producers, one consumer more, all with the waiting calls; time per message.
//            PumpTry: with the try calls, yielding when refused. PumpBatch: the consumer takes up
//            to 64.
// Uncontended  one thread, one push and one pop.
// HandOver   one message in flight; p50_ns and p99_ns from push to the end of pop. HandOverSpin:
//            the consumer polls with try_pop. HandOverPark: it sleeps in pop when the message
//            comes.
// Barrier, Run  one barrier of a run in progress, one empty run; members n.
// loss       messages pushed and not received, or received with another content. Must be 0.
#include <benchmark/benchmark.h>
#include <tbb/blocked_range.h>
#include <tbb/concurrent_queue.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/cycles.h"
#include "llmos/queue.h"
#include "sync/spsc_ring.h"
#include "sync/task_arena.h"
#include "sync/worker_pool.h"

namespace llmos {
namespace {

constexpr size_t kCapacity = 1024;

template <size_t kBytes>
struct Message {
  uint64_t number = 0;
  std::array<char, kBytes - sizeof(uint64_t)> rest{};
};
template <>
struct Message<8> {
  uint64_t number = 0;
};

// Each peer through its own calls, behind the names of ours.
template <class T>
class TbbBoundedQueue {
 public:
  explicit TbbBoundedQueue(size_t capacity) { queue_.set_capacity(std::ptrdiff_t(capacity)); }
  void push(T&& value) { queue_.push(std::move(value)); }
  bool try_push(T&& value) { return queue_.try_push(std::move(value)); }
  std::optional<T> pop() {
    T value;
    queue_.pop(value);
    return value;
  }
  std::optional<T> try_pop() {
    T value;
    return queue_.try_pop(value) ? std::optional<T>(value) : std::nullopt;
  }

 private:
  tbb::concurrent_bounded_queue<T> queue_;
};

template <class T>
class TbbQueue {
 public:
  explicit TbbQueue(size_t) {}
  bool try_push(T&& value) { return queue_.push(std::move(value)), true; }
  std::optional<T> try_pop() {
    T value;
    return queue_.try_pop(value) ? std::optional<T>(value) : std::nullopt;
  }

 private:
  tbb::concurrent_queue<T> queue_;
};

template <class T>
class MutexQueue {
 public:
  explicit MutexQueue(size_t capacity) : capacity_(capacity) {}
  void push(T&& value) {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock, [&] { return queue_.size() < capacity_; });
    queue_.push_back(std::move(value));
    lock.unlock();
    not_empty_.notify_one();
  }
  bool try_push(T&& value) {
    const std::lock_guard lock(mutex_);
    if (queue_.size() == capacity_) return false;
    queue_.push_back(std::move(value));
    return true;
  }
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, [&] { return !queue_.empty(); });
    std::optional<T> value = take();
    lock.unlock();
    not_full_.notify_one();
    return value;
  }
  std::optional<T> try_pop() {
    const std::lock_guard lock(mutex_);
    return queue_.empty() ? std::nullopt : take();
  }

 private:
  std::optional<T> take() {
    std::optional<T> value(std::move(queue_.front()));
    queue_.pop_front();
    return value;
  }

  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable not_empty_, not_full_;
  std::deque<T> queue_;
};

// The ways to push and to pop that a row compares.
struct Waiting {
  static void push(auto& queue, auto&& message) { queue.push(std::move(message)); }
  static auto pop(auto& queue) { return *queue.pop(); }
};
struct Trying {
  static void push(auto& queue, auto&& message) {
    while (!queue.try_push(std::move(message))) std::this_thread::yield();
  }
  static auto pop(auto& queue) {
    for (;;) {
      if (auto message = queue.try_pop()) return *message;
      std::this_thread::yield();
    }
  }
};

// Starts `producers` threads that together push the numbers 0 to count - 1, once `go` is called.
template <class Way, class T, class Queue>
class Producers {
 public:
  Producers(Queue& queue, int producers, uint64_t count) {
    for (int p = 0; p < producers; ++p)
      threads_.emplace_back([this, &queue, producers, count, p] {
        ready_.fetch_add(1);
        go_.wait(false);
        for (uint64_t number = uint64_t(p); number < count; number += uint64_t(producers)) {
          T message;
          message.number = number;
          Way::push(queue, std::move(message));
        }
      });
    while (ready_.load() != producers) std::this_thread::yield();
  }
  void go() {
    go_.store(true);
    go_.notify_all();
  }

 private:
  std::atomic<int> ready_{0};
  std::atomic<bool> go_{false};
  std::vector<std::jthread> threads_;
};

// What arrived: 0 loss means as many as were sent, with the same sum.
struct Account {
  uint64_t count = 0, sum = 0;
  void add(uint64_t number) { ++count, sum += number; }
  void report(benchmark::State& state, uint64_t sent) const {
    const bool same = sum == sent * (sent - 1) / 2;
    state.counters["loss"] = count == sent && same ? 0.0 : std::max(1.0, double(sent - count));
    state.SetItemsProcessed(int64_t(count));
  }
};

template <class Way, class T, class Queue>
void pump(benchmark::State& state, int producers) {
  Queue queue(kCapacity);
  const auto count = uint64_t(state.max_iterations);
  Account account;
  Producers<Way, T, Queue> sending(queue, producers, count);
  sending.go();
  for (auto _ : state) account.add(Way::pop(queue).number);
  account.report(state, count);
}

template <class T, class Queue>
void pump_batch(benchmark::State& state, int producers) {
  Queue queue(kCapacity);
  const auto count = uint64_t(state.max_iterations);
  Account account;
  std::array<T, 64> batch;
  size_t have = 0, next = 0;
  Producers<Waiting, T, Queue> sending(queue, producers, count);
  sending.go();
  for (auto _ : state) {
    if (next == have) {
      have = queue.pop(std::span(batch));
      next = 0;
    }
    account.add(batch[next++].number);
  }
  account.report(state, count);
}

template <class T, class Queue>
void uncontended(benchmark::State& state) {
  Queue queue(kCapacity);
  Account account;
  for (auto _ : state) {
    T message;
    message.number = account.count;
    benchmark::DoNotOptimize(queue.try_push(std::move(message)));
    account.add(queue.try_pop()->number);
  }
  account.report(state, uint64_t(state.iterations()));
}

double percentile(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, size_t(share * double(sorted.size())))];
}

// One message at a time; the pause before each lets a waiting consumer park.
template <class Way, class Queue>
void hand_over(benchmark::State& state, std::chrono::microseconds pause) {
  Queue queue(kCapacity);
  const auto count = uint64_t(state.max_iterations);
  std::atomic<uint64_t> received{0};
  std::vector<double> latencies;
  latencies.reserve(count);
  std::jthread consumer([&] {
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t sent = Way::pop(queue).number;
      // Fenced: an early read of the counter would be before the pop, even before the push.
      const uint64_t now = cycles_fenced();
      latencies.push_back(now > sent ? cycles_to_ns(now - sent) : 0.0);
      received.store(i + 1, std::memory_order_release);
    }
  });
  uint64_t sent = 0;
  for (auto _ : state) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    Way::push(queue, Message<8>{cycles_fenced()});
    ++sent;
    while (received.load(std::memory_order_acquire) != sent) detail::cpu_relax();
  }
  consumer.join();
  std::sort(latencies.begin(), latencies.end());
  state.counters["p50_ns"] = percentile(latencies, 0.50);
  state.counters["p99_ns"] = percentile(latencies, 0.99);
  state.counters["loss"] = double(count - received.load());
}

struct Polling {
  static void push(auto& queue, auto&& message) { (void)queue.try_push(std::move(message)); }
  static auto pop(auto& queue) {
    for (;;)
      if (auto message = queue.try_pop()) return *message;
  }
};

void worker_pool_barrier(benchmark::State& state, int members) {
  const auto pool = WorkerPool::create({.members = members}).value();
  pool->run([&](int rank, int) {
    if (rank == 0) {
      for (auto _ : state) pool->barrier(0);
    } else {
      for (auto i = state.max_iterations; i > 0; --i) pool->barrier(rank);
    }
  });
}

void std_barrier(benchmark::State& state, int members) {
  std::barrier barrier(members);
  std::vector<std::jthread> others;
  for (int i = 1; i < members; ++i)
    others.emplace_back([&] {
      for (auto n = state.max_iterations; n > 0; --n) barrier.arrive_and_wait();
    });
  for (auto _ : state) barrier.arrive_and_wait();
}

void worker_pool_run(benchmark::State& state, int members) {
  const auto pool = WorkerPool::create({.members = members}).value();
  for (auto _ : state) pool->run([](int, int) {});
}

void tbb_parallel_for(benchmark::State& state, int members) {
  tbb::task_arena arena(members);
  for (auto _ : state)
    arena.execute([&] {
      tbb::parallel_for(
          0, members, [](int i) { benchmark::DoNotOptimize(i); }, tbb::static_partitioner());
    });
}

void task_arena_run(benchmark::State& state, int members) {
  TaskArena arena(members);
  for (auto _ : state)
    arena.parallel_for(0, size_t(members), 1,
                       [](size_t i, size_t) { benchmark::DoNotOptimize(i); });
}

template <class Body>
void add(const std::string& name, int threads, Body body) {
  benchmark::RegisterBenchmark((name + "/threads:" + std::to_string(threads)).c_str(), body)
      ->UseRealTime();
}

template <template <class...> class Queue, size_t kBytes>
void add_pumps(const std::string& thing, std::initializer_list<int> producer_counts) {
  using T = Message<kBytes>;
  const std::string bytes = "/" + std::to_string(kBytes);
  for (const int n : producer_counts) {
    if constexpr (requires(Queue<T> queue) { queue.pop(); })
      add(thing + "_Pump" + bytes, n, [n](auto& state) { pump<Waiting, T, Queue<T>>(state, n); });
    add(thing + "_PumpTry" + bytes, n, [n](auto& state) { pump<Trying, T, Queue<T>>(state, n); });
    if constexpr (requires(Queue<T> queue, std::span<T> out) { queue.pop(out); })
      add(thing + "_PumpBatch" + bytes, n, [n](auto& state) { pump_batch<T, Queue<T>>(state, n); });
  }
  add(thing + "_Uncontended" + bytes, 1, [](auto& state) { uncontended<T, Queue<T>>(state); });
}

template <template <class...> class Queue>
void add_hand_overs(const std::string& thing) {
  using namespace std::chrono_literals;
  using Q = Queue<Message<8>>;
  add(thing + "_HandOverSpin/8", 1, [](auto& state) { hand_over<Polling, Q>(state, 0us); });
  if constexpr (requires(Q queue) { queue.pop(); })
    add(thing + "_HandOverPark/8", 1, [](auto& state) { hand_over<Waiting, Q>(state, 50us); });
}

// With the default probe, for rows that name a queue by its element alone.
template <class T>
using Mpsc = MpscQueue<T>;
template <class T>
using Mpmc = MpmcQueue<T>;
template <class T>
using Spsc = SpscRing<T>;

void add_all() {
  add_pumps<Mpsc, 8>("BM_MpscQueue", {1, 2, 4});
  add_pumps<Mpmc, 8>("BM_MpmcQueue", {1, 2, 4});
  add_pumps<Spsc, 8>("BM_SpscRing", {1});
  add_pumps<TbbBoundedQueue, 8>("BM_TbbBoundedQueue", {1, 2, 4});
  add_pumps<TbbQueue, 8>("BM_TbbQueue", {1, 2, 4});
  add_pumps<MutexQueue, 8>("BM_MutexQueue", {1, 2, 4});
  add_pumps<Mpsc, 64>("BM_MpscQueue", {2});
  add_pumps<TbbBoundedQueue, 64>("BM_TbbBoundedQueue", {2});
  add_hand_overs<Mpsc>("BM_MpscQueue");
  add_hand_overs<Mpmc>("BM_MpmcQueue");
  add_hand_overs<Spsc>("BM_SpscRing");
  add_hand_overs<TbbBoundedQueue>("BM_TbbBoundedQueue");
  add_hand_overs<TbbQueue>("BM_TbbQueue");
  add_hand_overs<MutexQueue>("BM_MutexQueue");
  for (const int n : {2, 4}) {
    add("BM_WorkerPool_Barrier/0", n, [n](auto& state) { worker_pool_barrier(state, n); });
    add("BM_StdBarrier_Barrier/0", n, [n](auto& state) { std_barrier(state, n); });
    add("BM_WorkerPool_Run/0", n, [n](auto& state) { worker_pool_run(state, n); });
    add("BM_TbbParallelFor_Run/0", n, [n](auto& state) { tbb_parallel_for(state, n); });
    add("BM_TaskArena_Run/0", n, [n](auto& state) { task_arena_run(state, n); });
  }
}

// Google Benchmark appends how it measured to every name ("/real_time"); here the name is the
// row's.
class PlainNames : public benchmark::BenchmarkReporter {
 public:
  explicit PlainNames(std::unique_ptr<benchmark::BenchmarkReporter> inner)
      : inner_(std::move(inner)) {}
  bool ReportContext(const Context& context) override { return inner_->ReportContext(context); }
  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<Run> plain = runs;
    for (Run& run : plain) {
      run.run_name.time_type.clear();
      run.run_name.repetitions.clear();
    }
    inner_->ReportRuns(plain);
  }
  void Finalize() override { inner_->Finalize(); }

 private:
  std::unique_ptr<benchmark::BenchmarkReporter> inner_;
};

}  // namespace
}  // namespace llmos

int main(int count, char** arguments) {
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;
  llmos::add_all();
  std::unique_ptr<benchmark::BenchmarkReporter> plain(benchmark::CreateDefaultDisplayReporter());
  llmos::PlainNames reporter(std::move(plain));
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
}
