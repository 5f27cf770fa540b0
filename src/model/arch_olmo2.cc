// SPDX-License-Identifier: Apache-2.0
// olmo2: Llama's form with norms only behind each part, and one norm over all heads of the queries
// and one over all heads of the keys.
#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

void set_olmo2(ModelConfig& c) {
  c.pre_norm = false;
  c.post_norm = true;
  c.qk_norm = QkNorm::kWhole;
}

void read_olmo2_gguf(ModelReader& r) {
  set_olmo2(r.config);
  read_gguf_config(r);
  name_gguf_parts(r);
}

void read_olmo2_hf(ModelReader& r) {
  set_olmo2(r.config);
  read_hf_config(r, {.norm_epsilon_value = 1e-5});
  r.config.qkv_bias = r.config.output_bias = r.keys.boolean_or("attention_bias", false);
  name_hf_parts(r);
  const std::string model = hf_prefix(r, "model.", "embed_tokens.weight");
  for (size_t i = 0; i < r.sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".";
    ModelSources::Layer& layer = r.sources.layers[i];
    layer.attention_post_norm.weight = prefix + "post_attention_layernorm.weight";
    layer.ffn_post_norm.weight = prefix + "post_feedforward_layernorm.weight";
  }
}

constexpr std::string_view kOlmo2Types[] = {"olmo2"};

}  // namespace

constinit const Architecture kOlmo2Architecture{"olmo2", kOlmo2Types, read_olmo2_gguf,
                                                read_olmo2_hf};

}  // namespace llmos
