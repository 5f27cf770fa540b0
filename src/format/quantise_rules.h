// SPDX-License-Identifier: Apache-2.0
// Which type each tensor of a quantised GGUF file gets. Decisions only: quantise.h carries them
// out.
//
// They follow llama.cpp's defaults, so that files of both have the same types: large matrices get
// the type asked for; the matrix that makes the logits, the most sensitive one, more bits; what is
// small or sensitive (vectors, norms, the routers of experts, position embeddings) stays as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "format/tensor_info.h"
#include "tensor/dtype.h"

namespace llmos {

// What the choice for one tensor needs to know of the others.
struct QuantiseContext {
  DType wanted = DType::kQ8_0;
  bool has_output = false;   // false: token_embd makes the logits too
  bool has_experts = false;  // stacked in tensors of three dimensions
};
QuantiseContext quantise_context(std::span<const TensorInfo> tensors, DType wanted);

struct TypeChoice {
  DType dtype = DType::kF32;
  // Why it is not the type asked for; empty where it is, and where a tensor stays as it is because
  // it is no large matrix.
  std::string reason;
};
TypeChoice choose_type(const TensorInfo& info, const QuantiseContext& context);

// general.file_type: the number by which GGUF tools name the type of most tensors; nullopt for
// types that quantise() does not make.
std::optional<uint32_t> gguf_file_type(DType wanted) noexcept;

}  // namespace llmos
