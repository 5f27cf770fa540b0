// SPDX-License-Identifier: Apache-2.0
#include "api/model_files.h"

#include "format/tokenizer_gguf.h"
#include "format/tokenizer_open.h"
#include "text/tokenizer_impl.h"

namespace llmos {
namespace {

Result<TokenizerSpec> read_spec(const Checkpoint& checkpoint) {
  if (checkpoint.kind() == CheckpointKind::kHuggingFace) {
    return read_tokenizer_directory(checkpoint.directory());
  }
  if (!checkpoint.metadata().has("tokenizer.ggml.model")) {
    return Status(Code::kNotFound, "no tokenizer in the file");
  }
  return read_gguf_tokenizer(checkpoint.metadata());
}

}  // namespace

Result<std::optional<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint) {
  Result<Tokenizer> tokenizer = [&]() -> Result<Tokenizer> {
    Result<TokenizerSpec> spec = read_spec(checkpoint);
    if (!spec.ok()) return spec.status();
    return make_tokenizer(*std::move(spec));
  }();
  if (tokenizer.ok()) return std::optional<Tokenizer>(*std::move(tokenizer));
  if (tokenizer.status().code() == Code::kNotFound) return std::optional<Tokenizer>();
  return tokenizer.status();
}

}  // namespace llmos
