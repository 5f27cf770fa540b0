// SPDX-License-Identifier: Apache-2.0
// What an Engine holds, in the order in which it must go: the last first.
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>

#include "api/memory_budget.h"
#include "api/model_digest.h"
#include "api/request_check.h"
#include "api/stream_impl.h"
#include "device/device.h"
#include "engine/loop.h"
#include "engine/thread_ranks.h"
#include "llmos/engine.h"

namespace llmos {

struct Engine::Impl {
  // Admitted, and handed to the engine's thread.
  Result<Stream> post(std::unique_ptr<engine::Work> work, std::unique_ptr<Stream::Impl> stream);

  // The same for what has no stream: waits for its end.
  engine::Outcome run(std::unique_ptr<engine::Work> work);
  // The longest sequence that a request may become.
  int64_t blocks_of_longest() const;

  BudgetShare budget;  // of all below
  ModelInfo info;
  std::optional<Tokenizer> tokenizer;
  RequestLimits limits;
  ModelDigest digest{};
  std::unique_ptr<ComputeDevice> device;
  std::unique_ptr<Transformer> transformer;
  std::unique_ptr<engine::Executor> executor;
  engine::ThreadRanks* ranks = nullptr;  // the executor, where the model is divided
  std::unique_ptr<BlockPool> pool;
  engine::Meters meters;
  std::shared_ptr<engine::Mailbox> mailbox;  // streams keep it too
  std::atomic<uint64_t> next_id{1};
  bool keeps_prefixes = false;
  std::mutex map_mutex;
  std::future<KvMap> map_asked;  // guarded: of a call that did not wait for it
  std::unique_ptr<engine::Loop> loop;
};

}  // namespace llmos
