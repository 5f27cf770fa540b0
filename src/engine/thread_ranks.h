// SPDX-License-Identifier: Apache-2.0
// ThreadRanks: all ranks of a model in this process. Rank 0 computes on the engine's thread, each
// other on one of its own; each has a device, its shard of the weights, and its part of the cache.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "comm/thread_comm.h"
#include "device/device.h"
#include "engine/rank_leader.h"
#include "format/checkpoint.h"
#include "kv/block_layout.h"

namespace llmos::engine {

struct ThreadRanksSetup {
  int ranks = 2;
  std::chrono::milliseconds timeout{30'000};
  // Of every rank; 0: the machine's, divided among them.
  int threads_each = 0;
  std::string kernel_set{};
  BatchLimits limits{};
  bool repack = false;
  LoadProgress* progress = nullptr;  // hears of each rank's weights
  BlockShape cache{};                // kv_heads is each rank's own
  // For tests: a rank that is not 0, before each step.
  std::function<void(int rank)> before_step{};
};

// Threads  as Executor; open() and the destructor: the owner's.
// Failure  A step fails with kDeadline when a rank has not come within the timeout, and names it.
//          reopen() forms the group anew with the same weights and empty caches; it waits as long
//          again for ranks that are still busy, and fails while one is.
class ThreadRanks final : public Executor {
 public:
  static Result<std::unique_ptr<ThreadRanks>> open(const Checkpoint& checkpoint,
                                                   const ThreadRanksSetup& setup);
  // Waits for ranks that compute.
  ~ThreadRanks() override;

  // Memory for as many blocks on every other rank as rank 0's pool has, which outlives the runs;
  // once, before the first run().
  Status make_caches(BlockPool& pool);

  ComputeDevice& device() noexcept;  // rank 0's
  Transformer& model() noexcept;     // rank 0's
  const BlockLayout& layout() const noexcept;

  const ModelConfig& config() const override { return leader_->config(); }
  const BatchLimits& limits() const override { return leader_->limits(); }
  // Begins anew first where an earlier reopen() failed.
  Result<std::span<const float>> run(const Batch& batch, const BlockPool& cache) override;
  std::span<const float> hidden() const override { return leader_->hidden(); }
  Status reopen() override;
  bool lost() const override { return leader_->lost(); }
  bool holds_whole_blocks() const override { return false; }

 private:
  struct Rank;

  explicit ThreadRanks(const ThreadRanksSetup& setup);
  Status load(const Checkpoint& checkpoint);
  Status load_rank(const Checkpoint& checkpoint, Rank& rank);
  Status form_group();

  const ThreadRanksSetup setup_;
  const int threads_each_;
  std::vector<std::unique_ptr<Communicator>> group_;
  std::vector<std::unique_ptr<Rank>> ranks_;
  std::unique_ptr<RankLeader> leader_;
};

}  // namespace llmos::engine
