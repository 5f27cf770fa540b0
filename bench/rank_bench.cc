// SPDX-License-Identifier: Apache-2.0
// What dividing a model costs and brings: decode of one sequence by one rank with all threads, and
// by thread ranks of one thread each. Goal: two ranks at least 0.95 times as fast as two threads.
// Beside it what the planner forecasts from one rank's own speed and the time of an all_reduce.
//
//   rank_bench MODEL [tokens]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/os_cpu.h"
#include "engine/thread_ranks.h"
#include "model/architecture.h"
#include "model/rank_forecast.h"
#include "model/sharding.h"

namespace llmos {
namespace {

constexpr uint32_t kBlockTokens = 16;
constexpr uint32_t kBlocks = 32;  // 512 tokens
constexpr int kRounds = 5;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Decodes one sequence through an executor, as the engine would.
class Decoder {
 public:
  Decoder(engine::Executor& executor, ComputeDevice& device, const BlockLayout& layout)
      : executor_(executor),
        pool_(device.allocate(kBlocks * layout.block_bytes()).value(), layout) {
    for (uint32_t i = 0; i < kBlocks; ++i) blocks_.push_back(int32_t(i));
  }

  BlockPool& pool() { return pool_; }

  // Seconds for each of `tokens` tokens; the fastest of some.
  double seconds_per_token(int tokens) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < tokens; ++i) step(i);
    return seconds_since(start) / tokens;
  }

 private:
  void step(int position) {
    const TokenId id = 100 + position;
    const int32_t row = 0;
    const kernels::AttentionSpan span{
        .first = 0, .tokens = 1, .position = position, .blocks = blocks_.data()};
    executor_.run({{&id, 1}, {&span, 1}, {}, {&row, 1}}, pool_).value();
  }

  engine::Executor& executor_;
  BlockPool pool_;
  std::vector<int32_t> blocks_;
};

// One rank of `threads` threads.
struct Alone {
  Alone(const Checkpoint& checkpoint, int threads)
      : device(ComputeDevice::create({.threads = threads}).value()),
        model(Transformer::load(checkpoint, *device, limits, nullptr, true).value()),
        executor(model),
        decoder(executor, *device, kv_layout(model.config(), DType::kF32, kBlockTokens).value()) {}
  static constexpr BatchLimits limits{.tokens = 16, .logit_rows = 1};
  std::unique_ptr<ComputeDevice> device;
  Transformer model;
  engine::TransformerExecutor executor;
  Decoder decoder;
};

std::unique_ptr<engine::ThreadRanks> open_ranks(const Checkpoint& checkpoint, int ranks) {
  const ModelConfig config = read_model(checkpoint).value().config;
  engine::ThreadRanksSetup setup;
  setup.ranks = ranks;
  setup.threads_each = 1;
  setup.limits = Alone::limits;
  setup.repack = true;
  setup.cache = kv_layout(config, DType::kF32, kBlockTokens)->shape();
  return engine::ThreadRanks::open(checkpoint, setup).value();
}

double all_reduce_seconds(int ranks, size_t floats) {
  constexpr int kCalls = 20'000;
  auto group = make_thread_ranks({.ranks = ranks}).value();
  double seconds = 0;
  std::vector<std::thread> threads;
  for (auto& rank : group) {
    threads.emplace_back([&] {
      std::vector<float> data(floats, 1e-9f);
      const auto start = std::chrono::steady_clock::now();
      for (int i = 0; i < kCalls; ++i) static_cast<void>(rank->all_reduce(data));
      if (rank->rank() == 0) seconds = seconds_since(start) / kCalls;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return seconds;
}

double best(std::vector<double> times) { return *std::min_element(times.begin(), times.end()); }

int run(const char* path, int tokens) {
  const Checkpoint checkpoint = Checkpoint::open(path).value();
  const ModelFile file = read_model(checkpoint).value();
  const int cpus = os::usable_cpu_count();
  std::vector<double> one, threaded, ranked;
  uint64_t bytes = 0;
  {
    Alone single(checkpoint, 1);
    bytes = single.model.weights().bytes().repacked;
    for (int i = 0; i < 2; ++i) one.push_back(single.decoder.seconds_per_token(tokens));
  }
  Alone team(checkpoint, cpus);
  const auto ranks = open_ranks(checkpoint, cpus);
  Decoder decoder(*ranks, ranks->device(), ranks->layout());
  if (!ranks->make_caches(decoder.pool()).ok()) return 1;
  for (int i = 0; i < kRounds; ++i) {
    threaded.push_back(team.decoder.seconds_per_token(tokens));
    ranked.push_back(decoder.seconds_per_token(tokens));
  }
  const double exchange = all_reduce_seconds(cpus, file.config.dim);
  std::printf("one thread          %7.2f tok/s\n", 1 / best(one));
  std::printf("%d threads, one rank %7.2f tok/s\n", cpus, 1 / best(threaded));
  std::printf("%d ranks of one      %7.2f tok/s  (%.3f times; goal 0.95)\n", cpus, 1 / best(ranked),
              best(threaded) / best(ranked));
  std::printf("all_reduce of %u floats: %.2f us\n", file.config.dim, exchange * 1e6);
  const RankCosts costs{.weight_bytes_per_s = double(bytes) / best(one),
                        .link = {.latency_s = exchange, .bytes_per_s = 1e15}};
  const RankForecast forecast =
      forecast_ranks(file.config, shard_shape(checkpoint, file), bytes, costs, cpus).value();
  for (const auto& point : forecast.points) {
    std::printf("forecast, %d ranks   %7.2f tok/s  efficiency %.2f%s\n", point.ranks,
                1 / point.step_s, point.efficiency,
                point.ranks == forecast.best.ranks ? "  best" : "");
  }
  return 0;
}

}  // namespace
}  // namespace llmos

int main(int count, char** arguments) {
  if (count < 2) return std::fputs("rank_bench MODEL [tokens]\n", stderr), 2;
  return llmos::run(arguments[1], count > 2 ? std::atoi(arguments[2]) : 32);
}
