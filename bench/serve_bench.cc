// SPDX-License-Identifier: Apache-2.0
// serve_bench: policies against each other on the real engine, with a model's real steps.
//
//   serve_bench --model model.gguf --policy fcfs,mlfq --workload sharegpt --rho 0.9 --seeds 3
//               [--requests 200] [--slots 16] [--cache-mb 0] [--json FILE]
//
// The workloads of sched_bench, their lengths scaled so that the longest request takes 0.9 of the
// context. rho = 1 is the rate at which an engine with fcfs serves the same requests when all are
// there at once, measured before each seed. The same arrivals and lengths for every policy; rows as
// sched_bench writes them, medians over seeds.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/json.h"
#include "base/rng.h"
#include "bench_arguments.h"
#include "llmos/llmos.h"
#include "support/sched_workload.h"

namespace {

using namespace llmos;
using bench::Arguments;
using bench::fail;
using bench::split;
using Seconds = std::chrono::duration<double>;
using SteadyClock = std::chrono::steady_clock;

Arguments parse(int argc, char** argv) {
  return Arguments::parse(argc, argv,
                          {"cache-mb", "gap-cv", "json", "model", "policy", "requests", "rho",
                           "seeds", "slots", "threads", "workload"});
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / double(values.size());
}

double quantile(std::vector<double> values, double p) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, size_t(p * double(values.size())))];
}

class ReadyList : public Readiness {
 public:
  void ready(uint64_t request) noexcept override { queue_.push(uint64_t(request)); }
  std::optional<uint64_t> pop(std::chrono::nanoseconds timeout) { return queue_.pop_for(timeout); }

 private:
  MpmcQueue<uint64_t> queue_{1 << 16};
};

struct Served {
  double arrival = 0, first = -1, last = -1, end = -1, gap_max = 0;
  uint32_t tokens = 0;
};

struct Run {
  std::vector<Served> served;
  double makespan = 0;
  Metrics metrics;
};

// One thread submits on time and reads all streams in between.
class Session {
 public:
  Session(Engine& engine, const std::vector<test::SimRequest>& requests, uint64_t seed)
      : engine_(engine), requests_(requests), rng_(seed) {}

  Run run() {
    Run run;
    run.served.resize(requests_.size());
    start_ = SteadyClock::now();
    size_t next = 0;
    while (next < requests_.size() || !streams_.empty()) {
      const double due = next < requests_.size() ? requests_[next].arrival : 1e9;
      if (now() >= due) {
        submit(next++, run);
        continue;
      }
      const double wait = std::min(due - now(), 0.1);
      if (const auto id = ready_.pop(std::chrono::nanoseconds(int64_t(wait * 1e9)))) {
        read(*id, run);
      }
    }
    run.makespan = now();
    run.metrics = engine_.metrics();
    return run;
  }

 private:
  struct Reading {
    Stream stream;
    size_t index;
  };

  double now() const { return Seconds(SteadyClock::now() - start_).count(); }

  void submit(size_t index, Run& run) {
    const test::SimRequest& wanted = requests_[index];
    std::vector<TokenId> prompt(wanted.prompt_tokens);
    for (TokenId& id : prompt) id = TokenId(rng_.below(engine_.model().vocabulary));
    Result<Stream> stream = engine_.submit({.prompt = std::move(prompt),
                                            .sampling = {.temperature = 0},
                                            .tokens_max = wanted.output_tokens,
                                            .ignore_end = true,
                                            .tenant = std::to_string(wanted.client),
                                            .readiness = &ready_});
    if (!stream.ok()) fail(stream.status().to_string());
    run.served[index].arrival = wanted.arrival;
    const uint64_t id = stream->id();
    streams_.emplace(id, Reading{*std::move(stream), index});
    read(id, run);
  }

  void read(uint64_t id, Run& run) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    Served& served = run.served[found->second.index];
    while (const auto chunk = found->second.stream.try_next()) {
      const double time = now();
      if (served.first < 0) served.first = time;
      if (served.last >= 0) served.gap_max = std::max(served.gap_max, time - served.last);
      served.last = time;
      served.tokens += uint32_t(chunk->tokens.size());
    }
    if (!found->second.stream.ended()) return;
    served.end = now();
    const Result<Reply> reply = found->second.stream.wait();
    if (!reply.ok()) fail(reply.status().to_string());
    streams_.erase(found);
  }

  Engine& engine_;
  const std::vector<test::SimRequest>& requests_;
  Rng rng_;
  ReadyList ready_;
  std::map<uint64_t, Reading> streams_;
  SteadyClock::time_point start_;
};

