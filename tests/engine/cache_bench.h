// SPDX-License-Identifier: Apache-2.0
// A core on this thread, over a HistoryExecutor, on a clock that stands still unless it is moved.
#pragma once

#include <memory>
#include <vector>

#include "engine/core.h"
#include "engine/fake_executor.h"
#include "engine/history_executor.h"

namespace llmos::test {

class CacheBench {
 public:
  static constexpr int64_t kVocabulary = 97;

  CacheBench(const engine::CoreOptions& options, uint32_t blocks, int64_t block_tokens);

  std::shared_ptr<engine::StreamState> submit(std::vector<TokenId> prompt, const Request& request,
                                              std::optional<Pooling> pooling = {});
  // Turns until all has ended, with the integrity checked on the way.
  void run();
  // Submits, runs and reads the first choice.
  std::vector<TokenId> ask(const std::vector<TokenId>& prompt, const Request& request);

  engine::Core& core() { return *core_; }
  BlockPool& pool() { return pool_; }
  engine::Mailbox& mailbox() { return mailbox_; }

  HistoryExecutor executor{kVocabulary};
  VirtualClock clock{Instant(std::chrono::seconds(1))};
  engine::Meters meters;

 private:
  std::unique_ptr<ComputeDevice> device_ = ComputeDevice::create({.threads = 1}).value();
  BlockPool pool_;
  engine::Mailbox mailbox_;
  std::unique_ptr<engine::Core> core_;
  uint64_t last_id_ = 0;
};

std::vector<TokenId> read_choice(engine::StreamState& stream, uint32_t choice);
Request greedy(uint32_t tokens);

}  // namespace llmos::test
