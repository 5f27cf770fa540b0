// SPDX-License-Identifier: Apache-2.0
#include "model/hf_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.h"
#include "model/rope.h"

namespace llmos {
namespace {

void read_sizes(ModelReader& r, const HfDefaults& defaults) {
  ModelConfig& c = r.config;
  c.layers.resize(r.keys.natural("num_hidden_layers", kLayersMax));
  c.dim = r.keys.natural("hidden_size", kDimMax);
  c.heads = r.keys.natural("num_attention_heads", kHeadsMax);
  c.kv_heads = r.keys.natural_or("num_key_value_heads", kHeadsMax, c.heads);
  if (!r.keys.has("head_dim")) {
    r.keys.expect(c.heads == 0 || c.dim % c.heads == 0, "num_attention_heads",
                  "a divisor of hidden_size, or head_dim");
  }
  const uint32_t usual_head = c.heads == 0 ? 0 : c.dim / c.heads;
  c.head_dim = r.keys.natural_or("head_dim", kHeadDimMax, usual_head);
  c.ffn_dim = r.keys.natural_or("intermediate_size", kDimMax, 0);
  c.vocabulary = r.keys.natural("vocab_size", kVocabularyMax);
  c.context = r.keys.natural("max_position_embeddings", kContextMax);
  c.tied_head = r.keys.boolean_or("tie_word_embeddings", defaults.tied_head);
  c.attention_scale = c.head_dim ? 1 / std::sqrt(float(c.head_dim)) : 0;
  c.norm_epsilon = float(r.keys.number_or(defaults.norm_epsilon, defaults.norm_epsilon_value));
}

void read_llama3_scaling(Fields& keys, RopeConfig& rope) {
  rope.scaling = RopeScaling::kLlama3;
  rope.factor = keys.number("factor");
  rope.low_frequency_factor = keys.number("low_freq_factor");
  rope.high_frequency_factor = keys.number("high_freq_factor");
  rope.original_context = keys.number("original_max_position_embeddings");
}

void read_yarn_scaling(Fields& keys, uint32_t context, RopeConfig& rope) {
  rope.scaling = RopeScaling::kYarn;
  rope.factor = keys.number("factor");
  rope.original_context = keys.number_or("original_max_position_embeddings", context);
  rope.beta_fast = keys.number_or("beta_fast", 32);
  rope.beta_slow = keys.number_or("beta_slow", 1);
  rope.truncate = keys.boolean_or("truncate", true);
  const double all = keys.number_or("mscale_all_dim", 0), one = keys.number_or("mscale", 0);
  const double usual = all != 0 && one != 0
                           ? yarn_magnitude(rope.factor, one) / yarn_magnitude(rope.factor, all)
                           : yarn_magnitude(rope.factor);
  rope.magnitude = float(keys.number_or("attention_factor", usual));
}

std::vector<float> floats(const std::vector<double>& values) {
  return std::vector<float>(values.begin(), values.end());
}

void read_long_rope(ModelReader& r, Fields& keys, RopeConfig& rope) {
  rope.scaling = RopeScaling::kLongRope;
  rope.factors = floats(keys.numbers("short_factor", kHeadDimMax));
  rope.long_factors = floats(keys.numbers("long_factor", kHeadDimMax));
  const double context = r.config.context;
  rope.original_context =
      r.keys.number_or("original_max_position_embeddings",
                       keys.number_or("original_max_position_embeddings", context));
  const double stretch = r.keys.has("original_max_position_embeddings")
                             ? context / rope.original_context
                             : keys.number_or("factor", context / rope.original_context);
  rope.magnitude = float(
      keys.number_or("attention_factor", long_rope_magnitude(stretch, rope.original_context)));
}

void read_scaling(ModelReader& r, Fields& keys, RopeConfig& rope) {
  const std::string kind = keys.string_or("rope_type", keys.string_or("type", "default"));
  if (kind == "default") return;
  if (kind == "linear") {
    rope.scaling = RopeScaling::kLinear;
    rope.factor = keys.number("factor");
  } else if (kind == "llama3") {
    read_llama3_scaling(keys, rope);
  } else if (kind == "yarn") {
    read_yarn_scaling(keys, r.config.context, rope);
  } else if (kind == "longrope" || kind == "su") {
    read_long_rope(r, keys, rope);
  } else {
    keys.expect(false, keys.has("rope_type") ? "rope_type" : "type",
                "one of default, linear, llama3, yarn, longrope");
  }
}

void read_rope(ModelReader& r) {
  RopeConfig& rope = r.config.rope;
  // The newer form has everything in one object.
  Fields keys = r.keys.inner(r.keys.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
  rope.theta = keys.number_or("rope_theta", r.keys.number_or("rope_theta", 10000));
  const double share =
      keys.number_or("partial_rotary_factor", r.keys.number_or("partial_rotary_factor", 1));
  r.keys.expect(share > 0 && share <= 1, "partial_rotary_factor", "a number from 0 to 1");
  if (r.keys.ok()) rope.rotary = uint32_t(r.config.head_dim * share);
  if (r.keys.ok()) read_scaling(r, keys, rope);
  r.keys.absorb(keys);
}

void name_linear(const std::string& name, ModelSources::Linear& linear) {
  linear.weight = name + ".weight";
  linear.bias = name + ".bias";
}

}  // namespace

kernels::Activation hf_activation(ModelReader& r, std::string_view key,
                                  std::string_view otherwise) {
  const std::string name = r.keys.string_or(key, otherwise);
  if (name == "silu" || name == "swish") return kernels::Activation::kSilu;
  if (name == "gelu") return kernels::Activation::kGelu;
  if (name == "gelu_new" || name == "gelu_fast" || name == "gelu_pytorch_tanh")
    return kernels::Activation::kGeluTanh;
  if (name == "relu") return kernels::Activation::kRelu;
  r.keys.expect(false, key, "one of silu, gelu, gelu_new, gelu_pytorch_tanh, relu");
  return kernels::Activation::kSilu;
}

void read_hf_config(ModelReader& r, const HfDefaults& defaults) {
  read_sizes(r, defaults);
  if (!r.keys.ok()) return;
  r.config.activation = hf_activation(r, defaults.activation, "silu");
  read_rope(r);
}

void read_hf_windows(ModelReader& r, uint32_t window, bool (*sliding)(uint32_t layer)) {
  if (!r.keys.ok()) return;
  const std::vector<std::string> kinds = r.keys.strings("layer_types", kLayersMax);
  std::vector<LayerConfig>& layers = r.config.layers;
  const bool listed = r.keys.has("layer_types");
  r.keys.expect(!listed || kinds.size() == layers.size(), "layer_types", "one kind for each layer");
  for (uint32_t i = 0; i < layers.size() && r.keys.ok(); ++i) {
    if (listed) {
      const bool known = kinds[i] == "sliding_attention" || kinds[i] == "full_attention";
      r.keys.expect(known, "layer_types", "sliding_attention or full_attention only");
    }
    const bool slides = listed ? kinds[i] == "sliding_attention" : sliding(i);
    layers[i].window = slides ? window : 0;
  }
}

std::string hf_prefix(const ModelReader& r, std::string_view prefix, std::string_view probe) {
  return r.has(std::string(prefix) + std::string(probe)) || !r.has(probe) ? std::string(prefix)
                                                                          : std::string();
}

void name_hf_parts(ModelReader& r) {
  ModelSources& sources = r.sources;
  const std::string model = hf_prefix(r, "model.", "embed_tokens.weight");
  sources.embedding = model + "embed_tokens.weight";
  sources.output_norm = {model + "norm.weight", model + "norm.bias"};
  sources.head.weight = "lm_head.weight";
  sources.layers.resize(r.config.layers.size());
  for (size_t i = 0; i < sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".";
    ModelSources::Layer& layer = sources.layers[i];
    layer.attention_norm = {prefix + "input_layernorm.weight", prefix + "input_layernorm.bias"};
    name_linear(prefix + "self_attn.q_proj", layer.query);
    name_linear(prefix + "self_attn.k_proj", layer.key);
    name_linear(prefix + "self_attn.v_proj", layer.value);
    layer.query_norm.weight = prefix + "self_attn.q_norm.weight";
    layer.key_norm.weight = prefix + "self_attn.k_norm.weight";
    layer.sinks = prefix + "self_attn.sinks";
    name_linear(prefix + "self_attn.o_proj", layer.output);
    layer.ffn_norm = {prefix + "post_attention_layernorm.weight",
                      prefix + "post_attention_layernorm.bias"};
    name_linear(prefix + "mlp.gate_proj", layer.ffn.gate);
    name_linear(prefix + "mlp.up_proj", layer.ffn.up);
    name_linear(prefix + "mlp.down_proj", layer.ffn.down);
  }
}

}  // namespace llmos
