// SPDX-License-Identifier: Apache-2.0
#include "model/sharding.h"

#include <algorithm>
#include <string>

#include "tensor/quant.h"

namespace llmos {
namespace {

using Layer = ModelSources::Layer;
using Linear = ModelSources::Linear;

uint32_t block_of(const Checkpoint& checkpoint, const TensorSource& source) {
  constexpr uint32_t kMxfp4Elements = 32;
  if (!source.scales.empty()) return kMxfp4Elements;
  std::string name = source.name;
  if (const size_t place = name.find("{}"); place != std::string::npos) name.replace(place, 2, "0");
  const TensorInfo* const info = checkpoint.find(name);
  return info && is_quantized(info->dtype) ? uint32_t(dtype_traits(info->dtype).block_elements) : 1;
}

void cut_rows(TensorSource& source, uint64_t whole, const ShardRange& part) {
  source.slice.rows = whole;
  source.slice.first_row = part.first;
}

// Of a product whose outputs are divided.
void cut_outputs(Linear& linear, uint64_t whole, const ShardRange& part) {
  cut_rows(linear.weight, whole, part);
  cut_rows(linear.bias, whole, part);
}

// Of a product whose inputs are divided: its outputs are summed, and its bias is added once.
void cut_inputs(Linear& linear, uint64_t whole, const ShardRange& part, int rank) {
  linear.weight.slice.columns = whole;
  linear.weight.slice.first_column = part.first;
  linear.bias.absent = rank > 0;
}

void cut_stack(Linear& linear, uint64_t whole, const ShardRange& part) {
  for (TensorSource* const source : {&linear.weight, &linear.bias}) {
    source->slice.matrices = whole;
    source->slice.first_matrix = part.first;
  }
}

void cut_hidden(ModelSources::FeedForward& ffn, uint64_t whole, const ShardRange& part, int rank) {
  cut_outputs(ffn.gate, whole, part);
  cut_outputs(ffn.up, whole, part);
  cut_inputs(ffn.down, whole, part, rank);
}

// Cuts a copy of the file for one shard.
class Cutter {
 public:
  Cutter(const ModelConfig& whole, const std::vector<Shard>& shards, int rank)
      : whole_(whole), shards_(shards), s(shards[size_t(rank)]) {}

  void cut(ModelFile& file) const {
    set_sizes(file.config);
    cut_rows(file.sources.embedding, whole_.vocabulary, s.vocabulary);
    cut_outputs(file.sources.head, whole_.vocabulary, s.vocabulary);
    for (Layer& layer : file.sources.layers) {
      cut_attention(layer);
      cut_hidden(layer.ffn, whole_.ffn_dim, s.ffn, s.rank);
      cut_experts(layer);
    }
  }

 private:
  bool by_expert() const { return s.experts.count < whole_.experts.count; }

  void set_sizes(ModelConfig& c) const {
    c.heads = uint32_t(s.heads.count);
    c.kv_heads = uint32_t(s.kv_heads.count);
    c.ffn_dim = uint32_t(s.ffn.count);
    c.vocabulary = uint32_t(s.vocabulary.count);
    if (c.has_experts()) c.experts.dim = uint32_t(s.expert_dim.count);
    if (c.experts.shared_dim > 0) c.experts.shared_dim = uint32_t(s.shared.count);
    c.shard.rank = s.rank;
    c.shard.ranks = s.ranks;
    for (const Shard& each : shards_)
      c.shard.word_borders.push_back(uint32_t(each.vocabulary.first));
    c.shard.word_borders.push_back(whole_.vocabulary);
    c.shard.query_dim = whole_.query_dim();
    c.shard.kv_dim = whole_.kv_dim();
    c.shard.first_replica = s.first_replica;
    if (!by_expert()) return;
    c.shard.first_expert = uint32_t(s.experts.first);
    c.shard.held_experts = uint32_t(s.experts.count);
  }

  ShardRange elements(const ShardRange& heads) const {
    return {heads.first * whole_.head_dim, heads.count * whole_.head_dim};
  }

  void cut_attention(Layer& layer) const {
    const ShardRange queries = elements(s.heads), keys = elements(s.kv_heads);
    cut_outputs(layer.query, whole_.query_dim(), queries);
    cut_outputs(layer.key, whole_.kv_dim(), keys);
    cut_outputs(layer.value, whole_.kv_dim(), keys);
    cut_inputs(layer.output, whole_.query_dim(), queries, s.rank);
    cut_rows(layer.sinks, whole_.heads, s.heads);
    if (whole_.qk_norm != QkNorm::kWhole) return;
    cut_rows(layer.query_norm.weight, whole_.query_dim(), queries);
    cut_rows(layer.key_norm.weight, whole_.kv_dim(), keys);
  }

  void cut_experts(Layer& layer) const {
    if (by_expert()) {
      for (Linear* const linear : {&layer.experts.gate, &layer.experts.up, &layer.experts.down})
        cut_stack(*linear, whole_.experts.count, s.experts);
    } else {
      cut_hidden(layer.experts, whole_.experts.dim, s.expert_dim, s.rank);
    }
    cut_hidden(layer.shared, whole_.experts.shared_dim, s.shared, s.rank);
  }

  const ModelConfig& whole_;
  const std::vector<Shard>& shards_;
  const Shard& s;
};

}  // namespace

ShardShape shard_shape(const Checkpoint& checkpoint, const ModelFile& file) {
  const ModelConfig& c = file.config;
  ShardShape shape{.heads = c.heads,
                   .kv_heads = c.kv_heads,
                   .head_dim = c.head_dim,
                   .ffn_dim = c.has_dense_layer() ? c.ffn_dim : 0,
                   .vocabulary = c.vocabulary,
                   .experts = c.experts.count,
                   .expert_dim = c.experts.dim,
                   .shared_dim = c.experts.shared_dim};
  // Blocks of 1, 32 and 256: the largest is a multiple of the others.
  const auto raise = [&](uint32_t& block, const Linear& linear) {
    block = std::max(block, block_of(checkpoint, linear.weight));
  };
  for (const Layer& layer : file.sources.layers) {
    raise(shape.output_block, layer.output);
    raise(shape.ffn_block, layer.ffn.down);
    raise(shape.expert_block, layer.experts.down);
    raise(shape.shared_block, layer.shared.down);
  }
  return shape;
}

Result<ModelFile> shard_model(const Checkpoint& checkpoint, const ModelFile& file, int rank,
                              int ranks) {
  const ModelConfig& c = file.config;
  if (ranks == 1) return file;
  if (c.qk_norm == QkNorm::kWhole && c.norm != kernels::NormKind::kRms) {
    return Status(Code::kUnsupported,
                  checkpoint.path() + ": layer norms over all heads cannot be divided among ranks");
  }
  const Result<std::vector<Shard>> shards = plan_shards(shard_shape(checkpoint, file), ranks);
  if (!shards.ok()) {
    return Status(shards.status().code(), checkpoint.path() + ": " + shards.status().message());
  }
  ModelFile part = file;
  Cutter(c, *shards, rank).cut(part);
  return part;
}

}  // namespace llmos
