// SPDX-License-Identifier: Apache-2.0
// Everything that a host may do to an engine, at once and for a while.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "api/golden_model.h"
#include "base/os_disk.h"
#include "base/rng.h"
#include "engine/soak_time.h"
#include "llmos/engine.h"
#include "support/temp_dir.h"
#include "support/test_seed.h"
#include "support/text_model.h"

namespace llmos::test {
namespace {

class Throws final : public LogitsHook {
 public:
  void adjust(const LogitsContext& context, std::span<float>) override {
    if (context.tokens.size() % 5 == 0) throw std::runtime_error("thrown by a test");
  }
};

struct Known {
  Request request;
  Reply reply;
};

std::vector<Known> catalogue(Engine& engine, Rng& rng) {
  std::vector<Known> known;
  for (int i = 0; i < 40; ++i) {
    Request request{.prompt = std::string(1 + rng.below(30), char('a' + rng.below(26))),
                    .tokens_max = uint32_t(1 + rng.below(40)),
                    .ignore_end = true};
    request.sampling.temperature = rng.bernoulli(0.5) ? 0.0f : 0.8f;
    request.sampling.seed = rng.u64();
    request.choices = uint32_t(1 + rng.below(2));
    if (rng.bernoulli(0.3)) request.stop = {std::string(1, char('a' + rng.below(26)))};
    Reply reply = engine.generate(request).value();
    known.push_back({std::move(request), std::move(reply)});
  }
  return known;
}

class User {
 public:
  User(Engine& engine, const std::vector<Known>& known, uint64_t seed)
      : engine_(engine), known_(known), rng_(seed) {}

  void run(std::chrono::steady_clock::time_point end) {
    while (std::chrono::steady_clock::now() < end) act();
  }
  uint64_t answers() const { return answers_; }

 private:
  void act() {
    const Known& known = known_[rng_.below(known_.size())];
    Request request = known.request;
    request.tenant = std::string(1, char('a' + rng_.below(3)));
    const uint64_t action = rng_.below(10);
    if (action == 0) request.deadline = Millis(1 + rng_.below(20));
    if (action == 1) request.logits_hook = &throws_;
    if (action == 2) {
      const auto embedded = engine_.embed({.prompt = "hello"});
      EXPECT_TRUE(embedded.ok() || embedded.status().code() == Code::kExhausted);
    }
    if (action == 3) static_cast<void>(engine_.metrics_text());
    Result<Stream> submitted = engine_.submit(std::move(request));
    if (!submitted.ok()) {
      const Code code = submitted.status().code();
      EXPECT_TRUE(code == Code::kExhausted || code == Code::kDeadline);
      return;
    }
    Stream stream = *std::move(submitted);
    for (uint64_t chunks = rng_.below(10); chunks > 0; --chunks) {
      static_cast<void>(rng_.bernoulli(0.5) ? stream.next(Millis(1)) : stream.try_next());
    }
    if (action == 4) stream.cancel();
    if (action == 5) return;  // walks away
    if (action == 6 || action == 7) move(stream);
    const Result<Reply> reply = stream.wait();
    if (!reply.ok()) {
      EXPECT_TRUE(action <= 1 || action == 4 || reply.status().code() == Code::kExhausted)
          << action << ' ' << reply.status().to_string();
      return;
    }
    if (action == 1) return;  // too short to throw
    ++answers_;
    EXPECT_EQ(reply->text, known.reply.text);
    EXPECT_EQ(reply->tokens, known.reply.tokens);
    for (size_t i = 0; i < reply->others.size(); ++i) {
      EXPECT_EQ(reply->others[i].tokens, known.reply.others[i].tokens);
    }
  }

  void move(Stream& stream) {
    const auto image = stream.suspend();
    if (!image.ok()) return;
    for (;;) {
      Result<Stream> resumed = engine_.resume(*image);
      if (resumed.ok()) {
        stream = *std::move(resumed);
        return;
      }
      ASSERT_EQ(resumed.status().code(), Code::kExhausted) << resumed.status().to_string();
      std::this_thread::yield();
    }
  }

  Engine& engine_;
  const std::vector<Known>& known_;
  Rng rng_;
  Throws throws_;
  uint64_t answers_ = 0;
};

TEST(Soak, ManyUsersOfASmallEngine) {
  TempDir dir;
  const std::string path = dir / "text.gguf";
  ASSERT_TRUE(write_text_model(golden_path("llama2/model.gguf"), path).ok());
  const uint64_t seed = test::seed("engine soak");
  Rng rng(seed);
  std::vector<Known> known;
  {
    Engine engine = Engine::open(path, {.threads = 1}).value();
    known = catalogue(engine, rng);
  }
  const auto time = test::soak_time(6) / 2;
  const std::string swap = os::is_in_memory(dir.path()) ? "" : dir.path();
  for (const bool overlap : {false, true}) {
    Engine engine =
        Engine::open(path, {.threads = 1,
                            // Two or three of them; the others go to a file that is soon full.
                            .cache = {.bytes = 1 << 18,
                                      .block_tokens = 4,
                                      .swap_directory = swap,
                                      .swap_bytes = 1 << 18},
                            .scheduler = {.sequences_max = 6, .step_tokens = 24, .queue_max = 32},
                            .stream_tokens = 4,
                            .overlap = overlap})
            .value();
    std::vector<User> users;
    for (uint64_t i = 0; i < 4; ++i) users.emplace_back(engine, known, seed + i);
    const auto end = std::chrono::steady_clock::now() + time;
    std::vector<std::jthread> threads;
    for (User& user : users) threads.emplace_back([&user, end] { user.run(end); });
    threads.clear();
    EXPECT_TRUE(engine.drain(Millis(20'000)).ok());
    const Metrics metrics = engine.metrics();
    EXPECT_EQ(metrics.completed + metrics.cancelled + metrics.failed, metrics.submitted);
    EXPECT_EQ(metrics.kv_blocks_free + metrics.kv_blocks_cached, metrics.kv_blocks);
    uint64_t answers = 0;
    for (const User& user : users) answers += user.answers();
    EXPECT_GT(answers, 20u);
    std::cout << "depth " << overlap << ": " << metrics.submitted << " requests, " << answers
              << " whole answers, " << metrics.preemptions << " preemptions\n";
  }
}

}  // namespace
}  // namespace llmos::test
