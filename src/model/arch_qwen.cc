// SPDX-License-Identifier: Apache-2.0
// The Qwen family: Llama's form, and
//
//   qwen2      biases on queries, keys and values; windows on the upper layers if asked for
//   qwen2moe   experts, and one more that every token takes, behind a gate of its own
//   qwen3      no biases; every head of queries and keys is normed
//   qwen3moe   qwen3 with experts
#include <algorithm>

#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

using kernels::Routing;

void read_qwen2_gguf(ModelReader& r) {
  read_gguf_config(r);
  name_gguf_parts(r);
}

void read_qwen3_gguf(ModelReader& r) {
  r.config.qk_norm = QkNorm::kHead;
  read_gguf_config(r);
  name_gguf_parts(r);
}

void read_qwen2moe_gguf(ModelReader& r) {
  read_gguf_config(r);
  ExpertsConfig& e = r.config.experts;
  e.routing = r.keys.boolean_or("expert_weights_norm", false) ? Routing::kSoftmaxNormalized
                                                              : Routing::kSoftmaxAll;
  // The shared expert has its own length, or in older files that of a dense part.
  e.shared_dim = r.keys.natural_or("expert_shared_feed_forward_length", kDimMax, r.config.ffn_dim);
  e.shared_gate = true;
  name_gguf_parts(r);
}

void read_qwen3moe_gguf(ModelReader& r) {
  r.config.qk_norm = QkNorm::kHead;
  read_gguf_config(r);
  const bool normalized = r.keys.boolean_or("expert_weights_norm", true);
  r.config.experts.routing = normalized ? Routing::kSoftmaxNormalized : Routing::kSoftmaxAll;
  name_gguf_parts(r);
}

uint32_t asked_window(ModelReader& r) {
  const bool asked = r.keys.boolean_or("use_sliding_window", false);
  return asked ? r.keys.natural_or("sliding_window", kContextMax, 0) : 0;
}

// Layers from max_window_layers on slide.
void read_upper_windows(ModelReader& r) {
  const uint32_t window = asked_window(r);
  const uint32_t first = r.keys.natural_or("max_window_layers", UINT32_MAX, 28);
  if (r.keys.has("layer_types")) return read_hf_windows(r, window, nullptr);
  for (uint32_t i = first; i < r.config.layers.size(); ++i) r.config.layers[i].window = window;
}

void read_qwen2_hf(ModelReader& r) {
  read_hf_config(r);
  r.config.qkv_bias = true;
  read_upper_windows(r);
  name_hf_parts(r);
}

void read_qwen3_hf(ModelReader& r) {
  read_hf_config(r);
  r.config.qk_norm = QkNorm::kHead;
  r.config.qkv_bias = r.config.output_bias = r.keys.boolean_or("attention_bias", false);
  read_upper_windows(r);
  name_hf_parts(r);
}

// Every decoder_sparse_step-th layer has experts, but for those listed as dense.
void choose_expert_layers(ModelReader& r) {
  const uint32_t step = r.keys.natural_or("decoder_sparse_step", kLayersMax, 1);
  r.keys.expect(step > 0, "decoder_sparse_step", "at least 1");
  const std::vector<double> dense = r.keys.numbers("mlp_only_layers", kLayersMax);
  if (!r.keys.ok()) return;
  for (uint32_t i = 0; i < r.config.layers.size(); ++i) {
    const bool listed = std::find(dense.begin(), dense.end(), double(i)) != dense.end();
    r.config.layers[i].experts = !listed && (i + 1) % step == 0;
  }
}

void read_hf_experts(ModelReader& r) {
  ExpertsConfig& e = r.config.experts;
  e.count = r.keys.natural("num_experts", kExpertsMax);
  e.chosen = r.keys.natural("num_experts_per_tok", kExpertsMax);
  e.dim = r.keys.natural("moe_intermediate_size", kDimMax);
  e.routing = r.keys.boolean_or("norm_topk_prob", false) ? Routing::kSoftmaxNormalized
                                                         : Routing::kSoftmaxAll;
  choose_expert_layers(r);
  const std::string model = hf_prefix(r, "model.", "embed_tokens.weight");
  for (size_t i = 0; i < r.sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".mlp.";
    ModelSources::Layer& layer = r.sources.layers[i];
    layer.router.weight = prefix + "gate.weight";
    layer.experts.gate.weight = prefix + "experts.{}.gate_proj.weight";
    layer.experts.up.weight = prefix + "experts.{}.up_proj.weight";
    layer.experts.down.weight = prefix + "experts.{}.down_proj.weight";
    layer.shared.gate.weight = prefix + "shared_expert.gate_proj.weight";
    layer.shared.up.weight = prefix + "shared_expert.up_proj.weight";
    layer.shared.down.weight = prefix + "shared_expert.down_proj.weight";
    layer.shared_gate.weight = prefix + "shared_expert_gate.weight";
  }
}

void read_qwen2moe_hf(ModelReader& r) {
  read_hf_config(r);
  r.config.qkv_bias = r.keys.boolean_or("qkv_bias", true);
  read_upper_windows(r);
  name_hf_parts(r);
  read_hf_experts(r);
  r.config.experts.shared_dim = r.keys.natural("shared_expert_intermediate_size", kDimMax);
  r.config.experts.shared_gate = true;
}

void read_qwen3moe_hf(ModelReader& r) {
  read_hf_config(r);
  r.config.qk_norm = QkNorm::kHead;
  r.config.qkv_bias = r.config.output_bias = r.keys.boolean_or("attention_bias", false);
  const uint32_t window = asked_window(r);
  for (LayerConfig& layer : r.config.layers) layer.window = window;
  name_hf_parts(r);
  read_hf_experts(r);
}

constexpr std::string_view kQwen2Types[] = {"qwen2"};
constexpr std::string_view kQwen2MoeTypes[] = {"qwen2_moe"};
constexpr std::string_view kQwen3Types[] = {"qwen3"};
constexpr std::string_view kQwen3MoeTypes[] = {"qwen3_moe"};

}  // namespace

constinit const Architecture kQwen2Architecture{"qwen2", kQwen2Types, read_qwen2_gguf,
                                                read_qwen2_hf};
constinit const Architecture kQwen2MoeArchitecture{"qwen2moe", kQwen2MoeTypes, read_qwen2moe_gguf,
                                                   read_qwen2moe_hf};
constinit const Architecture kQwen3Architecture{"qwen3", kQwen3Types, read_qwen3_gguf,
                                                read_qwen3_hf};
constinit const Architecture kQwen3MoeArchitecture{"qwen3moe", kQwen3MoeTypes, read_qwen3moe_gguf,
                                                   read_qwen3moe_hf};

}  // namespace llmos
