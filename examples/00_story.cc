// SPDX-License-Identifier: Apache-2.0
// `make demo`: a story from the model that comes with LLMOS, as it is written; then what the system
// did for it, and for sixty-four more at once.
//
//   example_00_story [SEED]      # another seed, another story
#include <llmos/llmos.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStoriesAtOnce = 64;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Bytes a second that all cores together read from memory, the best of three times: what decoding
// a large model cannot exceed.
double memory_bandwidth() {
  constexpr size_t kWords = size_t{16} << 20;  // 128 MiB, more than caches hold
  const std::vector<uint64_t> words(kWords, 1);
  const size_t threads = std::max(1u, std::thread::hardware_concurrency());
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    std::vector<uint64_t> sums(threads);
    std::vector<std::thread> readers;
    const auto begin = Clock::now();
    for (size_t i = 0; i < threads; ++i) {
      readers.emplace_back([&, i] {
        const auto first = words.begin() + ptrdiff_t(kWords / threads * i);
        sums[i] = std::accumulate(first, first + ptrdiff_t(kWords / threads), uint64_t{});
      });
    }
    for (std::thread& reader : readers) reader.join();
    const double seconds = seconds_since(begin);
    const uint64_t read = std::accumulate(sums.begin(), sums.end(), uint64_t{});
    best = std::max(best, double(read * sizeof(uint64_t)) / seconds);
  }
  return best;
}

llmos::Request story_request(std::string wish, uint64_t seed) {
  llmos::Request request;
  request.prompt = std::vector<llmos::Message>{{.role = "user", .content = std::move(wish)}};
  request.sampling.temperature = 0.6f;
  request.sampling.seed = seed;
  request.tokens_max = 400;
  return request;
}

struct Pace {
  double first_token;  // seconds
  double tokens_per_second;
  uint32_t tokens;
};

// Writes the story as it comes.
llmos::Result<Pace> tell(llmos::Engine& engine, uint64_t seed) {
  const auto begin = Clock::now();
  auto stream = engine.submit(story_request("Tell me a story.", seed));
  if (!stream.ok()) return stream.status();
  double first_token = 0;
  while (const auto chunk = stream->next()) {
    if (first_token == 0) first_token = seconds_since(begin);
    std::fwrite(chunk->text.data(), 1, chunk->text.size(), stdout);
    std::fflush(stdout);
  }
  const double total = seconds_since(begin);
  const auto reply = stream->wait();
  if (!reply.ok()) return reply.status();
  const uint32_t tokens = reply->usage.output_tokens;
  return Pace{first_token, (tokens - 1) / std::max(total - first_token, 1e-9), tokens};
}

void show_pace(const llmos::Engine& engine, const Pace& pace) {
  const llmos::ModelInfo& model = engine.model();
  // Each token reads all weights, and the keys and values of half the story on average.
  const double kv = double(model.layers) * model.kv_heads * model.head_dim * 2 * sizeof(float);
  const double bytes = (double(model.bytes) + kv * pace.tokens / 2) * pace.tokens_per_second;
  const double memory = memory_bandwidth();
  std::printf("model     %s: %.1f M parameters, %.1f MB, in the library itself\n",
              model.name.c_str(), double(model.parameters) / 1e6, double(model.bytes) / 1e6);
  std::printf(
      "one       first token after %.1f ms, then %.0f tokens/s: %.1f GB/s, %.0f %% of the\n"
      "          %.1f GB/s of this memory (a model of this size stays in the caches)\n",
      pace.first_token * 1e3, pace.tokens_per_second, bytes / 1e9, 100 * bytes / memory,
      memory / 1e9);
}

// The system at its fullest.
struct Peak {
  llmos::Metrics fullest;                  // with the most blocks in use
  std::vector<uint32_t> waiting_by_level;  // the most of each

  void see(const llmos::Metrics& now) {
    if (now.kv_blocks_free < fullest.kv_blocks_free) fullest = now;
    waiting_by_level.resize(std::max(waiting_by_level.size(), now.waiting_by_level.size()));
    for (size_t i = 0; i < now.waiting_by_level.size(); ++i) {
      waiting_by_level[i] = std::max(waiting_by_level[i], now.waiting_by_level[i]);
    }
  }
};

llmos::Status read_all(const llmos::Engine& engine, std::vector<llmos::Stream>& streams,
                       Peak& peak) {
  for (llmos::Stream& stream : streams) {
    while (stream.next()) peak.see(engine.metrics());
    const auto reply = stream.wait();
    if (!reply.ok()) return reply.status();
  }
  return {};
}

void show_many(const llmos::Metrics& before, const llmos::Metrics& after, const Peak& peak,
               double seconds) {
  const double tokens = double(after.output_tokens - before.output_tokens);
  const double steps = double(std::max<uint64_t>(after.steps - before.steps, 1));
  std::printf("%d more   %.0f tokens/s together, %.1f tokens a step\n", kStoriesAtOnce,
              tokens / seconds, tokens / steps);
  std::printf("levels    at most so many waited:");
  for (size_t i = 0; i < peak.waiting_by_level.size(); ++i) {
    if (peak.waiting_by_level[i]) std::printf(" %u on %zu", peak.waiting_by_level[i], i);
  }
  const llmos::Metrics& fullest = peak.fullest;
  std::printf("\nKV        %u of %u blocks in use at most; %llu preemptions to make room\n",
              fullest.kv_blocks - fullest.kv_blocks_free, fullest.kv_blocks,
              (unsigned long long)(after.preemptions - before.preemptions));
  std::printf("the OS    took %.0f of the %.0f microseconds of a step\n",
              double(after.planning.p50.count()) / 1e3, double(after.step.p50.count()) / 1e3);
}

// Sixty-four stories at once.
llmos::Status tell_many(llmos::Engine& engine, uint64_t seed) {
  const auto begin = Clock::now();
  const llmos::Metrics before = engine.metrics();
  std::vector<llmos::Stream> streams;
  for (int i = 0; i < kStoriesAtOnce; ++i) {
    auto stream = engine.submit(story_request("Tell me a story.", seed + 1 + uint64_t(i)));
    if (!stream.ok()) return stream.status();
    streams.push_back(*std::move(stream));
  }
  Peak peak{.fullest = before, .waiting_by_level = {}};
  const llmos::Status status = read_all(engine, streams, peak);
  if (!status.ok()) return status;
  show_many(before, engine.metrics(), peak, seconds_since(begin));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t seed = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  auto engine = llmos::Engine::open("default");
  if (!engine.ok()) return std::puts(engine.status().to_string().c_str()), 1;
  const auto pace = tell(*engine, seed);
  if (!pace.ok()) return std::puts(pace.status().to_string().c_str()), 1;
  std::puts("\n");
  show_pace(*engine, *pace);
  const llmos::Status status = tell_many(*engine, seed);
  if (!status.ok()) return std::puts(status.to_string().c_str()), 1;
}
