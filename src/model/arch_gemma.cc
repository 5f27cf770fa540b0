// SPDX-License-Identifier: Apache-2.0
// The Gemma family: the embedding is scaled by sqrt(dim), the head is tied, the gate is GELU. Norms
// multiply by 1 + weight; GGUF files have the 1 added already.
//
//   gemma    norms before each part
//   gemma2   norms behind as well, soft caps, every other layer slides
//   gemma3   norms of heads, five of six layers slide and turn by a local theta
#include <cmath>

#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

void set_gemma(ModelReader& r) {
  r.config.embedding_scale = std::sqrt(float(r.config.dim));
  r.config.activation = kernels::Activation::kGeluTanh;
}

bool even(uint32_t layer) { return layer % 2 == 0; }
bool not_every_sixth(uint32_t layer) { return layer % 6 != 5; }

// Layers that slide turn by their own theta, without scaling.
void set_local_rope(ModelReader& r, double theta) {
  r.config.local_rope = {.rotary = r.config.rope.rotary, .theta = theta};
  for (LayerConfig& layer : r.config.layers) {
    if (layer.window > 0) layer.rope = LayerConfig::Rope::kLocal;
  }
}

void read_gemma_gguf(ModelReader& r) {
  read_gguf_config(r);
  set_gemma(r);
  name_gguf_parts(r);
}

// The largest of a family scales q . k by dim / heads instead of the head's length. GGUF has no key
// for it: like other readers we know it by its layers.
void set_large_scale(ModelReader& r, uint32_t layers_of_largest) {
  ModelConfig& c = r.config;
  if (c.layer_count() == layers_of_largest && !r.keys.has("attention.scale") && c.heads > 0)
    c.attention_scale = 1 / std::sqrt(float(c.dim) / float(c.heads));
}

void read_gemma2_gguf(ModelReader& r) {
  constexpr uint32_t kLayersOf27B = 46;
  r.config.post_norm = true;
  read_gguf_config(r);
  set_gemma(r);
  set_large_scale(r, kLayersOf27B);
  r.config.attention_softcap = float(r.keys.number_or("attn_logit_softcapping", 50));
  r.config.logit_softcap = float(r.keys.number_or("final_logit_softcapping", 30));
  read_gguf_windows(r, 4096, 2);
  name_gguf_parts(r);
}

void read_gemma3_gguf(ModelReader& r) {
  constexpr uint32_t kLayersOf27B = 62;
  r.config.post_norm = true;
  r.config.qk_norm = QkNorm::kHead;
  read_gguf_config(r);
  set_gemma(r);
  set_large_scale(r, kLayersOf27B);
  r.config.logit_softcap = float(r.keys.number_or("final_logit_softcapping", 0));
  read_gguf_windows(r, 1024, 6);
  set_local_rope(r, r.keys.number_or("rope.freq_base_swa", 10000));
  name_gguf_parts(r);
}

// Every norm's weight is stored without the 1.
void add_one_to_norms(ModelSources& sources) {
  sources.output_norm.weight.add = 1;
  for (ModelSources::Layer& layer : sources.layers) {
    for (ModelSources::Norm* norm :
         {&layer.attention_norm, &layer.attention_post_norm, &layer.ffn_norm, &layer.ffn_post_norm,
          &layer.query_norm, &layer.key_norm}) {
      norm->weight.add = 1;
    }
  }
}

// gemma 2 and 3 call the norm before the feed-forward part by another name.
void name_post_norms(ModelReader& r) {
  const std::string model = hf_prefix(r, "model.", "embed_tokens.weight");
  for (size_t i = 0; i < r.sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".";
    ModelSources::Layer& layer = r.sources.layers[i];
    layer.attention_post_norm.weight = prefix + "post_attention_layernorm.weight";
    layer.ffn_norm.weight = prefix + "pre_feedforward_layernorm.weight";
    layer.ffn_post_norm.weight = prefix + "post_feedforward_layernorm.weight";
  }
}

void read_query_scale(ModelReader& r) {
  const double scalar = r.keys.number_or("query_pre_attn_scalar", 256);
  r.keys.expect(scalar > 0, "query_pre_attn_scalar", "a number above 0");
  if (r.keys.ok()) r.config.attention_scale = float(1 / std::sqrt(scalar));
}

void read_gemma_common(ModelReader& r, std::string_view activation) {
  read_hf_config(r, {.tied_head = true, .activation = activation});
  set_gemma(r);
  r.config.activation = hf_activation(r, activation, "gelu_pytorch_tanh");
  r.config.qkv_bias = r.config.output_bias = r.keys.boolean_or("attention_bias", false);
  name_hf_parts(r);
}

void read_gemma_hf(ModelReader& r) {
  read_gemma_common(r, "hidden_act");
  add_one_to_norms(r.sources);
}

void read_gemma2_hf(ModelReader& r) {
  read_gemma_common(r, "hidden_activation");
  r.config.post_norm = true;
  read_query_scale(r);
  r.config.attention_softcap = float(r.keys.number_or("attn_logit_softcapping", 0));
  r.config.logit_softcap = float(r.keys.number_or("final_logit_softcapping", 0));
  read_hf_windows(r, r.keys.natural_or("sliding_window", kContextMax, 4096), even);
  name_post_norms(r);
  add_one_to_norms(r.sources);
}

void read_gemma3_hf(ModelReader& r) {
  read_gemma_common(r, "hidden_activation");
  r.config.post_norm = true;
  r.config.qk_norm = QkNorm::kHead;
  read_query_scale(r);
  r.config.logit_softcap = float(r.keys.number_or("final_logit_softcapping", 0));
  read_hf_windows(r, r.keys.natural_or("sliding_window", kContextMax, 4096), not_every_sixth);
  set_local_rope(r, r.keys.number_or("rope_local_base_freq", 10000));
  name_post_norms(r);
  add_one_to_norms(r.sources);
}

constexpr std::string_view kGemmaTypes[] = {"gemma"};
constexpr std::string_view kGemma2Types[] = {"gemma2"};
constexpr std::string_view kGemma3Types[] = {"gemma3_text"};

}  // namespace

constinit const Architecture kGemmaArchitecture{"gemma", kGemmaTypes, read_gemma_gguf,
                                                read_gemma_hf};
constinit const Architecture kGemma2Architecture{"gemma2", kGemma2Types, read_gemma2_gguf,
                                                 read_gemma2_hf};
constinit const Architecture kGemma3Architecture{"gemma3", kGemma3Types, read_gemma3_gguf,
                                                 read_gemma3_hf};

}  // namespace llmos
