// SPDX-License-Identifier: Apache-2.0
// Many clients at once. LLMOS_LOAD_SECONDS (2) is how long.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "server/engine_fixture.h"
#include "support/test_seed.h"

namespace server {
namespace {

using test::Client;
using test::HttpReply;

double load_seconds() {
  const char* text = std::getenv("LLMOS_LOAD_SECONDS");
  return text ? std::atof(text) : 2;
}

uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

class LoadTest : public test::EngineFixture {};

// 256 streams on 8 threads: each thread keeps 32 requests under way and reads them one by one.
TEST_F(LoadTest, ManyStreamsAtOnce) {
  llmos::EngineOptions options;
  options.scheduler.sequences_max = 64;
  options.scheduler.queue_max = 1024;
  open_engine(options);
  start_server();
  constexpr int kThreads = 8;
  constexpr int kClients = 32;
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(load_seconds());
  std::atomic<uint64_t> answers{0}, tokens{0}, failures{0};
  uint64_t warm_bytes = 0;
  const auto work = [&] {
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < kClients; ++i) clients.push_back(std::make_unique<Client>(port()));
    while (std::chrono::steady_clock::now() < until) {
      for (auto& client : clients) {
        client->send_request(
            "POST", "/v1/completions",
            R"({"prompt":"once","max_tokens":24,"ignore_eos":true,"stream":true})");
      }
      for (auto& client : clients) {
        const HttpReply reply = client->read_reply();
        const auto events = test::events_of(reply.body);
        const bool good = reply.status == 200 && !events.empty() && events.back() == "[DONE]";
        answers += good;
        failures += !good;
        tokens += 24 * good;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work);
  std::this_thread::sleep_for(std::chrono::duration<double>(load_seconds() / 2));
  warm_bytes = resident_bytes();
  for (std::thread& thread : threads) thread.join();
  const uint64_t end_bytes = resident_bytes();
  EXPECT_EQ(failures, 0u);
  EXPECT_GE(answers, uint64_t{kThreads} * kClients);
  EXPECT_TRUE(server().wait_idle(std::chrono::seconds(20)));
  expect_nothing_left();
  const llmos::Metrics m = engine().metrics();
  EXPECT_EQ(m.failed + m.cancelled + m.refused, 0u);
  std::printf(
      "[   load   ] %llu answers, %llu tokens, first token p50 %.1f ms p99 %.1f ms, "
      "memory %+.1f MiB in the second half\n",
      static_cast<unsigned long long>(answers.load()),
      static_cast<unsigned long long>(tokens.load()), double(m.first_token.p50.count()) * 1e-6,
      double(m.first_token.p99.count()) * 1e-6,
      (double(end_bytes) - double(warm_bytes)) / (1 << 20));
}

// Clients of every kind at once, many of which leave in the middle.
TEST_F(LoadTest, ClientsThatComeAndGo) {
  start_server();
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(load_seconds() / 2);
  const uint64_t seed = llmos::test::seed("come and go");
  std::atomic<uint64_t> wrong{0};
  const auto work = [&](uint64_t number) {
    std::mt19937_64 random(seed + number);
    while (std::chrono::steady_clock::now() < until) {
      Client client(port());
      const bool stream = random() % 2;
      client.send_request("POST", "/v1/completions",
                          std::string(R"({"prompt":["a","the"],"max_tokens":)") +
                              std::to_string(1 + random() % 50) +
                              (stream ? R"(,"stream":true,"n":2})" : R"(,"n":2})"));
      if (random() % 2) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
        continue;  // leaves
      }
      wrong += client.read_reply().status != 200;
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 16; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_TRUE(server().wait_idle(std::chrono::seconds(20)));
  expect_nothing_left();
}

}  // namespace
}  // namespace server
