// SPDX-License-Identifier: Apache-2.0
// CoreBench: a core on this thread, over any executor, on a clock that stands still unless it is
// moved.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "engine/core.h"
#include "kv/faulty_file.h"

namespace llmos::test {

class CoreBench {
 public:
  // The executor and the pool outlive it.
  CoreBench(const engine::CoreOptions& options, engine::Executor& executor, BlockPool& pool,
            std::unique_ptr<Tier> tier = nullptr);

  // What the facade would hand over for the request; nothing is posted yet.
  std::unique_ptr<engine::Work> work(std::vector<TokenId> prompt, const Request& request,
                                     uint32_t stream_tokens = 64);
  std::shared_ptr<engine::StreamState> post(std::unique_ptr<engine::Work> work);
  std::shared_ptr<engine::StreamState> submit(std::vector<TokenId> prompt, const Request& request,
                                              uint32_t stream_tokens = 64) {
    return post(work(std::move(prompt), request, stream_tokens));
  }
  void cancel(engine::StreamState& stream);

  // A turn, a millisecond later. When it has nothing to compute it waits for blocks on their way:
  // they move in real time.
  bool turn();
  // Turns until all has ended; for streams that need no reader.
  void run();
  bool idle() const { return core_->idle() && mailbox_.waiting() == 0; }

  engine::Core& core() { return *core_; }
  engine::Mailbox& mailbox() { return mailbox_; }

  VirtualClock clock{Instant(std::chrono::seconds(1))};
  engine::Meters meters;

 private:
  const uint32_t vocabulary_;
  engine::Mailbox mailbox_;
  std::unique_ptr<engine::Core> core_;
  uint64_t last_id_ = 0;
};

// A tier of `slots` blocks of the pool, in a file of memory that a test can spoil.
std::unique_ptr<Tier> make_tier(const BlockPool& pool, uint32_t slots,
                                std::shared_ptr<FileContent> content);

// A fault of a disk, chosen at random: it ends too early, has other bits, fails or is full, or is
// whole again.
void spoil(FileContent& content, Rng& rng);

// The tokens of one choice that wait in the stream.
std::vector<TokenId> read_all(engine::StreamState& stream, uint32_t choice = 0);

}  // namespace llmos::test
