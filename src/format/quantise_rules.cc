// SPDX-License-Identifier: Apache-2.0
#include "format/quantise_rules.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "tensor/quant.h"

namespace llmos {
namespace {

constexpr std::string_view kOutput = "output.weight", kTokenEmbedding = "token_embd.weight";

// Matrices that are not multiplied with the activations, or decide too much for their size.
constexpr std::string_view kKeptNames[] = {
    "_norm.weight",         // also query and key norms with a row per head
    "ffn_gate_inp.weight",  // the router of a mixture of experts
    "position_embd.weight", "token_types.weight",
    "attn_rel_b.weight",  // T5's relative positions
    "ssm_conv1d.weight",    "shortconv.conv.weight", "altup", "laurel",
    "per_layer_model_proj",  // of Gemma 3n
    "rope_freqs.weight",
};

bool stays(const TensorInfo& info) {
  if (!is_dequantizable(info.dtype) || !info.name.ends_with("weight")) return true;
  const auto sizes = info.shape.sizes();
  // A vector, however it is written: [1, 1, n] too.
  if (std::count_if(sizes.begin(), sizes.end(), [](uint64_t size) { return size > 1; }) < 2) {
    return true;
  }
  return std::any_of(std::begin(kKeptNames), std::end(kKeptNames), [&](std::string_view name) {
    return info.name.find(name) != std::string::npos;
  });
}

bool has_experts(const TensorInfo& info) {
  return info.shape.dimensions() == 3 && info.shape[0] > 1 && !stays(info);
}

bool fits(DType dtype, uint64_t columns) { return row_bytes(dtype, columns).has_value(); }

// The type with the next finer grid and shorter blocks; where rows fit none, 16 bits.
DType fallback(DType dtype, const TensorInfo& info) {
  DType other = dtype;
  if (dtype == DType::kQ4_K) other = DType::kQ5_0;
  if (dtype == DType::kQ5_K) other = DType::kQ5_1;
  if (dtype == DType::kQ6_K) other = DType::kQ8_0;
  if (fits(other, info.shape.columns())) return other;
  return info.dtype == DType::kBF16 ? DType::kBF16 : DType::kF16;
}

// With its reason, before the size of rows is looked at.
TypeChoice preferred(const TensorInfo& info, const QuantiseContext& context) {
  const bool makes_logits = info.name == (context.has_output ? kOutput : kTokenEmbedding);
  if (makes_logits && context.wanted != DType::kQ8_0) {
    const bool finest =
        context.wanted == DType::kMXFP4 || !fits(DType::kQ6_K, info.shape.columns());
    const DType dtype = finest ? DType::kQ8_0 : DType::kQ6_K;
    return {dtype, dtype == context.wanted ? "" : "it makes the logits"};
  }
  if (context.wanted == DType::kMXFP4 && context.has_experts && !has_experts(info)) {
    return {DType::kQ8_0, "MXFP4 is for the experts of this model"};
  }
  return {context.wanted, ""};
}

}  // namespace

QuantiseContext quantise_context(std::span<const TensorInfo> tensors, DType wanted) {
  QuantiseContext context{wanted};
  for (const TensorInfo& info : tensors) {
    context.has_output |= info.name == kOutput;
    context.has_experts |= has_experts(info);
  }
  return context;
}

TypeChoice choose_type(const TensorInfo& info, const QuantiseContext& context) {
  if (stays(info)) return {info.dtype, ""};
  TypeChoice choice = preferred(info, context);
  const uint64_t columns = info.shape.columns();
  if (fits(choice.dtype, columns)) return choice;
  choice.reason =
      (Text() << "rows of " << columns << " are no whole blocks of " << dtype_name(choice.dtype)
              << " (" << dtype_traits(choice.dtype).block_elements << ")")
          .str();
  choice.dtype = fallback(choice.dtype, info);
  return choice;
}

std::optional<uint32_t> gguf_file_type(DType wanted) noexcept {
  switch (wanted) {
    case DType::kQ4_0:
      return 2;
    case DType::kQ8_0:
      return 7;
    case DType::kQ4_K:
      return 14;  // "Q4_K_S": the mixture with the fewest exceptions
    case DType::kQ5_K:
      return 16;  // "Q5_K_S"
    case DType::kQ6_K:
      return 18;
    case DType::kIQ4_NL:
      return 25;
    case DType::kMXFP4:
      return 38;  // "MXFP4_MOE"
    default:
      return std::nullopt;
  }
}

}  // namespace llmos
