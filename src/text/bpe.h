// SPDX-License-Identifier: Apache-2.0
// Byte-pair encoding: a piece of text becomes its characters' (or bytes') tokens, then the pair
// with the lowest rank merges, the leftmost of equals first, until no pair can. The ids are those
// of HF tokenizers on any piece.
//
// Bytes    With the alphabet of bytes (byte_level.h) any piece has ids. Otherwise a byte that is
//          not UTF-8 counts as a character of its own: a byte token, or unknown.
// Time     O(n log n) for a piece of n bytes, and a few hash look-ups for one that is a token.
// Memory   O(n) for a long piece during the call; nothing for one of kShortPiece symbols.
// Threads  Const and thread-safe. What has been learnt about a token (that it is what its own text
//          encodes to) is kept in an atomic byte for each; who learns it makes no difference.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/status.h"
#include "llmos/types.h"
#include "text/tokenizer_spec.h"

namespace llmos {

struct BpeOptions {
  bool byte_level = true;      // the alphabet is bytes, written as in byte_level.h
  bool ignore_merges = false;  // a piece that is a token is that token
  // Without byte_level: what has no token becomes the tokens <0x00> to <0xFF> of its bytes.
  bool byte_fallback = false;
  bool fuse_unknown = false;         // neighbouring unknown characters become one unknown token
  std::optional<TokenId> unknown{};  // none: what has no token is dropped
};

class Bpe {
 public:
  // tokens[i] is the text of id i, as the vocabulary writes it; merges are in order of their rank.
  // Failure: kInvalid for an id that is not below tokens.size(); kExhausted from 2^31 tokens or
  // merges on. Copies what it needs.
  static Result<Bpe> create(std::span<const std::string> tokens, std::span<const TokenMerge> merges,
                            const BpeOptions& options);
  Bpe(Bpe&& other) noexcept;
  Bpe& operator=(Bpe&& other) noexcept;
  ~Bpe();

  // Appends the ids of `piece`, which is raw bytes: with byte_level too. Merges do not cross the
  // 2 GiB marks of a piece.
  void encode(std::string_view piece, std::vector<TokenId>* ids) const;

 private:
  class Model;
  explicit Bpe(std::unique_ptr<const Model> model);

  std::unique_ptr<const Model> model_;
};

}  // namespace llmos
