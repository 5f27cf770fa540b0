// SPDX-License-Identifier: Apache-2.0
// phi3: Llama's form with fused tensors (query-key-value, gate-up), rotary positions on a part of
// each head in later models, and long-rope in those with long contexts.
#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

void set_windows(ModelReader& r, std::string_view key) {
  const uint32_t window = r.keys.natural_or(key, kContextMax, 0);
  for (LayerConfig& layer : r.config.layers) layer.window = window;
}

void read_phi3_gguf(ModelReader& r) {
  read_gguf_config(r);
  set_windows(r, "attention.sliding_window");
  name_gguf_parts(r);
}

void read_phi3_hf(ModelReader& r) {
  read_hf_config(r, {.norm_epsilon_value = 1e-5});
  set_windows(r, "sliding_window");
  name_hf_parts(r);
  const ModelConfig& c = r.config;
  const std::string model = hf_prefix(r, "model.", "embed_tokens.weight");
  for (size_t i = 0; i < r.sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".";
    ModelSources::Layer& layer = r.sources.layers[i];
    divide_rows(
        prefix + "self_attn.qkv_proj",
        {{c.query_dim(), &layer.query}, {c.kv_dim(), &layer.key}, {c.kv_dim(), &layer.value}});
    divide_rows(prefix + "mlp.gate_up_proj",
                {{c.ffn_dim, &layer.ffn.gate}, {c.ffn_dim, &layer.ffn.up}});
  }
}

constexpr std::string_view kPhi3Types[] = {"phi3"};

}  // namespace

constinit const Architecture kPhi3Architecture{"phi3", kPhi3Types, read_phi3_gguf, read_phi3_hf};

}  // namespace llmos
