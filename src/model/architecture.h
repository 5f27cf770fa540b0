// SPDX-License-Identifier: Apache-2.0
// From a checkpoint to a model's description: the registry of architectures.
//
// Each family has one small file, arch_<family>.cc, with two functions for each architecture: one
// reads a GGUF file's keys, the other a Hugging Face config.json. Both start from what the format
// has in common (gguf_model.h, hf_model.h) and state only the differences. A new architecture is a
// new entry in kArchitectures, and nothing else changes.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "format/checkpoint.h"
#include "model/fields.h"
#include "model/tensor_source.h"

namespace llmos {

// A checkpoint while its description is read. `keys` are the architecture's own: in GGUF those
// behind "llama.", in config.json all.
struct ModelReader {
  const Checkpoint& checkpoint;
  Fields keys;
  ModelConfig config{};
  ModelSources sources{};

  bool has(std::string_view tensor) const { return checkpoint.find(tensor) != nullptr; }
};

struct Architecture {
  std::string_view name;                          // general.architecture in GGUF
  std::span<const std::string_view> model_types;  // model_type in config.json
  void (*read_gguf)(ModelReader& reader);
  void (*read_hf)(ModelReader& reader);
};

// Every architecture that is supported, by name.
std::span<const Architecture* const> architectures() noexcept;

// "gemma, gemma2, ..., starcoder2".
std::string supported_architectures();

// The description of a checkpoint, valid; no weight has been read. Any thread.
// Failure: kUnsupported "unsupported architecture X; supported: ..."; kNotFound or kInvalid for a
// key that is missing or wrong, with its name. Whether the tensors are there, with their shapes, is
// checked when they are planned or loaded (weights.h).
Result<ModelFile> read_model(const Checkpoint& checkpoint);

// The entries, each defined in its family's file.
extern const Architecture kLlamaArchitecture;       // llama, mistral, mixtral: arch_llama.cc
extern const Architecture kSmollm3Architecture;     // arch_llama.cc
extern const Architecture kGraniteArchitecture;     // arch_llama.cc
extern const Architecture kQwen2Architecture;       // arch_qwen.cc
extern const Architecture kQwen2MoeArchitecture;    // arch_qwen.cc
extern const Architecture kQwen3Architecture;       // arch_qwen.cc
extern const Architecture kQwen3MoeArchitecture;    // arch_qwen.cc
extern const Architecture kGemmaArchitecture;       // arch_gemma.cc
extern const Architecture kGemma2Architecture;      // arch_gemma.cc
extern const Architecture kGemma3Architecture;      // arch_gemma.cc
extern const Architecture kPhi3Architecture;        // arch_phi3.cc
extern const Architecture kGpt2Architecture;        // arch_gpt2.cc
extern const Architecture kGptNeoxArchitecture;     // arch_gptneox.cc
extern const Architecture kOlmo2Architecture;       // arch_olmo2.cc
extern const Architecture kStarcoder2Architecture;  // arch_starcoder2.cc
extern const Architecture kGptOssArchitecture;      // arch_gptoss.cc

}  // namespace llmos
