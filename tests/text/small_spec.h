// SPDX-License-Identifier: Apache-2.0
// Small specs for tests of tokenizers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer_spec.h"

namespace llmos::test {

struct SmallToken {
  std::string text;
  double score = 0;
  TokenType type = TokenType::kNormal;
};

inline TokenizerSpec small_spec(TokenizerModel model, const std::vector<SmallToken>& tokens) {
  TokenizerSpec spec;
  spec.model = model;
  for (const SmallToken& token : tokens) {
    if (token.type == TokenType::kUnknown) spec.unknown = TokenId(spec.tokens.size());
    spec.tokens.push_back(token.text);
    spec.scores.push_back(token.score);
    spec.types.push_back(token.type);
  }
  return spec;
}

// Adds <0x00> to <0xFF> and turns the byte fallback on.
inline void add_byte_tokens(TokenizerSpec& spec) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (size_t byte = 0; byte < 256; ++byte) {
    spec.tokens.push_back(std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">");
    spec.scores.push_back(0);
    spec.types.push_back(TokenType::kByte);
  }
  spec.byte_fallback = true;
}

// The texts of the ids that a model with encode(text, ids) makes.
template <class Model>
std::vector<std::string> token_texts(const Model& model, const TokenizerSpec& spec,
                                     std::string_view text) {
  std::vector<TokenId> ids;
  model.encode(text, ids);
  std::vector<std::string> texts;
  for (const TokenId id : ids) texts.push_back(spec.tokens.at(size_t(id)));
  return texts;
}

}  // namespace llmos::test
