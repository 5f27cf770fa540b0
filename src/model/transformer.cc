// SPDX-License-Identifier: Apache-2.0
#include "model/transformer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "model/layers.h"
#include "model/rope.h"
#include "model/sharding.h"

namespace llmos {

Result<BlockLayout> kv_layout(const ModelConfig& config, DType dtype, uint32_t block_tokens) {
  return BlockLayout::create({.layers = config.layer_count(),
                              .kv_heads = config.kv_heads,
                              .head_dim = config.head_dim,
                              .block_tokens = block_tokens,
                              .dtype = dtype});
}

Result<Transformer> Transformer::load(const Checkpoint& checkpoint, ComputeDevice& device,
                                      const BatchLimits& limits, LoadProgress* progress,
                                      bool repack, Communicator* ranks) {
  if (Status status = limits.check(); !status.ok()) return status;
  Result<ModelFile> file = read_model(checkpoint);
  if (!file.ok()) return file.status();
  const int size = ranks ? ranks->size() : 1;
  Result<ModelFile> part = shard_model(checkpoint, *file, ranks ? ranks->rank() : 0, size);
  if (!part.ok()) return part.status();
  Result<Weights> weights = Weights::load(checkpoint, *part, device, progress, repack);
  if (!weights.ok()) return weights.status();
  Transformer model(std::move(file->config), std::move(part->config), limits, *std::move(weights),
                    device);
  if (size > 1) {
    model.link_ = std::make_unique<exchange::Link>();
    model.link_->ranks = ranks;
  }
  if (Status status = model.make_workspace(); !status.ok()) return status;
  return model;
}

Status Transformer::make_workspace() {
  const bool quantizes = weights_.bytes().repacked > 0;
  Result<Buffer> memory =
      device_->allocate(Workspace::lay_out(shard_, limits_, nullptr, quantizes).bytes);
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  workspace_ = Workspace::lay_out(shard_, limits_, memory_.data(), quantizes);
  const std::vector<float> global = inverse_frequencies(config_.rope);
  std::copy(global.begin(), global.end(), workspace_.frequencies);
  const std::vector<float> local = inverse_frequencies(config_.local_rope);
  std::copy(local.begin(), local.end(), workspace_.local_frequencies);
  return Status();
}

Result<std::span<const float>> Transformer::forward(const Batch& batch, const BlockPool& cache) {
  if (Status status = check(batch, cache); !status.ok()) return status;
  place_tokens(batch, cache.layout().shape().block_tokens);
  ComputeStream& stream = device_->stream();
  Step(shard_, weights_.parts(), workspace_, device_->kernels(), stream, cache, batch, link_.get())
      .run();
  stream.finish();
  if (link_ && !link_->failure.ok()) return std::exchange(link_->failure, {});
  hidden_rows_ = batch.logit_rows.size();
  return std::span<const float>(workspace_.logits, batch.logit_rows.size() * config_.vocabulary);
}

void Transformer::rejoin(Communicator& ranks) {
  LLMOS_CHECK(link_ && ranks.rank() == shard_.shard.rank && ranks.size() == shard_.shard.ranks)
      << "another place in the group";
  link_->ranks = &ranks;
  link_->failure = {};
}

Status Transformer::check(const Batch& batch, const BlockPool& cache) const {
  const BlockShape& shape = cache.layout().shape();
  LLMOS_CHECK(shape.layers == config_.layer_count() && shape.kv_heads == shard_.kv_heads &&
              shape.head_dim == config_.head_dim)
      << "the cache was made for another model";
  LLMOS_CHECK(batch.contexts.empty() || batch.contexts.size() == batch.spans.size())
      << "contexts: one for each span";
  if (batch.ids.size() > limits_.tokens || batch.logit_rows.size() > limits_.logit_rows) {
    return Status(Code::kExhausted,
                  (Text() << "batch: expected at most " << limits_.tokens << " tokens and "
                          << limits_.logit_rows << " rows of logits, found " << batch.ids.size()
                          << " and " << batch.logit_rows.size())
                      .str());
  }
  for (const TokenId id : batch.ids) {
    if (id >= 0 && uint32_t(id) < config_.vocabulary) continue;
    return Status(
        Code::kInvalid,
        (Text() << "token id: expected 0 to " << config_.vocabulary - 1 << ", found " << id).str());
  }
  const int64_t positions = config_.learned_positions > 0 ? config_.learned_positions : kContextMax;
  int64_t covered = 0;
  for (const kernels::AttentionSpan& span : batch.spans) {
    LLMOS_CHECK(span.first == covered && span.tokens > 0 && span.position >= 0)
        << "spans: expected to cover the tokens in order";
    covered += span.tokens;
    if (span.position <= positions && span.tokens <= positions - span.position) continue;
    return Status(Code::kInvalid,
                  (Text() << "position: expected below " << positions << ", found "
                          << span.position + span.tokens - 1 << "; the model has no more")
                      .str());
  }
  LLMOS_CHECK(covered == int64_t(batch.ids.size())) << "spans: expected to cover the tokens";
  for (const int32_t row : batch.logit_rows) {
    LLMOS_CHECK(row >= 0 && row < covered) << "logit row " << row << " of " << covered;
  }
  return Status();
}

// What the kernels want to know of each token: its position, its place in the cache, its table of
// frequencies.
void Transformer::place_tokens(const Batch& batch, int64_t block_tokens) {
  for (size_t t = 0; link_ && t < batch.ids.size(); ++t) {
    const uint32_t own =
        uint32_t(batch.ids[t]) - shard_.shard.word_borders[size_t(shard_.shard.rank)];
    workspace_.own_ids[t] = own < shard_.vocabulary ? int32_t(own) : 0;
  }
  for (size_t s = 0; s < batch.spans.size(); ++s) {
    const kernels::AttentionSpan& span = batch.spans[s];
    const uint32_t context = batch.contexts.empty() ? config_.context : batch.contexts[s];
    const int set = frequency_set(config_.rope, context);
    for (int64_t i = 0; i < span.tokens; ++i) {
      const int64_t token = span.first + i, position = span.position + i;
      workspace_.positions[token] = int32_t(position);
      workspace_.frequency_sets[token] = set;
      workspace_.slots[token] =
          span.blocks[position / block_tokens] * block_tokens + position % block_tokens;
    }
  }
}

}  // namespace llmos
