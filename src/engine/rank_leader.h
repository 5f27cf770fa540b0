// SPDX-License-Identifier: Apache-2.0
// One model over several ranks: rank 0 leads, and has the scheduler; the others follow its messages
// with caches of their own, of the same blocks.
#pragma once

#include <functional>
#include <vector>

#include "engine/executor.h"
#include "engine/rank_message.h"

namespace llmos::engine {

// Rank 0's executor. The model was loaded with `ranks`.
// A failure of the communicator makes it lost(): nothing runs until lead() gives it another group.
class RankLeader final : public Executor {
 public:
  RankLeader(Transformer& model, Communicator& ranks) : model_(model), ranks_(&ranks) {}

  const ModelConfig& config() const override { return model_.config(); }
  const BatchLimits& limits() const override { return model_.limits(); }
  Result<std::span<const float>> run(const Batch& batch, const BlockPool& cache) override;
  std::span<const float> hidden() const override { return model_.hidden(); }
  // kUnsupported: whoever made the ranks makes them anew (thread_ranks.h).
  Status reopen() override;
  bool lost() const override { return !failure_.ok(); }
  bool holds_whole_blocks() const override { return false; }

  // What the others copy before the next step: the engine's pool's, see watch_copies().
  void copied(std::span<const BlockCopy> copies);
  // Goes on with a new group, whose other ranks follow with empty caches.
  void lead(Communicator& ranks);
  // The others' follow() ends.
  Status stop();

 private:
  Transformer& model_;
  Communicator* ranks_;
  RankMessage message_;
  std::vector<BlockCopy> copies_;  // since the last step
  Status failure_;
};

// Another rank's work until rank 0 stops or the group ends: does every step that it is told, with
// `cache` as the memory of its blocks. `before_step` is for tests of ranks that stall.
// Failure: the communicator's, or its own, of which the others hear by abort().
Status follow(Transformer& model, BlockPool& cache, Communicator& ranks,
              const std::function<void()>& before_step = {});

}  // namespace llmos::engine
