// SPDX-License-Identifier: Apache-2.0
#include "engine/cache_bench.h"

#include <gtest/gtest.h>

namespace llmos::test {

using namespace engine;

CacheBench::CacheBench(const CoreOptions& options, uint32_t blocks, int64_t block_tokens)
    : pool_(FakeExecutor::make_pool(*device_, blocks, block_tokens)),
      mailbox_(options.queue_max),
      core_(Core::create(options, executor, pool_, mailbox_, meters, clock).value()) {}

std::shared_ptr<StreamState> CacheBench::submit(std::vector<TokenId> prompt, const Request& request,
                                                std::optional<Pooling> pooling) {
  auto work = std::make_unique<Work>();
  work->id = ++last_id_;
  work->prompt = std::move(prompt);
  work->request = request;
  work->pooling = pooling;
  for (uint32_t i = 0; i < request.choices; ++i) {
    work->samplers.push_back(Sampler::create(request.sampling, kVocabulary, i).value());
  }
  constexpr uint32_t kStreamTokens = 1024;
  work->stream =
      std::make_shared<StreamState>(work->id, kStreamTokens, request.choices, 0, nullptr);
  work->submitted = clock.now();
  auto stream = work->stream;
  EXPECT_TRUE(mailbox_.post_work(work).ok());
  return stream;
}

void CacheBench::run() {
  for (int turn = 0; turn < 200'000; ++turn) {
    core_->turn();
    clock.advance(std::chrono::milliseconds(1));
    if (turn % 8 == 0) core_->check_integrity();
    if (core_->idle() && mailbox_.waiting() == 0) return core_->check_integrity();
  }
  ADD_FAILURE() << "requests did not end";
}

std::vector<TokenId> CacheBench::ask(const std::vector<TokenId>& prompt, const Request& request) {
  auto stream = submit(prompt, request);
  run();
  return read_choice(*stream, 0);
}

std::vector<TokenId> read_choice(StreamState& stream, uint32_t choice) {
  std::vector<TokenId> tokens;
  std::vector<TokenScore> tops;
  while (const auto event = stream.try_take(tops)) {
    if (event->choice == choice && event->id != kNoToken) tokens.push_back(event->id);
  }
  return tokens;
}

Request greedy(uint32_t tokens) { return {.sampling = {.temperature = 0}, .tokens_max = tokens}; }

}  // namespace llmos::test
