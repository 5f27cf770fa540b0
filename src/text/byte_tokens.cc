// SPDX-License-Identifier: Apache-2.0
#include "text/byte_tokens.h"

#include <algorithm>
#include <charconv>

namespace llmos {

std::optional<uint8_t> byte_of_token(std::string_view token) noexcept {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  uint8_t byte = 0;
  const char* const end = token.data() + 5;
  const auto parsed = std::from_chars(token.data() + 3, end, byte, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return byte;
}

ByteTokens::ByteTokens(const TokenizerSpec& spec)
    : unknown_(spec.unknown.value_or(kNoToken)),
      fallback_(spec.byte_fallback),
      fuse_unknown_(spec.fuse_unknown) {
  tokens_.fill(kNoToken);
  for (size_t id = 0; fallback_ && id < spec.tokens.size(); ++id) {
    if (const auto byte = byte_of_token(spec.tokens[id])) tokens_[*byte] = TokenId(id);
  }
}

void ByteTokens::append(std::string_view text, bool& after_unknown,
                        std::vector<TokenId>& ids) const {
  const auto token_of = [&](char byte) { return tokens_[uint8_t(byte)]; };
  const auto has_token = [&](char byte) { return token_of(byte) != kNoToken; };
  if (fallback_ && std::all_of(text.begin(), text.end(), has_token)) {
    for (const char byte : text) ids.push_back(token_of(byte));
    after_unknown = false;
  } else {
    if (unknown_ != kNoToken && !(after_unknown && fuse_unknown_)) ids.push_back(unknown_);
    after_unknown = true;
  }
}

}  // namespace llmos
