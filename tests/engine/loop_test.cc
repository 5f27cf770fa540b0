// SPDX-License-Identifier: Apache-2.0
#include "engine/loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/rng.h"
#include "engine/fake_executor.h"
#include "engine/soak_time.h"
#include "support/test_seed.h"

namespace llmos::engine {
namespace {

using test::FakeExecutor;

constexpr int64_t kVocabulary = 97;

// Steps fail, throw, or give something that is no number, now and then.
class Unsteady final : public Executor {
 public:
  explicit Unsteady(uint64_t seed) : rng_(seed) {}
  const ModelConfig& config() const override { return inner_.config(); }
  const BatchLimits& limits() const override { return inner_.limits(); }
  Result<std::span<const float>> run(const Batch& batch, const BlockPool& cache) override {
    if (rng_.bernoulli(0.02)) inner_.fail_steps = int(1 + rng_.below(6));
    if (rng_.bernoulli(0.005)) throw std::bad_alloc();
    inner_.nan_at = rng_.bernoulli(0.005) ? TokenId(rng_.below(kVocabulary)) : kNoToken;
    return inner_.run(batch, cache);
  }
  std::span<const float> hidden() const override { return inner_.hidden(); }
  Status reopen() override { return inner_.reopen(); }

 private:
  FakeExecutor inner_{kVocabulary};
  Rng rng_;
};

// One reader, and what its request must give.
struct Client {
  std::vector<TokenId> prompt;
  Request request;
  std::shared_ptr<StreamState> stream{};
  std::vector<TokenId> read{};
  int ends = 0;

  TokenId expected(size_t place) const {
    const auto at = [&](size_t i) {
      return i < prompt.size() ? prompt[i] : read[i - prompt.size()];
    };
    const size_t now = prompt.size() + place;
    return FakeExecutor::next(now > 1 ? at(now - 2) : 0, at(now - 1), kVocabulary);
  }
};

class Clients {
 public:
  Clients(Mailbox& mailbox, std::atomic<uint64_t>& ids, uint64_t seed)
      : mailbox_(mailbox), ids_(ids), rng_(seed) {}

