// SPDX-License-Identifier: Apache-2.0
#include "api/model_files.h"

#include "format/tokenizer_gguf.h"
#include "text/tokenizer_impl.h"

namespace llmos {

Result<std::optional<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint) {
  Result<Tokenizer> tokenizer = [&]() -> Result<Tokenizer> {
    if (checkpoint.kind() == CheckpointKind::kHuggingFace) {
      return Tokenizer::open(checkpoint.path());
    }
    if (!checkpoint.metadata().has("tokenizer.ggml.model")) {
      return Status(Code::kNotFound, "no tokenizer in the file");
    }
    Result<TokenizerSpec> spec = read_gguf_tokenizer(checkpoint.metadata());
    if (!spec.ok()) return spec.status();
    return make_tokenizer(*std::move(spec));
  }();
  if (tokenizer.ok()) return std::optional<Tokenizer>(*std::move(tokenizer));
  if (tokenizer.status().code() == Code::kNotFound) return std::optional<Tokenizer>();
  return tokenizer.status();
}

}  // namespace llmos
