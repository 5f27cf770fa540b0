// SPDX-License-Identifier: Apache-2.0
// Decoder knows the bytes that every token stands for.
//
// HF tokenizers runs its decoder steps over the list of all tokens. But for what happens at the
// beginning of a text (the space that encoding put there goes away), a token's bytes do not depend
// on its neighbours, so they are computed once, and decoding can stream.
//
// Known difference: where byte tokens do not make UTF-8, HF writes one U+FFFD for each byte of
// their run; here one for each maximal part of a character, as Python does, since only that can be
// decided without seeing the whole run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/status.h"
#include "llmos/types.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Threads  Every const method from any number of threads.
class Decoder {
 public:
  // Failure: kUnsupported for steps in an order that does not stream; kExhausted for steps that
  // make far more of the tokens than their texts are.
  static Result<Decoder> create(const TokenizerSpec& spec);

  // Where a text stands that is being decoded.
  struct Place {
    bool first = true;        // no token yet
    uint32_t strip_left = 0;  // what may still be dropped at the beginning
  };
  // Appends the bytes of token `id`, whose text in the vocabulary is `token`.
  void append(TokenId id, std::string_view token, Place& place, std::string& bytes) const;
  // Whether DecodeOptions::skip_special leaves the token out.
  bool is_special(TokenId id) const { return special_[size_t(id)]; }

 private:
  // The text of all tokens lies in one string; token n has [begins_[n], begins_[n + 1]).
  std::string_view bytes_of(TokenId id) const {
    const size_t begin = begins_[size_t(id)];
    return std::string_view(bytes_).substr(begin, begins_[size_t(id) + 1] - begin);
  }

  std::string bytes_;
  std::vector<size_t> begins_;
  std::vector<bool> special_;
  bool spaces_ = false;                   // one between two tokens
  std::vector<DecoderStep> first_steps_;  // of the first token, where they differ; else empty
  std::string strip_;                     // dropped at the beginning of the text,
  uint32_t strip_count_ = 0;              // up to so many times,
  TokenId kept_whole_ = kNoToken;         // but not from what stands for the unknown token
};

}  // namespace llmos
