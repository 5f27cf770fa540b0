// SPDX-License-Identifier: Apache-2.0
// starcoder2: rotary positions, layer norms, biases, a plain GELU feed-forward part, and a window.
#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

void set_starcoder2(ModelConfig& c) {
  c.norm = kernels::NormKind::kLayer;
  c.norm_bias = true;
  c.gated = false;
  c.activation = kernels::Activation::kGeluTanh;
}

void set_windows(ModelReader& r, std::string_view key) {
  const uint32_t window = r.keys.natural_or(key, kContextMax, 0);
  for (LayerConfig& layer : r.config.layers) layer.window = window;
}

void read_starcoder2_gguf(ModelReader& r) {
  set_starcoder2(r.config);
  read_gguf_config(r);
  set_windows(r, "attention.sliding_window");
  name_gguf_parts(r);
}

void read_starcoder2_hf(ModelReader& r) {
  ModelConfig& c = r.config;
  set_starcoder2(c);
  read_hf_config(r,
                 {.tied_head = true, .norm_epsilon = "norm_epsilon", .norm_epsilon_value = 1e-5});
  c.activation = hf_activation(r, "hidden_act", "gelu_pytorch_tanh");
  c.qkv_bias = c.output_bias = c.ffn_bias = r.keys.boolean_or("use_bias", true);
  set_windows(r, "sliding_window");
  name_hf_parts(r);
  const std::string model = hf_prefix(r, "model.", "embed_tokens.weight");
  for (size_t i = 0; i < r.sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".mlp.";
    ModelSources::Layer& layer = r.sources.layers[i];
    layer.ffn.up = {prefix + "c_fc.weight", prefix + "c_fc.bias"};
    layer.ffn.down = {prefix + "c_proj.weight", prefix + "c_proj.bias"};
  }
}

constexpr std::string_view kStarcoder2Types[] = {"starcoder2"};

}  // namespace

constinit const Architecture kStarcoder2Architecture{"starcoder2", kStarcoder2Types,
                                                     read_starcoder2_gguf, read_starcoder2_hf};

}  // namespace llmos
