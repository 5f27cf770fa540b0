// SPDX-License-Identifier: Apache-2.0
// gptneox (pythia): layer norms, biases, rotary positions on a part of each head, and attention and
// feed-forward side by side: both read the same x.
#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

void set_gptneox(ModelConfig& c) {
  c.norm = kernels::NormKind::kLayer;
  c.norm_bias = true;
  c.gated = false;
  c.activation = kernels::Activation::kGelu;
}

void read_gptneox_gguf(ModelReader& r) {
  set_gptneox(r.config);
  read_gguf_config(r);
  r.config.parallel_residual = r.keys.boolean_or("use_parallel_residual", true);
  name_gguf_parts(r);
}

void name_linear(const std::string& name, ModelSources::Linear& linear) {
  linear.weight = name + ".weight";
  linear.bias = name + ".bias";
}

// Each head's query, key and value rows stand together: [heads][query, key, value][head_dim].
void name_heads(const std::string& name, const ModelConfig& c, ModelSources::Layer& layer) {
  uint64_t first = 0;
  for (ModelSources::Linear* part : {&layer.query, &layer.key, &layer.value}) {
    const RowPick pick{.total = 3ull * c.query_dim(),
                       .first = first,
                       .run = c.head_dim,
                       .stride = 3ull * c.head_dim};
    part->weight = TensorSource(name + ".weight").picked(pick);
    part->bias = TensorSource(name + ".bias").picked(pick);
    first += c.head_dim;
  }
}

void name_parts(ModelReader& r) {
  ModelSources& sources = r.sources;
  const std::string model = hf_prefix(r, "gpt_neox.", "embed_in.weight");
  sources.embedding = model + "embed_in.weight";
  sources.output_norm = {model + "final_layer_norm.weight", model + "final_layer_norm.bias"};
  sources.head.weight = "embed_out.weight";
  sources.layers.resize(r.config.layers.size());
  for (size_t i = 0; i < sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".";
    ModelSources::Layer& layer = sources.layers[i];
    layer.attention_norm = {prefix + "input_layernorm.weight", prefix + "input_layernorm.bias"};
    name_heads(prefix + "attention.query_key_value", r.config, layer);
    name_linear(prefix + "attention.dense", layer.output);
    layer.ffn_norm = {prefix + "post_attention_layernorm.weight",
                      prefix + "post_attention_layernorm.bias"};
    name_linear(prefix + "mlp.dense_h_to_4h", layer.ffn.up);
    name_linear(prefix + "mlp.dense_4h_to_h", layer.ffn.down);
  }
}

void read_gptneox_hf(ModelReader& r) {
  ModelConfig& c = r.config;
  set_gptneox(c);
  read_hf_config(r, {.norm_epsilon = "layer_norm_eps", .norm_epsilon_value = 1e-5});
  c.activation = hf_activation(r, "hidden_act", "gelu");
  c.kv_heads = c.heads;
  // Newer files say rope_theta and partial_rotary_factor, which are read already.
  const double share = r.keys.number_or("rotary_pct", 0.25);
  r.keys.expect(share > 0 && share <= 1, "rotary_pct", "a number from 0 to 1");
  if (r.keys.ok() && !r.keys.has("partial_rotary_factor"))
    c.rope.rotary = uint32_t(c.head_dim * share);
  if (!r.keys.has("rope_theta")) c.rope.theta = r.keys.number_or("rotary_emb_base", 10000);
  c.parallel_residual = r.keys.boolean_or("use_parallel_residual", true);
  c.qkv_bias = c.output_bias = r.keys.boolean_or("attention_bias", true);
  c.ffn_bias = true;
  name_parts(r);
}

constexpr std::string_view kGptNeoxTypes[] = {"gpt_neox"};

}  // namespace

constinit const Architecture kGptNeoxArchitecture{"gptneox", kGptNeoxTypes, read_gptneox_gguf,
                                                  read_gptneox_hf};

}  // namespace llmos
