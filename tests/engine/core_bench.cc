// SPDX-License-Identifier: Apache-2.0
#include "engine/core_bench.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace llmos::test {

using namespace engine;

CoreBench::CoreBench(const CoreOptions& options, Executor& executor, BlockPool& pool,
                     std::unique_ptr<Tier> tier)
    : vocabulary_(uint32_t(executor.config().vocabulary)),
      mailbox_(options.queue_max, options.tenants),
      core_(
          Core::create(options, executor, pool, mailbox_, meters, clock, std::move(tier)).value()) {
}

std::unique_ptr<Work> CoreBench::work(std::vector<TokenId> prompt, const Request& request,
                                      uint32_t stream_tokens) {
  auto work = std::make_unique<Work>();
  work->id = ++last_id_;
  work->prompt = std::move(prompt);
  work->request = request;
  work->ends = request.stop_tokens;
  std::sort(work->ends.begin(), work->ends.end());
  for (uint32_t i = 0; i < request.choices; ++i) {
    work->samplers.push_back(Sampler::create(request.sampling, vocabulary_, i).value());
  }
  work->stream =
      std::make_shared<StreamState>(work->id, stream_tokens, request.choices,
                                    request.logprobs ? request.logprobs_top : 0, request.readiness);
  work->submitted = clock.now();
  if (request.deadline.count() > 0) work->deadline = clock.now() + request.deadline;
  return work;
}

std::shared_ptr<StreamState> CoreBench::post(std::unique_ptr<Work> work) {
  std::shared_ptr<StreamState> stream = work->stream;
  EXPECT_TRUE(mailbox_.post_work(work).ok());
  return stream;
}

void CoreBench::cancel(StreamState& stream) {
  stream.cancel();
  mailbox_.post_note({stream.id(), Mailbox::Note::kCancel});
}

bool CoreBench::turn() {
  const bool worked = core_->turn();
  Swapper* const swapper = core_->tier().swapper();
  if (!worked && swapper) {
    EXPECT_TRUE(swapper->wait_idle(std::chrono::seconds(30)));
  }
  clock.advance(std::chrono::milliseconds(1));
  return worked;
}

void CoreBench::run() {
  constexpr int kTurnsMax = 200'000;
  for (int i = 0; i < kTurnsMax; ++i) {
    turn();
    if (i % 8 == 0) core_->check_integrity();
    if (idle()) return core_->check_integrity();
  }
  ADD_FAILURE() << "requests did not end";
}

std::unique_ptr<Tier> make_tier(const BlockPool& pool, uint32_t slots,
                                std::shared_ptr<FileContent> content) {
  const size_t bytes = pool.layout().block_bytes();
  const uint64_t stride =
      (bytes + FileTier::kHeaderBytes + FileTier::kAlignment - 1) / FileTier::kAlignment;
  return FileTier::create(
             std::make_unique<FaultyFile>(std::move(content)),
             {.block_bytes = bytes, .bytes_max = slots * stride * FileTier::kAlignment})
      .value();
}

void spoil(FileContent& content, Rng& rng) {
  const std::lock_guard lock(content.mutex);
  switch (rng.below(6)) {
    case 0:
      content.bytes.resize(content.bytes.size() / 2);
      break;
    case 1:
      if (!content.bytes.empty()) content.bytes[rng.below(content.bytes.size())] ^= std::byte{1};
      break;
    case 2:
      content.writes_left = int64_t(rng.below(8));
      break;
    case 3:
      content.reads_left = int64_t(rng.below(8));
      break;
    case 4:
      content.bytes_max = rng.below(1 << 16);
      break;
    default:
      content.writes_left = content.reads_left = INT64_MAX;
      content.bytes_max = UINT64_MAX;
  }
}

std::vector<TokenId> read_all(StreamState& stream, uint32_t choice) {
  std::vector<TokenId> tokens;
  std::vector<TokenScore> tops;
  while (const auto event = stream.try_take(tops)) {
    if (event->choice == choice && event->id != kNoToken) tokens.push_back(event->id);
  }
  return tokens;
}

}  // namespace llmos::test
