// SPDX-License-Identifier: Apache-2.0
// Cutting a text into the pieces that a model's merges never cross, exactly as HF tokenizers does.
//
//   Result<Pretokenizer> pretokenizer = Pretokenizer::create(spec.pretokenizer);
//   pretokenizer->split(text, [&](std::string_view piece) { bpe.encode(piece, &ids); });
//
// Bytes    A text is any bytes; one that is not UTF-8 counts as U+FFFD when patterns are matched,
//          and stays itself in its piece. With a byte-level step, pieces are bytes as they stand in
//          the text: the printable code points of byte_level.h are for vocabularies. Steps behind a
//          byte-level step still see those code points, as they do in HF tokenizers.
// Time     Linear in the text for any input: the patterns of known models by scanners of our own,
//          the others by regex.h.
// Threads  Const and thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "llmos/status.h"
#include "sync/function_ref.h"
#include "text/tokenizer_spec.h"

namespace llmos {

using PieceSink = FunctionRef<void(std::string_view)>;

// The steps that the tokenizer.ggml.pre of a GGUF file names ("llama-bpe", "qwen2", ...): those of
// the model's own tokenizer.json where we know it. nullopt for a name that we do not know.
std::optional<std::vector<PretokenizerStep>> named_pretokenizer(std::string_view name);

// More steps than any tokenizer has; the longest known has 8.
inline constexpr size_t kPretokenizerStepsMax = 32;

class Pretokenizer {
 public:
  // Failure: kInvalid, kUnsupported or kExhausted for a pattern (regex.h); kUnsupported for a name
  // that named_pretokenizer() does not know; kExhausted above kPretokenizerStepsMax.
  static Result<Pretokenizer> create(std::span<const PretokenizerStep> steps);
  Pretokenizer(Pretokenizer&& other) noexcept;
  Pretokenizer& operator=(Pretokenizer&& other) noexcept;
  ~Pretokenizer();

  // Calls piece() for every piece, none empty. Without a step that drops or adds characters the
  // pieces together are the text. `at_begin`: the text begins where the whole input does (for
  // PrependScheme::kFirst). A piece is valid during the call only.
  void split(std::string_view text, PieceSink piece, bool at_begin = true) const;

  // Whether a step is byte-level: then the model's alphabet is bytes.
  bool byte_level() const;

 private:
  struct Stages;
  explicit Pretokenizer(std::unique_ptr<const Stages> stages);

  std::unique_ptr<const Stages> stages_;
};

}  // namespace llmos
