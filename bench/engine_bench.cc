// SPDX-License-Identifier: Apache-2.0
// What the engine itself costs: a turn of the core less the time in its executor, which computes
// nothing but a fixed row of logits.
//
//   engine_bench [--benchmark_filter=...]
//
// BM_Turn/running/waiting/fcfs
//                           planning, batch, drawing (greedy, of 64 logits), commit, metrics of one
//                           step in which `running` sequences decode and `waiting` others queue,
//                           under mlfq (which lets them in, in turn) or fcfs (they wait);
//                           planning_us: of that, what is neither computing nor drawing
// BM_Recovery/running       from the first of the failed steps that make the engine open its device
//                           again until all have put out another token; steps: that it takes
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "device/device.h"
#include "engine/core.h"

namespace llmos::engine {
namespace {

constexpr uint32_t kVocabulary = 64;

class Nothing final : public Executor {
 public:
  explicit Nothing(BatchLimits limits)
      : limits_(limits), logits_(size_t(limits.logit_rows) * kVocabulary) {
    config_.vocabulary = kVocabulary;
    config_.dim = 1;
    for (size_t row = 0; row < limits.logit_rows; ++row) logits_[row * kVocabulary + 7] = 1;
  }
  const ModelConfig& config() const override { return config_; }
  const BatchLimits& limits() const override { return limits_; }
  Result<std::span<const float>> run(const Batch& batch, const BlockPool&) override {
    if (broken) return Status(Code::kInternal, "the device does not answer");
    return std::span<const float>(logits_).first(batch.logit_rows.size() * kVocabulary);
  }
  std::span<const float> hidden() const override { return {}; }
  Status reopen() override {
    broken = false;
    return {};
  }

  bool broken = false;  // until it is opened again

 private:
  ModelConfig config_;
  BatchLimits limits_;
  std::vector<float> logits_;
};

std::shared_ptr<StreamState> submit(Mailbox& mailbox, uint64_t id, uint32_t tokens,
                                    uint32_t stream_tokens) {
  auto work = std::make_unique<Work>();
  work->id = id;
  work->prompt.assign(16, 1);
  work->request.sampling.temperature = 0;
  work->request.tokens_max = tokens;
  work->samplers.push_back(Sampler::create(work->request.sampling, kVocabulary).value());
  work->stream = std::make_shared<StreamState>(id, stream_tokens, 1, 0, nullptr);
  work->submitted = real_clock().now();
  auto stream = work->stream;
  if (!mailbox.post_work(work).ok()) std::abort();
  return stream;
}

void BM_Turn(benchmark::State& state) {
  const auto running = uint32_t(state.range(0)), waiting = uint32_t(state.range(1));
  constexpr uint32_t kAnswer = 1u << 18;  // longer than the measurement
  Nothing executor({.tokens = 512, .logit_rows = 512});
  const BlockLayout layout =
      BlockLayout::create(
          {.layers = 1, .kv_heads = 1, .head_dim = 1, .block_tokens = 16, .dtype = DType::kF32})
          .value();
  BlockPool pool(layout, 1u << 22);
  Mailbox mailbox(1u << 18);
  Meters meters;
  auto core = Core::create({.policy = state.range(2) ? "fcfs" : "mlfq",
                            .sequences_max = running,
                            .step_tokens = 512,
                            .queue_max = 1u << 18,
                            .reader_stall_seconds = 0},
                           executor, pool, mailbox, meters, real_clock())
                  .value();
  std::vector<std::shared_ptr<StreamState>> streams;
  uint64_t id = 0;
  const auto read = [&] {
    std::vector<TokenScore> tops;
    for (uint32_t i = 0; i < streams.size(); ++i) {
      while (streams[i]->try_take(tops)) continue;
      if (streams[i]->take_parked()) mailbox.post_note({streams[i]->id(), Mailbox::Note::kRoom});
    }
  };
  for (uint32_t i = 0; i < running; ++i)
    streams.push_back(submit(mailbox, ++id, kAnswer, 1u << 12));
  for (uint32_t i = 0; i < 64; ++i) core->turn();
  for (uint32_t i = 0; i < waiting; ++i) static_cast<void>(submit(mailbox, ++id, 64, 128));
  for (uint32_t i = 0; i < 64; ++i) core->turn();
  uint32_t turns = 0;
  for (auto _ : state) {
    core->turn();
    if (++turns % 1024 == 0) {
      state.PauseTiming();
      read();
      state.ResumeTiming();
    }
  }
  state.counters["planning_us"] = double(meters.snapshot().planning.p50.count()) / 1e3;
  state.counters["tokens_a_turn"] =
      benchmark::Counter(double(meters.output_tokens.get()) / double(meters.steps.get()));
  state.counters["preemptions"] = double(core->scheduler().stats().preemptions);
}
BENCHMARK(BM_Turn)
    ->Args({1, 0, 0})
    ->Args({16, 0, 0})
    ->Args({256, 0, 0})
    ->Args({256, 10'000, 0})
    ->Args({256, 100'000, 0})
    ->Args({256, 0, 1})
    ->Args({256, 10'000, 1})
    ->Args({256, 100'000, 1})
    ->Unit(benchmark::kMicrosecond);

// What the loop itself takes; computing what was lost again comes on top, as many steps as said.
void BM_Recovery(benchmark::State& state) {
  const auto running = uint32_t(state.range(0));
  Nothing executor({.tokens = 512, .logit_rows = 512});
  const BlockLayout layout =
      BlockLayout::create(
          {.layers = 1, .kv_heads = 1, .head_dim = 1, .block_tokens = 16, .dtype = DType::kF32})
          .value();
  BlockPool pool(layout, 1u << 20);
  Mailbox mailbox(1u << 12);
  Meters meters;
  auto core = Core::create({.policy = "fcfs",
                            .sequences_max = running,
                            .step_tokens = 512,
                            .queue_max = 1u << 12,
                            .reader_stall_seconds = 0},
                           executor, pool, mailbox, meters, real_clock())
                  .value();
  std::vector<std::shared_ptr<StreamState>> streams;
  std::vector<TokenScore> tops;
  for (uint32_t i = 0; i < running; ++i) {
    streams.push_back(submit(mailbox, i + 1, 1u << 17, 1u << 12));
  }
  const auto all_got_one = [&] {
    return std::all_of(streams.begin(), streams.end(), [&](const auto& stream) {
      bool any = false;
      while (stream->try_take(tops)) any = true;
      if (stream->take_parked()) mailbox.post_note({stream->id(), Mailbox::Note::kRoom});
      return any;
    });
  };
  // Each has some 200 tokens to be computed again.
  for (int i = 0; i < 200; ++i) core->turn(), all_got_one();
  uint64_t steps = 0;
  for (auto _ : state) {
    executor.broken = true;
    const uint64_t tokens = meters.output_tokens.get();
    const uint64_t before = meters.steps.get();
    while (meters.output_tokens.get() < tokens + running) core->turn();
    steps += meters.steps.get() - before;
    state.PauseTiming();
    all_got_one();
    state.ResumeTiming();
  }
  state.counters["steps"] = double(steps) / double(state.iterations());
  state.counters["reopened"] = double(meters.reopened.get()) / double(state.iterations());
}
BENCHMARK(BM_Recovery)->Arg(2)->Arg(16)->Arg(256)->Iterations(50)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace llmos::engine

BENCHMARK_MAIN();
