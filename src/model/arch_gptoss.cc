// SPDX-License-Identifier: Apache-2.0
// gpt-oss: experts in every layer with a clamped SwiGLU, biases, attention sinks, windows on every
// other layer, yarn.
//
// Its authors' files hold the experts in MXFP4 as two tensors, nibbles and scales, with the rows of
// gate and up alternating; fine-tuned ones hold plain matrices, transposed, alternating as well.
#include "model/gguf_model.h"
#include "model/hf_model.h"

namespace llmos {
namespace {

void set_gptoss(ModelReader& r) {
  ModelConfig& c = r.config;
  c.activation = kernels::Activation::kClampedSwiglu;
  c.activation_limit = float(r.keys.number_or("swiglu_limit", 7));
  c.experts.routing = kernels::Routing::kSoftmaxChosen;
  c.experts.router_bias = c.experts.bias = true;
  c.sinks = true;
}

void read_gptoss_gguf(ModelReader& r) {
  read_gguf_config(r);
  set_gptoss(r);
  // The authors' yarn ramp begins and ends between pairs; the file has no key for it.
  r.config.rope.truncate = false;
  read_gguf_windows(r, 128, 2);
  name_gguf_parts(r);
  for (size_t i = 0; i < r.sources.layers.size(); ++i) {
    // The norm before the feed-forward part, under the name of what stands before it.
    const std::string name = "blk." + std::to_string(i) + ".post_attention_norm.weight";
    if (r.has(name)) r.sources.layers[i].ffn_norm.weight = name;
  }
}

// One of the two halves of alternating rows.
TensorSource every_other(const TensorSource& source, const ModelConfig& c, uint64_t first) {
  return source.picked({.total = 2ull * c.experts.dim, .first = first, .run = 1, .stride = 2});
}

void name_experts(ModelReader& r, const std::string& prefix, ModelSources::Layer& layer) {
  const ModelConfig& c = r.config;
  const bool packed = r.has(prefix + "gate_up_proj_blocks");
  TensorSource gate_up(prefix + (packed ? "gate_up_proj_blocks" : "gate_up_proj"));
  TensorSource down(prefix + (packed ? "down_proj_blocks" : "down_proj"));
  if (packed) {
    gate_up.scales = prefix + "gate_up_proj_scales";
    down.scales = prefix + "down_proj_scales";
  } else {
    gate_up.transposed = down.transposed = true;
  }
  const TensorSource bias(prefix + "gate_up_proj_bias");
  layer.experts.gate = {every_other(gate_up, c, 0), every_other(bias, c, 0)};
  layer.experts.up = {every_other(gate_up, c, 1), every_other(bias, c, 1)};
  layer.experts.down = {down, prefix + "down_proj_bias"};
}

bool even(uint32_t layer) { return layer % 2 == 0; }

void read_gptoss_hf(ModelReader& r) {
  ModelConfig& c = r.config;
  read_hf_config(r, {.norm_epsilon_value = 1e-5});
  set_gptoss(r);
  c.qkv_bias = c.output_bias = r.keys.boolean_or("attention_bias", true);
  c.experts.count = r.keys.natural("num_local_experts", kExpertsMax);
  c.experts.chosen = r.keys.natural("num_experts_per_tok", kExpertsMax);
  c.experts.dim = c.ffn_dim;
  for (LayerConfig& layer : c.layers) layer.experts = true;
  read_hf_windows(r, r.keys.natural_or("sliding_window", kContextMax, 128), even);
  name_hf_parts(r);
  const std::string model = hf_prefix(r, "model.", "embed_tokens.weight");
  for (size_t i = 0; i < r.sources.layers.size(); ++i) {
    const std::string prefix = model + "layers." + std::to_string(i) + ".mlp.";
    ModelSources::Layer& layer = r.sources.layers[i];
    layer.router = {prefix + "router.weight", prefix + "router.bias"};
    name_experts(r, prefix + "experts.", layer);
  }
}

constexpr std::string_view kGptOssTypes[] = {"gpt_oss"};

}  // namespace

constinit const Architecture kGptOssArchitecture{"gpt-oss", kGptOssTypes, read_gptoss_gguf,
                                                 read_gptoss_hf};

}  // namespace llmos
