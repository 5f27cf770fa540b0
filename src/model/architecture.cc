// SPDX-License-Identifier: Apache-2.0
#include "model/architecture.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "model/gguf_model.h"

namespace llmos {
namespace {

constexpr const Architecture* kArchitectures[] = {
    &kGemmaArchitecture, &kGemma2Architecture,   &kGemma3Architecture,  &kGptOssArchitecture,
    &kGpt2Architecture,  &kGptNeoxArchitecture,  &kGraniteArchitecture, &kLlamaArchitecture,
    &kOlmo2Architecture, &kPhi3Architecture,     &kQwen2Architecture,   &kQwen2MoeArchitecture,
    &kQwen3Architecture, &kQwen3MoeArchitecture, &kSmollm3Architecture, &kStarcoder2Architecture,
};

const Architecture* find_architecture(CheckpointKind kind, std::string_view name) {
  for (const Architecture* const candidate : kArchitectures) {
    const auto types = candidate->model_types;
    const bool found = kind == CheckpointKind::kGguf
                           ? candidate->name == name
                           : std::find(types.begin(), types.end(), name) != types.end();
    if (found) return candidate;
  }
  return nullptr;
}

Status unsupported(std::string_view name) {
  constexpr size_t kShownMax = 64;  // of a hostile name
  return Status(Code::kUnsupported,
                (Text() << "unsupported architecture " << Json(name.substr(0, kShownMax)).dump()
                        << "; supported: " << supported_architectures())
                    .str());
}

Status in_file(const Checkpoint& checkpoint, const Status& status) {
  return Status(status.code(), checkpoint.path() + ": " + status.message());
}

}  // namespace

std::span<const Architecture* const> architectures() noexcept { return kArchitectures; }

std::string supported_architectures() {
  Text text;
  for (const Architecture* const architecture : kArchitectures) {
    text << (architecture == kArchitectures[0] ? "" : ", ") << architecture->name;
    for (const std::string_view type : architecture->model_types) {
      if (type != architecture->name) text << " (" << type << ")";
    }
  }
  return std::move(text).str();
}

Result<ModelFile> read_model(const Checkpoint& checkpoint) {
  const bool gguf = checkpoint.kind() == CheckpointKind::kGguf;
  const Json general = gguf ? gguf_general(checkpoint) : checkpoint.config();
  Fields fields(general, gguf ? "general" : "config.json");
  const std::string name = fields.string_or(gguf ? "architecture" : "model_type", "");
  if (!fields.ok()) return in_file(checkpoint, fields.status());
  const Architecture* const architecture = find_architecture(checkpoint.kind(), name);
  if (!architecture) return in_file(checkpoint, unsupported(name));

  const Json own = gguf ? gguf_keys(checkpoint, name) : Json();
  ModelReader reader{checkpoint, gguf ? Fields(own, name) : std::move(fields)};
  reader.config.architecture = name;
  (gguf ? architecture->read_gguf : architecture->read_hf)(reader);
  if (!reader.keys.ok()) return in_file(checkpoint, reader.keys.status());
  if (Status status = reader.config.validate(); !status.ok()) return in_file(checkpoint, status);
  return ModelFile{std::move(reader.config), std::move(reader.sources)};
}

}  // namespace llmos
