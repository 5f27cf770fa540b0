// SPDX-License-Identifier: Apache-2.0
// What most Hugging Face checkpoints have in common: the fields of config.json, the names of
// tensors.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "model/architecture.h"

namespace llmos {

struct HfDefaults {
  bool tied_head = false;
  std::string_view norm_epsilon = "rms_norm_eps";
  double norm_epsilon_value = 1e-6;
  std::string_view activation = "hidden_act";
};

// Sizes, norm, activation, rope and its scaling. Afterwards every layer is alike: rotary positions,
// all keys, no experts.
void read_hf_config(ModelReader& reader, const HfDefaults& defaults = {});

// The activation of that name; an error of `reader.keys` for others.
kernels::Activation hf_activation(ModelReader& reader, std::string_view key,
                                  std::string_view otherwise);

// "layer_types" gives `window` to the layers that it calls sliding; without it the rule does.
void read_hf_windows(ModelReader& reader, uint32_t window, bool (*sliding)(uint32_t layer));

// Where each part is, under the names of LlamaForCausalLM, which most later ones kept.
void name_hf_parts(ModelReader& reader);

// "model.layers.3." ; the prefix is left out where the file has `probe` without it.
std::string hf_prefix(const ModelReader& reader, std::string_view prefix, std::string_view probe);

}  // namespace llmos
