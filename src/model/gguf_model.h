// SPDX-License-Identifier: Apache-2.0
// What the GGUF files of all architectures have in common: their keys and the names of tensors.
#pragma once

#include <string>
#include <string_view>

#include "model/architecture.h"

namespace llmos {

// The file's keys behind "<prefix>." as a Json object: numbers, booleans, strings, and lists of up
// to kLayersMax of them.
Json gguf_keys(const Checkpoint& checkpoint, std::string_view prefix);
inline Json gguf_general(const Checkpoint& checkpoint) { return gguf_keys(checkpoint, "general"); }

// Sizes, norm, rope and its scaling, experts, which biases there are. Set `config.norm` before.
// Afterwards every layer is alike: rotary positions, all keys, experts if there are any.
void read_gguf_config(ModelReader& reader);

// Gives a window to the layers that slide: where "attention.sliding_window_pattern" is a list it
// says which; a number p means all but every p-th, and without it p is `period`.
void read_gguf_windows(ModelReader& reader, uint32_t usual_window, uint32_t period);

// Where each part is, under the usual names; fused query-key-value and gate-up tensors are divided.
void name_gguf_parts(ModelReader& reader);

}  // namespace llmos
