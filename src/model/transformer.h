// SPDX-License-Identifier: Apache-2.0
// Transformer: a loaded transformer that computes logits.
//
//   Result<Checkpoint> checkpoint = Checkpoint::open("model.gguf");
//   Result<Transformer> model = Transformer::load(*checkpoint, *device, {.tokens = 512,
//   .logit_rows = 8});
//   Result<BlockLayout> layout = model->kv_layout(DType::kF16);
//   BlockPool cache(*device->allocate(bytes), *layout);
//   Result<std::span<const float>> logits = model->forward(batch, cache);
#pragma once

#include <memory>
#include <span>

#include "format/checkpoint.h"
#include "kv/block_pool.h"
#include "model/architecture.h"
#include "model/batch.h"
#include "model/exchange.h"
#include "model/weights.h"
#include "model/workspace.h"

namespace llmos {

// The shape of the cache's blocks for a model. Failure: as BlockLayout::create().
Result<BlockLayout> kv_layout(const ModelConfig& config, DType dtype, uint32_t block_tokens);

// Owner    The engine; move-only. The device outlives it.
// Threads  forward(): one at a time. The rest: any.
class Transformer {
 public:
  // With `ranks`, which outlives the model, it is this rank's shard: every rank loads its own and
  // then makes the same calls, with a cache of its own shape.
  // Failure: as read_model(), shard_model() and Weights::load(); kInvalid for limits out of range.
  static Result<Transformer> load(const Checkpoint& checkpoint, ComputeDevice& device,
                                  const BatchLimits& limits, LoadProgress* progress = nullptr,
                                  bool repack = false, Communicator* ranks = nullptr);

  // Of the whole model; of what this rank computes (the same without `ranks`).
  const ModelConfig& config() const noexcept { return config_; }
  const ModelConfig& shard() const noexcept { return shard_; }
  const BatchLimits& limits() const noexcept { return limits_; }
  const Weights& weights() const noexcept { return weights_; }

  // Computes one step: writes the keys and values of the batch's tokens into the cache, and answers
  // logits [logit_rows, vocabulary], valid until the next call. A token's logits do not depend on
  // what else is in the batch, nor on how its sequence was cut into steps. Allocates nothing.
  // Failure: kInvalid for an id outside the vocabulary or a position that the model does not have,
  // kExhausted for a batch beyond the limits; the cache is unchanged then. Spans that do not cover
  // the tokens, or a cache of another model, are programmer errors (CHECK). Of a shard, also what
  // the communicator answers; the cache is not to be trusted then.
  Result<std::span<const float>> forward(const Batch& batch, const BlockPool& cache);
  // Whether forward() would refuse the batch; of a shard the other ranks do not hear of it.
  Status check(const Batch& batch, const BlockPool& cache) const;
  // A shard goes on in another group, as the same rank of as many.
  void rejoin(Communicator& ranks);
  // Of the last forward(): [logit_rows, dim], the states that its logits were made of, behind the
  // last norm. Valid until the next call.
  std::span<const float> hidden() const noexcept {
    return {workspace_.picked, hidden_rows_ * size_t(config_.dim)};
  }

 private:
  Transformer(ModelConfig config, ModelConfig shard, const BatchLimits& limits, Weights weights,
              ComputeDevice& device)
      : config_(std::move(config)),
        shard_(std::move(shard)),
        limits_(limits),
        weights_(std::move(weights)),
        device_(&device) {}
  Status make_workspace();
  void place_tokens(const Batch& batch, int64_t block_tokens);

  ModelConfig config_, shard_;
  BatchLimits limits_;
  Weights weights_;
  ComputeDevice* device_;
  std::unique_ptr<exchange::Link> link_;  // null: not a shard
  Buffer memory_;
  Workspace workspace_;
  size_t hidden_rows_ = 0;
};

}  // namespace llmos
