// SPDX-License-Identifier: Apache-2.0
// What stands behind llmos::Tokenizer, and how one is made from a spec.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "llmos/status.h"
#include "llmos/tokenizer.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/pretokenizer.h"
#include "text/spm.h"
#include "text/token_table.h"
#include "text/tokenizer_spec.h"
#include "text/unigram.h"

namespace llmos {

// Checks everything that the spec says. Failure: kCorrupt, kInvalid, kUnsupported, kExhausted.
Result<Tokenizer> make_tokenizer(TokenizerSpec spec);

// The whole piece is a token, or unknown.
class WordLevel {
 public:
  explicit WordLevel(const TokenizerSpec& spec);
  void encode(std::string_view piece, std::vector<TokenId>& ids) const;

 private:
  TokenTable table_;
  TokenId unknown_;
};

// Immutable once made. Its parts mirror the life of a text in tokenizer_spec.h.
class Tokenizer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  using Model = std::variant<Bpe, Spm, Unigram, WordLevel>;

  static Result<std::shared_ptr<const Impl>> make(TokenizerSpec spec);

  void encode(std::string_view text, const EncodeOptions& options, std::vector<TokenId>& ids) const;

  const TokenizerSpec& spec() const { return spec_; }
  const Decoder& decoder() const { return decoder_; }
  const TokenTable& table() const { return table_; }
  bool has(TokenId id) const { return id >= 0 && size_t(id) < spec_.tokens.size(); }
  bool is_end(TokenId id) const { return has(id) && ends_[size_t(id)]; }

 private:
  Impl(TokenizerSpec spec, Model model, Normalizer normalizer, Pretokenizer pretokenizer,
       Decoder decoder);

  // What lies between added tokens of the raw text; `at_begin`: at the very beginning.
  void encode_raw(std::string_view text, bool special, bool at_begin,
                  std::vector<TokenId>& ids) const;
  void encode_normalized(std::string_view text, bool at_begin, std::vector<TokenId>& ids) const;

  TokenizerSpec spec_;
  TokenTable table_;
  std::vector<bool> ends_;
  Model model_;
  Normalizer normalizer_;
  Pretokenizer pretokenizer_;
  Decoder decoder_;
  AddedTokens raw_added_;
  AddedTokens normalized_added_;
};

}  // namespace llmos