  // Submits, reads, stalls, cancels and walks away, until `end`; then waits for the rest.
  void run(std::chrono::steady_clock::time_point end) {
    std::vector<Client> live;
    while (std::chrono::steady_clock::now() < end) {
      if (live.size() < 20 && rng_.bernoulli(0.5)) submit(live);
      for (size_t i = 0; i < live.size();) {
        if (rng_.bernoulli(0.01)) note(live[i], Mailbox::Note::kCancel);
        if (rng_.bernoulli(0.7)) read(live[i]);
        if (live[i].stream->ended()) {
          check(live[i]);
        } else if (rng_.bernoulli(0.002)) {
          note(live[i], Mailbox::Note::kCancel);  // and nobody looks any more
        } else {
          ++i;
          continue;
        }
        live[i] = std::move(live.back());
        live.pop_back();
      }
      if (rng_.bernoulli(0.05)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    for (Client& client : live) {
      while (!client.stream->ended()) {
        read(client);
        std::this_thread::yield();
      }
      check(client);
    }
  }

  uint64_t accepted = 0, ended = 0, tokens = 0;

 private:
  void submit(std::vector<Client>& live) {
    auto work = std::make_unique<Work>();
    work->id = ids_.fetch_add(1);
    work->prompt.resize(1 + rng_.below(20));
    for (TokenId& id : work->prompt) id = TokenId(rng_.below(kVocabulary));
    work->request.sampling.temperature = 0;
    work->request.tokens_max = uint32_t(1 + rng_.below(30));
    work->request.tenant = std::string(1, char('a' + rng_.below(4)));
    work->samplers.push_back(Sampler::create(work->request.sampling, kVocabulary).value());
    work->stream = std::make_shared<StreamState>(work->id, 3, 1, 0, nullptr);
    work->submitted = real_clock().now();
    if (rng_.bernoulli(0.05)) {
      work->deadline = work->submitted + std::chrono::microseconds(rng_.below(20'000));
    }
    Client client{work->prompt, work->request, work->stream};
    if (!mailbox_.post_work(work).ok()) return;
    ++accepted;
    live.push_back(std::move(client));
  }

  void note(Client& client, Mailbox::Note note) {
    if (note == Mailbox::Note::kCancel) client.stream->cancel();
    mailbox_.post_note({client.stream->id(), note});
  }

  void read(Client& client) {
    while (const auto event = client.stream->try_take(tops_)) {
      client.ends += event->last;
      if (event->id == kNoToken) continue;
      ASSERT_EQ(event->id, client.expected(client.read.size()));
      client.read.push_back(event->id);
    }
    if (client.stream->take_parked()) note(client, Mailbox::Note::kRoom);
  }

  void check(Client& client) {
    EXPECT_EQ(client.ends, 1);
    if (client.stream->outcome().status.ok()) {
      EXPECT_EQ(client.read.size(), client.request.tokens_max);
    }
    ++ended;
    tokens += client.read.size();
  }

  Mailbox& mailbox_;
  std::atomic<uint64_t>& ids_;
  Rng rng_;
  std::vector<TokenScore> tops_;
};

// No token is lost, doubled or wrong, every request ends once, and no block is left behind.
TEST(Loop, SoaksWithManyReaders) {
  const auto device = ComputeDevice::create({.threads = 1}).value();
  const uint64_t seed = test::seed("loop soak");
  const auto time = test::soak_time(6) / 2;
  for (const bool overlap : {false, true}) {
    BlockPool pool = FakeExecutor::make_pool(*device, 60, 4);
    Unsteady executor(seed);
    Mailbox mailbox(64);
    Meters meters;
    auto core = Core::create({.sequences_max = 12,
                              .step_tokens = 40,
                              .queue_max = 64,
                              .reader_stall_seconds = 0.02,
                              .overlap = overlap},
                             executor, pool, mailbox, meters, real_clock())
                    .value();
    std::atomic<uint64_t> ids{1};
    std::vector<Clients> clients;
    for (uint64_t i = 0; i < 4; ++i) clients.emplace_back(mailbox, ids, seed + i);
    {
      Loop loop(std::move(core), mailbox);
      const auto end = std::chrono::steady_clock::now() + time;
      std::vector<std::jthread> threads;
      for (Clients& one : clients) threads.emplace_back([&one, end] { one.run(end); });
      threads.clear();
      EXPECT_TRUE(loop.drain(std::chrono::seconds(20)));
    }
    uint64_t accepted = 0, ended = 0, tokens = 0;
    for (const Clients& one : clients) {
      accepted += one.accepted, ended += one.ended, tokens += one.tokens;
    }
    const Metrics metrics = meters.snapshot();
    EXPECT_GT(ended, 100u);
    EXPECT_EQ(metrics.completed + metrics.cancelled + metrics.failed, accepted);
    EXPECT_EQ(pool.free_count(), pool.capacity());
    std::cout << "depth " << overlap << ": " << ended << " requests, " << tokens << " tokens, "
              << metrics.steps << " steps, " << metrics.steps_failed << " failed, "
              << metrics.reopened << " times reopened, " << metrics.cancelled << " cancelled, "
              << metrics.failed << " failed\n";
  }
}

TEST(Loop, DrainsAndEndsWhatIsLeft) {
  const auto device = ComputeDevice::create({.threads = 1}).value();
  BlockPool pool = FakeExecutor::make_pool(*device, 60, 4);
  FakeExecutor executor(kVocabulary);
  Mailbox mailbox(64);
  Meters meters;
  auto core =
      Core::create({.reader_stall_seconds = 0}, executor, pool, mailbox, meters, real_clock())
          .value();
  auto work = std::make_unique<Work>();
  work->id = 1;
  work->prompt = {1, 2};
  work->request.sampling.temperature = 0;
  work->request.tokens_max = 100;
  work->samplers.push_back(Sampler::create(work->request.sampling, kVocabulary).value());
  work->stream = std::make_shared<StreamState>(1, 4, 1, 0, nullptr);  // nobody reads it
  const auto stream = work->stream;
  {
    Loop loop(std::move(core), mailbox);
    ASSERT_TRUE(mailbox.post_work(work).ok());
    EXPECT_FALSE(loop.drain(std::chrono::milliseconds(50)));
    EXPECT_FALSE(mailbox.post_work(work).ok());
  }
  std::vector<TokenScore> tops;
  while (stream->try_take(tops)) continue;
  EXPECT_TRUE(stream->ended());
  EXPECT_EQ(stream->outcome().status.code(), Code::kCancelled);
}

}  // namespace
}  // namespace llmos::engine
