// SPDX-License-Identifier: Apache-2.0
// The Llama family: rotary positions, RMS norms before each part, a gated feed-forward part.
//
//   llama      the plain form; Llama 3 stretches its rotary positions
//   mistral    windows on all layers;  mixtral  experts as well      (GGUF calls both llama)
//   smollm3    every fourth layer has no positions
//   granite    multipliers on embedding, residuals, attention and logits
//
// GGUF files of this family have the rows of queries and keys permuted so that pairs stand side by
// side: there rotary positions are interleaved.
#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

void set_windows(ModelReader& r, uint32_t window) {
  for (LayerConfig& layer : r.config.layers) layer.window = window;
}

void read_biases(ModelReader& r) {
  ModelConfig& c = r.config;
  c.qkv_bias = c.output_bias = r.keys.boolean_or("attention_bias", false);
  c.ffn_bias = r.keys.boolean_or("mlp_bias", false);
}

void read_llama_gguf(ModelReader& r) {
  r.config.rope.interleaved = true;
  read_gguf_config(r);
  set_windows(r, r.keys.natural_or("attention.sliding_window", kContextMax, 0));
  name_gguf_parts(r);
}

// mixtral: experts w1 (gate), w3 (up) and w2 (down).
void read_mixtral_experts(ModelReader& r) {
  ModelConfig& c = r.config;
  c.experts.count = r.keys.natural("num_local_experts", kExpertsMax);
  c.experts.chosen = r.keys.natural("num_experts_per_tok", kExpertsMax);
  c.experts.dim = c.ffn_dim;
  for (LayerConfig& layer : c.layers) layer.experts = true;
  const std::string model = hf_prefix(r, "model.", "embed_tokens.weight");
  for (size_t i = 0; i < r.sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".block_sparse_moe.";
    ModelSources::Layer& layer = r.sources.layers[i];
    layer.router.weight = prefix + "gate.weight";
    layer.experts.gate.weight = prefix + "experts.{}.w1.weight";
    layer.experts.up.weight = prefix + "experts.{}.w3.weight";
    layer.experts.down.weight = prefix + "experts.{}.w2.weight";
  }
}

void read_llama_hf(ModelReader& r) {
  const std::string type = r.keys.string_or("model_type", "");
  read_hf_config(r, {.norm_epsilon_value = type == "mixtral" ? 1e-5 : 1e-6});
  name_hf_parts(r);
  if (type == "llama") read_biases(r);
  if (type != "llama") set_windows(r, r.keys.natural_or("sliding_window", kContextMax, 0));
  if (type == "mixtral") read_mixtral_experts(r);
}

void read_smollm3_gguf(ModelReader& r) {
  constexpr uint32_t kInterval = 4;  // the model's only published one; the file has no key for it
  r.config.rope.interleaved = true;
  read_gguf_config(r);
  for (uint32_t i = kInterval - 1; i < r.config.layers.size(); i += kInterval)
    r.config.layers[i].rope = LayerConfig::Rope::kNone;
  name_gguf_parts(r);
}

void read_smollm3_hf(ModelReader& r) {
  read_hf_config(r, {.tied_head = true});
  read_biases(r);
  const uint32_t interval = r.keys.natural_or("no_rope_layer_interval", kLayersMax, 4);
  r.keys.expect(interval > 0, "no_rope_layer_interval", "at least 1");
  const std::vector<double> turns = r.keys.numbers("no_rope_layers", kLayersMax);  // 1: it turns
  const bool listed = r.keys.has("no_rope_layers");
  r.keys.expect(!listed || turns.size() == r.config.layers.size(), "no_rope_layers",
                "one number for each layer");
  if (!r.keys.ok()) return;
  const bool sliding = r.keys.boolean_or("use_sliding_window", false);
  const uint32_t window = sliding ? r.keys.natural_or("sliding_window", kContextMax, 0) : 0;
  for (uint32_t i = 0; i < r.config.layers.size(); ++i) {
    LayerConfig& layer = r.config.layers[i];
    const bool rope = listed ? turns[i] != 0 : (i + 1) % interval != 0;
    layer.rope = rope ? LayerConfig::Rope::kGlobal : LayerConfig::Rope::kNone;
    layer.window = rope ? 0 : window;
  }
  if (r.keys.has("layer_types")) read_hf_windows(r, window, nullptr);
  name_hf_parts(r);
}

void read_granite_gguf(ModelReader& r) {
  ModelConfig& c = r.config;
  c.rope.interleaved = true;
  read_gguf_config(r);
  c.embedding_scale = float(r.keys.number_or("embedding_scale", 1));
  c.residual_scale = float(r.keys.number_or("residual_scale", 1));
  c.logit_scale = float(1 / r.keys.number_or("logit_scale", 1));
  name_gguf_parts(r);
}

void read_granite_hf(ModelReader& r) {
  ModelConfig& c = r.config;
  read_hf_config(r);
  read_biases(r);
  c.embedding_scale = float(r.keys.number_or("embedding_multiplier", 1));
  c.residual_scale = float(r.keys.number_or("residual_multiplier", 1));
  c.logit_scale = float(1 / r.keys.number_or("logits_scaling", 1));
  c.attention_scale = float(r.keys.number_or("attention_multiplier", 1));
  name_hf_parts(r);
}

constexpr std::string_view kLlamaTypes[] = {"llama", "mistral", "mixtral"};
constexpr std::string_view kSmollm3Types[] = {"smollm3"};
constexpr std::string_view kGraniteTypes[] = {"granite"};

}  // namespace

constinit const Architecture kLlamaArchitecture{"llama", kLlamaTypes, read_llama_gguf,
                                                read_llama_hf};
constinit const Architecture kSmollm3Architecture{"smollm3", kSmollm3Types, read_smollm3_gguf,
                                                  read_smollm3_hf};
constinit const Architecture kGraniteArchitecture{"granite", kGraniteTypes, read_granite_gguf,
                                                  read_granite_hf};

}  // namespace llmos
