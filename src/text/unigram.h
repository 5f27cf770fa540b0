// SPDX-License-Identifier: Apache-2.0
// Unigram is sentencepiece's unigram model: of all ways to cut a text into tokens it takes the one
// with the greatest sum of scores.
//
// Ties     The text is walked from left to right, at each place from short tokens to long ones, and
//          only a better sum replaces an earlier one. sentencepiece adds in float, HF tokenizers in
//          double; so do we, by TokenizerSpec::float_scores.
// Cost     O(n * bytes of the longest token), one walk.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "llmos/types.h"
#include "text/byte_tokens.h"
#include "text/byte_trie.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Threads  Every const method from any number of threads.
class Unigram {
 public:
  // `spec` has a score and a type for every token, no score is NaN.
  explicit Unigram(const TokenizerSpec& spec);

  // Appends the ids of a normalised text. A byte that begins no UTF-8 character counts as one.
  void encode(std::string_view text, std::vector<TokenId>& ids) const;

 private:
  // The best way to a place in the text: its last token, where that begins, and the sum so far.
  struct Step {
    TokenId token = kNoToken;
    uint32_t begin = kNowhere;
    double sum = 0;
  };
  static constexpr uint32_t kNowhere = UINT32_MAX;
  static constexpr TokenId kUnknown = -2;

  void encode_part(std::string_view text, std::vector<Step>& steps,
                   std::vector<TokenId>& ids) const;
  void extend(const Step& from, uint32_t begin, std::vector<Step>& steps,
              std::string_view text) const;
  double score(TokenId token, size_t bytes) const;
  void offer(Step& step, TokenId token, uint32_t begin, double sum) const;

  ByteTrie trie_;
  std::vector<double> scores_;
  std::vector<bool> user_defined_;
  double score_max_;
  double unknown_score_;
  bool float_scores_;
  ByteTokens bytes_;
};

}  // namespace llmos
