// SPDX-License-Identifier: Apache-2.0
// SentencepieceNormalizer prepares a text as sentencepiece does: characters are replaced by a
// table, spaces trimmed and joined, one is put before the text, and all become U+2581.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "llmos/status.h"
#include "text/byte_trie.h"
#include "text/charsmap.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// Threads  Every const method from any number of threads.
class SentencepieceNormalizer {
 public:
  // `step` is of kind kSentencepiece; `user_defined` are texts that stay as they are.
  static Result<SentencepieceNormalizer> create(const NormalizerStep& step,
                                                std::vector<ByteTrie::Key> user_defined);

  // A byte that is no UTF-8 becomes U+FFFD.
  std::string apply(std::string_view text) const;
  // Bytes that one byte of a text becomes at most, but for the space before or behind the text.
  size_t growth_max() const;

 private:
  struct Prefix {
    size_t bytes;
    std::string_view text;
  };
  SentencepieceNormalizer() = default;
  Prefix normalize_prefix(std::string_view text) const;  // of a text that is not empty

  Charsmap charsmap_;
  ByteTrie user_defined_;
  std::string space_;
  bool dummy_prefix_ = false;
  bool dummy_suffix_ = false;
  bool remove_extra_ = false;
};

}  // namespace llmos
