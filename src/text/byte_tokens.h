// SPDX-License-Identifier: Apache-2.0
// ByteTokens says what becomes of text that no token covers: a token for each of its bytes, or the
// unknown token.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "llmos/types.h"
#include "text/tokenizer_spec.h"

namespace llmos {

// The byte that "<0x41>" stands for; nullopt for another text.
std::optional<uint8_t> byte_of_token(std::string_view token) noexcept;

class ByteTokens {
 public:
  explicit ByteTokens(const TokenizerSpec& spec);

  // Appends the tokens of `text`, a character that no token covers or several. Falls back to bytes
  // only if the spec asks for it and every byte has a token. `after_unknown` says that the text
  // before was unknown too, and is updated; with fuse_unknown only one token is made of both.
  void append(std::string_view text, bool& after_unknown, std::vector<TokenId>& ids) const;

 private:
  std::array<TokenId, 256> tokens_;
  TokenId unknown_;
  bool fallback_;
  bool fuse_unknown_;
};

}  // namespace llmos
