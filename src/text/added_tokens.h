// SPDX-License-Identifier: Apache-2.0
// AddedTokens finds tokens that are written out in a text, and what lies between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/types.h"
#include "text/byte_trie.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// A part of a text: an added token, or what lies between two (id == kNoToken).
struct TextPart {
  std::string_view text;
  TokenId id = kNoToken;
};

// Rules    Of HF tokenizers (kLeftmostLongest: one pass, no overlaps; a match that is turned down,
//          because it is special and those are not wanted or because a word goes on beside it,
//          hides what it overlaps) or of llama.cpp (kLongestFirst: as if each token were searched
//          in the whole text, longest first; of equals the one that begins first). lstrip and
//          rstrip drop white space, of Unicode in the first case, of ASCII in the second.
// Cost     O(n * bytes of the longest token), and a logarithm for kLongestFirst.
// Threads  Every const method from any number of threads.
class AddedTokens {
 public:
  // Longer ones are refused by make_tokenizer(); real ones have less than 100 bytes.
  static constexpr size_t kTokenBytesMax = 1024;

  // Looks for `text` of each token; empty ones are left out.
  AddedTokens(std::vector<AddedToken> tokens, AddedTokenOrder order);

  bool empty() const noexcept { return tokens_.empty(); }
  // Appends the parts of `text`, none of them empty. `special`: special tokens are wanted too.
  void split(std::string_view text, bool special, std::vector<TextPart>& parts) const;

 private:
  void split_leftmost(std::string_view text, bool special, std::vector<TextPart>& parts) const;
  void split_longest(std::string_view text, bool special, std::vector<TextPart>& parts) const;

  std::vector<AddedToken> tokens_;
  AddedTokenOrder order_;
  ByteTrie trie_;  // values: indices into tokens_
};

}  // namespace llmos
