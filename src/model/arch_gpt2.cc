// SPDX-License-Identifier: Apache-2.0
// gpt2: learned positions, layer norms, biases everywhere, a plain GELU feed-forward part. Hugging
// Face stores its matrices transposed ("Conv1D"), GGUF like all others.
#include <cmath>

#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

void set_gpt2(ModelConfig& c) {
  c.norm = kernels::NormKind::kLayer;
  c.norm_bias = true;
  c.gated = false;
  c.activation = kernels::Activation::kGeluTanh;
}

void finish_gpt2(ModelConfig& c) {
  c.learned_positions = c.context;
  c.rope = {};
  c.qkv_bias = c.output_bias = c.ffn_bias = true;
  for (LayerConfig& layer : c.layers) layer.rope = LayerConfig::Rope::kNone;
}

void read_gpt2_gguf(ModelReader& r) {
  set_gpt2(r.config);
  read_gguf_config(r);
  finish_gpt2(r.config);
  name_gguf_parts(r);
}

void read_sizes(ModelReader& r) {
  ModelConfig& c = r.config;
  c.layers.resize(r.keys.natural("n_layer", kLayersMax));
  c.dim = r.keys.natural("n_embd", kDimMax);
  c.heads = c.kv_heads = r.keys.natural("n_head", kHeadsMax);
  r.keys.expect(c.heads == 0 || c.dim % c.heads == 0, "n_head", "a divisor of n_embd");
  if (!r.keys.ok()) return;
  c.head_dim = c.dim / c.heads;
  c.ffn_dim = r.keys.natural_or("n_inner", kDimMax, 4 * c.dim);
  c.vocabulary = r.keys.natural("vocab_size", kVocabularyMax);
  c.context = r.keys.natural("n_positions", kContextMax);
  c.tied_head = r.keys.boolean_or("tie_word_embeddings", true);
  c.norm_epsilon = float(r.keys.number_or("layer_norm_epsilon", 1e-5));
  const bool scaled = r.keys.boolean_or("scale_attn_weights", true);
  c.attention_scale = scaled ? 1 / std::sqrt(float(c.head_dim)) : 1;
  const bool by_layer = r.keys.boolean_or("scale_attn_by_inverse_layer_idx", false);
  r.keys.expect(!by_layer, "scale_attn_by_inverse_layer_idx", "false");
}

TensorSource transposed(std::string name) {
  TensorSource source(std::move(name));
  source.transposed = true;
  return source;
}

void name_linear(const std::string& name, ModelSources::Linear& linear) {
  linear.weight = transposed(name + ".weight");
  linear.bias = name + ".bias";
}

void name_parts(ModelReader& r) {
  ModelSources& sources = r.sources;
  const ModelConfig& c = r.config;
  const std::string model = hf_prefix(r, "transformer.", "wte.weight");
  sources.embedding = model + "wte.weight";
  sources.positions = model + "wpe.weight";
  sources.output_norm = {model + "ln_f.weight", model + "ln_f.bias"};
  sources.head.weight = "lm_head.weight";
  sources.layers.resize(c.layers.size());
  for (size_t i = 0; i < sources.layers.size(); ++i) {
    const std::string prefix = model + "h." + std::to_string(i) + ".";
    ModelSources::Layer& layer = sources.layers[i];
    layer.attention_norm = {prefix + "ln_1.weight", prefix + "ln_1.bias"};
    divide_rows(prefix + "attn.c_attn",
                {{c.dim, &layer.query}, {c.dim, &layer.key}, {c.dim, &layer.value}});
    for (ModelSources::Linear* part : {&layer.query, &layer.key, &layer.value})
      part->weight.transposed = true;
    name_linear(prefix + "attn.c_proj", layer.output);
    layer.ffn_norm = {prefix + "ln_2.weight", prefix + "ln_2.bias"};
    name_linear(prefix + "mlp.c_fc", layer.ffn.up);
    name_linear(prefix + "mlp.c_proj", layer.ffn.down);
  }
}

void read_gpt2_hf(ModelReader& r) {
  set_gpt2(r.config);
  read_sizes(r);
  r.config.activation = hf_activation(r, "activation_function", "gelu_new");
  if (!r.keys.ok()) return;
  finish_gpt2(r.config);
  name_parts(r);
}

constexpr std::string_view kGpt2Types[] = {"gpt2"};

}  // namespace

constinit const Architecture kGpt2Architecture{"gpt2", kGpt2Types, read_gpt2_gguf, read_gpt2_hf};

}  // namespace llmos
