// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <utility>

#include "llmos/tokenizer.h"
#include "text/tokenizer_impl.h"
#include "text/utf8_stream.h"

namespace llmos {

struct Detokenizer::State {
  std::shared_ptr<const Tokenizer::Impl> tokenizer;
  DecodeOptions options;
  Decoder::Place place{};
  Utf8Stream stream{};
  std::string bytes{};  // of one token; kept for its memory
};

Detokenizer::Detokenizer(const Tokenizer& tokenizer, const DecodeOptions& options)
    : state_(new State{tokenizer.impl().shared_from_this(), options}) {}
Detokenizer::Detokenizer(Detokenizer&&) noexcept = default;
Detokenizer& Detokenizer::operator=(Detokenizer&&) noexcept = default;
Detokenizer::~Detokenizer() = default;

std::string Detokenizer::push(TokenId id) {
  const Tokenizer::Impl& tokenizer = *state_->tokenizer;
  std::string text;
  if (!tokenizer.has(id)) return text;
  if (state_->options.skip_special && tokenizer.decoder().is_special(id)) return text;
  state_->bytes.clear();
  tokenizer.decoder().append(id, tokenizer.spec().tokens[size_t(id)], state_->place, state_->bytes);
  state_->stream.push(state_->bytes, text);
  return text;
}

std::string Detokenizer::finish() {
  std::string text;
  state_->stream.finish(text);
  state_->place = {};
  return text;
}

}  // namespace llmos