EngineOptions engine_options(const Arguments& arguments, const std::string& policy) {
  EngineOptions options;
  options.threads = uint32_t(arguments.number("threads", 0));
  options.cache.bytes = uint64_t(arguments.number("cache-mb", 0)) << 20;
  options.scheduler.policy = policy;
  options.scheduler.sequences_max = uint32_t(arguments.number("slots", 16));
  options.scheduler.queue_max = 1 << 16;
  options.stream_tokens = 4096;
  return options;
}

Run serve(const Arguments& arguments, const std::string& policy,
          const std::vector<test::SimRequest>& requests, uint64_t seed) {
  Result<Engine> engine =
      Engine::open(arguments.text("model", "model.gguf"), engine_options(arguments, policy));
  if (!engine.ok()) fail(engine.status().to_string());
  return Session(*engine, requests, seed).run();
}

// So that the longest takes 0.9 of the context.
void scale(std::vector<test::SimRequest>& requests, uint32_t context) {
  uint32_t longest = 1;
  for (const auto& r : requests) longest = std::max(longest, r.prompt_tokens + r.output_tokens);
  const double factor = std::min(1.0, 0.9 * context / longest);
  for (auto& r : requests) {
    r.prompt_tokens = std::max(1u, uint32_t(factor * r.prompt_tokens));
    r.output_tokens = std::max(1u, uint32_t(factor * r.output_tokens));
  }
}

// The first and the last tenth of the requests are warming up and running empty.
std::map<std::string, double> figures(const Run& run) {
  constexpr double kSloFirst = 1, kSloGap = 0.1;
  std::vector<double> jct, normalized, ttft, gaps;
  double met = 0;
  const size_t skip = run.served.size() / 10;
  for (size_t i = skip; i + skip < run.served.size(); ++i) {
    const Served& s = run.served[i];
    jct.push_back(s.end - s.arrival);
    normalized.push_back((s.end - s.arrival) / s.tokens);
    ttft.push_back(s.first - s.arrival);
    gaps.push_back(s.gap_max);
    const double tpot = s.tokens > 1 ? (s.last - s.first) / (s.tokens - 1) : 0;
    met += s.first - s.arrival <= kSloFirst && tpot <= kSloGap;
  }
  return {{"jct_mean", mean(jct)},
          {"jct_p50", quantile(jct, 0.5)},
          {"jct_p99", quantile(jct, 0.99)},
          {"normalized_latency_mean", mean(normalized)},
          {"ttft_mean", mean(ttft)},
          {"ttft_p99", quantile(ttft, 0.99)},
          {"slo_attainment", met / double(jct.size())},
          {"max_gap_max", quantile(gaps, 1)},
          {"preemptions", double(run.metrics.preemptions)},
          {"recomputed_tokens", double(run.metrics.recomputed_tokens)},
          {"step_mean", Seconds(run.metrics.step.mean).count()},
          {"planning_mean", Seconds(run.metrics.planning.mean).count()},
          {"tokens_per_second", double(run.metrics.output_tokens) / run.makespan}};
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  const double rho = arguments.number("rho", 0.9);
  const auto seeds = uint64_t(arguments.number("seeds", 3));
  const auto policies = split(arguments.text("policy", "fcfs,mlfq"));
  Json rows = Json::array();
  const Result<Engine> probe =
      Engine::open(arguments.text("model", "model.gguf"), engine_options(arguments, "fcfs"));
  if (!probe.ok()) fail(probe.status().to_string());
  const uint32_t context = std::min(probe->model().context, 4096u);
  for (const std::string& workload : split(arguments.text("workload", "sharegpt"))) {
    std::map<std::string, std::map<std::string, std::vector<double>>> values;
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
      auto requests = test::make_workload({.name = workload,
                                           .requests = uint32_t(arguments.number("requests", 200)),
                                           .seed = seed});
      if (!requests.ok()) fail(requests.status().to_string());
      scale(*requests, context);
      const Run all = serve(arguments, "fcfs", *requests, seed);
      const double rate = double(requests->size()) / all.makespan;
      test::set_arrivals(*requests, rho * rate, arguments.number("gap-cv", 1), seed);
      for (const std::string& policy : policies) {
        for (const auto& [name, value] : figures(serve(arguments, policy, *requests, seed))) {
          values[policy][name].push_back(value);
        }
      }
    }
    for (const std::string& policy : policies) {
      Json& row = rows.push_back(Json::object());
      row.set("policy", policy);
      row.set("workload", workload);
      row.set("rho", rho);
      std::printf("%-12s %-14s", workload.c_str(), policy.c_str());
      for (const auto& [name, samples] : values[policy]) {
        const double median = quantile(samples, 0.5);
        row.set(name, median);
        std::printf(" %s %.4g", name.c_str(), median);
      }
      std::printf("\n");
    }
  }
  if (const std::string path = arguments.text("json", ""); !path.empty()) {
    Json report = Json::object();
    report.set("results", std::move(rows));
    std::ofstream(path) << report.dump_indented() << '\n';
  }
  return 0;
}
