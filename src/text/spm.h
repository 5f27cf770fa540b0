// SPDX-License-Identifier: Apache-2.0
// Spm is sentencepiece's BPE: neighbouring symbols are merged, the pair with the best-scored result
// first, the leftmost of equals.
//
// How      sentencepiece looks every candidate up by its text. Here all pairs of symbols that make
//          a token are found when the vocabulary is loaded, so that encoding works on numbers only.
// Cost     O(n log n). Where no token holds a space (U+2581) behind something else, which is the
//          rule, words cannot influence one another, and each is merged alone without a heap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llmos/types.h"
#include "text/byte_tokens.h"
#include "text/byte_trie.h"
#include "text/token_table.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Threads  Every const method from any number of threads.
class Spm {
 public:
  // `spec` has a score and a type for every token, no score is NaN. Tokens of the types normal,
  // user-defined and unused take part; control tokens never come out of a text.
  explicit Spm(const TokenizerSpec& spec);

  // Appends the ids of a normalised text. Bytes that are no UTF-8 are symbols of their own.
  void encode(std::string_view text, std::vector<TokenId>& ids) const;

 private:
  // A token, or behind the tokens a character that is none but occurs in one; or kForeign.
  using SymbolId = TokenId;
  static constexpr SymbolId kForeign = kNoToken;

  struct Symbol {
    SymbolId id;
    uint32_t begin;  // in the text
    uint32_t end;
    bool frozen;  // user-defined: never merged
  };
  struct Work;

  void index_symbols(const TokenizerSpec& spec);
  void index_merges(const TokenizerSpec& spec, const std::vector<uint32_t>& ranks);
  SymbolId find_character(std::string_view character) const;
  void encode_part(std::string_view text, Work& work, std::vector<TokenId>& ids) const;
  void cut(std::string_view text, std::vector<Symbol>& symbols) const;
  MergeTable::Merge find_merge(const Symbol& left, const Symbol& right, Work& work) const;
  void merge_short(Work& work) const;
  void merge_long(Work& work) const;
  void emit(const Symbol& symbol, std::string_view text, Work& work,
            std::vector<TokenId>& ids) const;

  std::vector<bool> unused_;  // by token; empty: none is taken apart
  std::array<SymbolId, 128> ascii_;
  std::unordered_map<uint32_t, SymbolId> characters_;  // by their bytes
  MergeTable merges_{0};  // a rank is that of the score: 0 for the best, equal for equal scores
  ByteTrie frozen_;
  ByteTokens bytes_;
  SymbolId token_count_;
  bool words_apart_ = true;
};

}  // namespace llmos
