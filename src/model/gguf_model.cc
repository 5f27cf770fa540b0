// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_model.h"

#include <cmath>
#include <utility>

#include "base/text.h"
#include "model/rope.h"
#include "model/small_tensor.h"

namespace llmos {
namespace {

void read_sizes(ModelReader& r) {
  ModelConfig& c = r.config;
  c.layers.resize(r.keys.natural("block_count", kLayersMax));
  c.dim = r.keys.natural("embedding_length", kDimMax);
  c.heads = r.keys.natural("attention.head_count", kHeadsMax);
  c.kv_heads = r.keys.natural_or("attention.head_count_kv", kHeadsMax, c.heads);
  if (!r.keys.has("attention.key_length")) {
    r.keys.expect(c.heads == 0 || c.dim % c.heads == 0, "attention.head_count",
                  "a divisor of embedding_length, or attention.key_length");
  }
  const uint32_t usual_head = c.heads == 0 ? 0 : c.dim / c.heads;
  c.head_dim = r.keys.natural_or("attention.key_length", kHeadDimMax, usual_head);
  const uint32_t value = r.keys.natural_or("attention.value_length", kHeadDimMax, c.head_dim);
  r.keys.expect(value == c.head_dim, "attention.value_length", "the same as attention.key_length");
  c.ffn_dim = r.keys.natural_or("feed_forward_length", kDimMax, 0);
  c.context = r.keys.natural("context_length", kContextMax);
  c.attention_scale =
      float(r.keys.number_or("attention.scale", c.head_dim ? 1 / std::sqrt(c.head_dim) : 0));
  c.norm_epsilon =
      float(r.keys.number(c.norm == kernels::NormKind::kRms ? "attention.layer_norm_rms_epsilon"
                                                            : "attention.layer_norm_epsilon"));
}

// The vocabulary has as many words as the embedding has rows.
void read_vocabulary(ModelReader& r) {
  const TensorInfo* const embedding = r.checkpoint.find("token_embd.weight");
  if (!embedding || embedding->shape.dimensions() != 2) {
    return r.keys.fail(
        Status(Code::kCorrupt, "tensor token_embd.weight: expected a matrix [vocabulary, " +
                                   std::to_string(r.config.dim) + "], found " +
                                   (embedding ? embedding->shape.to_string() : "nothing")));
  }
  if (embedding->shape[0] > kVocabularyMax) {
    return r.keys.fail(
        Status(Code::kInvalid, (Text() << "tensor token_embd.weight: expected at most "
                                       << kVocabularyMax << " rows, found " << embedding->shape[0])
                                   .str()));
  }
  r.config.vocabulary = uint32_t(embedding->shape[0]);
  r.config.tied_head = !r.has("output.weight");
}

// A tensor of one factor per pair.
std::vector<float> read_factors(ModelReader& r, std::string_view name) {
  auto values = read_small_tensor(r.checkpoint, name, r.config.rope.rotary / 2);
  if (values.ok()) return *std::move(values);
  r.keys.fail(values.status());
  return {};
}

void read_long_rope(ModelReader& r) {
  RopeConfig& rope = r.config.rope;
  rope.scaling = RopeScaling::kLongRope;
  rope.factors = read_factors(r, "rope_factors_short.weight");
  rope.long_factors = read_factors(r, "rope_factors_long.weight");
  rope.factor = 1;
  rope.magnitude = float(r.keys.number_or(
      "rope.scaling.attn_factor",
      long_rope_magnitude(r.config.context / rope.original_context, rope.original_context)));
}

void read_scaling(ModelReader& r) {
  RopeConfig& rope = r.config.rope;
  const std::string kind = r.keys.string_or("rope.scaling.type", "none");
  rope.factor = r.keys.number_or("rope.scaling.factor", r.keys.number_or("rope.scale_linear", 1));
  rope.original_context =
      r.keys.natural_or("rope.scaling.original_context_length", kContextMax, r.config.context);
  if (r.has("rope_factors_long.weight")) return read_long_rope(r);
  const double magnitude = r.keys.number_or("rope.scaling.attn_factor", 1);
  if (kind == "yarn") {
    rope.scaling = RopeScaling::kYarn;
    rope.beta_fast = r.keys.number_or("rope.scaling.yarn_beta_fast", 32);
    rope.beta_slow = r.keys.number_or("rope.scaling.yarn_beta_slow", 1);
    rope.magnitude = float(magnitude * yarn_magnitude(rope.factor));
  } else if (r.has("rope_freqs.weight")) {
    rope.scaling = RopeScaling::kFactors;
    rope.factors = read_factors(r, "rope_freqs.weight");
    for (float& factor : rope.factors) factor *= float(rope.factor);
  } else if (kind == "linear" || (kind == "none" && rope.factor != 1)) {
    rope.scaling = RopeScaling::kLinear;
  } else {
    r.keys.expect(kind == "none" || kind == "longrope", "rope.scaling.type",
                  "one of none, linear, yarn, longrope");
  }
}

void read_experts(ModelReader& r) {
  ExpertsConfig& e = r.config.experts;
  e.count = r.keys.natural_or("expert_count", kExpertsMax, 0);
  if (e.count == 0) return;
  e.chosen = r.keys.natural("expert_used_count", kExpertsMax);
  e.dim = r.keys.natural_or("expert_feed_forward_length", kDimMax, r.config.ffn_dim);
  e.scale = float(r.keys.number_or("expert_weights_scale", 1));
  if (e.scale == 0) e.scale = 1;  // as some writers say "none"
  e.router_bias = r.has("blk.0.ffn_gate_inp.bias");
  e.bias = r.has("blk.0.ffn_up_exps.bias");
}

void name_linear(const std::string& name, ModelSources::Linear& linear) {
  linear.weight = name + ".weight";
  linear.bias = name + ".bias";
}

using Layer = ModelSources::Layer;

void name_attention(const ModelReader& r, const std::string& prefix, Layer& layer) {
  const ModelConfig& c = r.config;
  if (r.has(prefix + "attn_qkv.weight")) {
    divide_rows(
        prefix + "attn_qkv",
        {{c.query_dim(), &layer.query}, {c.kv_dim(), &layer.key}, {c.kv_dim(), &layer.value}});
  } else {
    name_linear(prefix + "attn_q", layer.query);
    name_linear(prefix + "attn_k", layer.key);
    name_linear(prefix + "attn_v", layer.value);
  }
  layer.query_norm.weight = prefix + "attn_q_norm.weight";
  layer.key_norm.weight = prefix + "attn_k_norm.weight";
  layer.sinks = prefix + "attn_sinks.weight";
  name_linear(prefix + "attn_output", layer.output);
}

void name_feed_forward(const ModelReader& r, const std::string& prefix, Layer& layer) {
  if (r.config.gated && !r.has(prefix + "ffn_gate.weight")) {
    divide_rows(prefix + "ffn_up",
                {{r.config.ffn_dim, &layer.ffn.gate}, {r.config.ffn_dim, &layer.ffn.up}});
  } else {
    name_linear(prefix + "ffn_gate", layer.ffn.gate);
    name_linear(prefix + "ffn_up", layer.ffn.up);
  }
  name_linear(prefix + "ffn_down", layer.ffn.down);
}

void name_experts(const ModelReader& r, const std::string& prefix, Layer& layer) {
  name_linear(prefix + "ffn_gate_inp", layer.router);
  // Old files keep every expert in a tensor of its own.
  const bool stacked = !r.has(prefix + "ffn_up.0.weight");
  name_linear(prefix + (stacked ? "ffn_gate_exps" : "ffn_gate.{}"), layer.experts.gate);
  name_linear(prefix + (stacked ? "ffn_up_exps" : "ffn_up.{}"), layer.experts.up);
  name_linear(prefix + (stacked ? "ffn_down_exps" : "ffn_down.{}"), layer.experts.down);
  name_linear(prefix + "ffn_gate_shexp", layer.shared.gate);
  name_linear(prefix + "ffn_up_shexp", layer.shared.up);
  name_linear(prefix + "ffn_down_shexp", layer.shared.down);
  name_linear(prefix + "ffn_gate_inp_shexp", layer.shared_gate);
}

void name_norm(const std::string& name, ModelSources::Norm& norm) {
  norm.weight = name + ".weight";
  norm.bias = name + ".bias";
}

}  // namespace

Json gguf_keys(const Checkpoint& checkpoint, std::string_view prefix) {
  Json result = Json::object();
  for (const GgufEntry& entry : checkpoint.metadata().entries()) {
    const std::string_view key = entry.key;
    if (key.size() <= prefix.size() || !key.starts_with(prefix) || key[prefix.size()] != '.')
      continue;
    if (entry.is_array() && entry.count > kLayersMax) continue;
    result.set(std::string(key.substr(prefix.size() + 1)), gguf_value_json(entry, kLayersMax));
  }
  return result;
}

void read_gguf_config(ModelReader& r) {
  read_sizes(r);
  if (!r.keys.ok()) return;
  read_vocabulary(r);
  ModelConfig& c = r.config;
  c.rope.rotary = r.keys.natural_or("rope.dimension_count", kHeadDimMax, c.head_dim);
  c.rope.theta = r.keys.number_or("rope.freq_base", 10000);
  if (r.keys.ok()) read_scaling(r);
  read_experts(r);
  c.qkv_bias = r.has("blk.0.attn_q.bias") || r.has("blk.0.attn_qkv.bias");
  c.output_bias = r.has("blk.0.attn_output.bias");
  c.ffn_bias = r.has("blk.0.ffn_up.bias");
  for (LayerConfig& layer : c.layers) layer.experts = c.has_experts();
}

void read_gguf_windows(ModelReader& r, uint32_t usual_window, uint32_t period) {
  constexpr std::string_view kPattern = "attention.sliding_window_pattern";
  const uint32_t window = r.keys.natural_or("attention.sliding_window", kContextMax, usual_window);
  std::vector<double> listed;
  if (r.keys.is_list(kPattern)) {
    listed = r.keys.numbers(kPattern, kLayersMax);
    r.keys.expect(listed.size() >= r.config.layers.size(), kPattern, "a value for each layer");
  } else {
    period = r.keys.natural_or(kPattern, kLayersMax, period);
  }
  if (!r.keys.ok()) return;
  for (uint32_t i = 0; i < r.config.layers.size(); ++i) {
    const bool slides = listed.empty() ? period == 0 || i % period != period - 1 : listed[i] != 0;
    r.config.layers[i].window = slides ? window : 0;
  }
}

void name_gguf_parts(ModelReader& r) {
  ModelSources& sources = r.sources;
  sources.embedding = "token_embd.weight";
  sources.positions = "position_embd.weight";
  name_norm("output_norm", sources.output_norm);
  name_linear("output", sources.head);
  sources.layers.resize(r.config.layers.size());
  for (size_t i = 0; i < sources.layers.size(); ++i) {
    const std::string prefix = "blk." + std::to_string(i) + ".";
    Layer& layer = sources.layers[i];
    name_norm(prefix + "attn_norm", layer.attention_norm);
    name_norm(prefix + "post_attention_norm", layer.attention_post_norm);
    name_norm(prefix + "ffn_norm", layer.ffn_norm);
    name_norm(prefix + "post_ffw_norm", layer.ffn_post_norm);
    name_attention(r, prefix, layer);
    if (r.config.layers[i].experts) {
      name_experts(r, prefix, layer);
    } else {
      name_feed_forward(r, prefix, layer);
    }
  }
}

}  // namespace llmos
