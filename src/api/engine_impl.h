// SPDX-License-Identifier: Apache-2.0
// What an Engine holds, in the order in which it must go: the last first.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

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
  std::unique_ptr<engine::Loop> loop;
};

}  // namespace llmos
