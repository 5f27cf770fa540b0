// SPDX-License-Identifier: Apache-2.0
#include "format/end_tokens.h"

#include <algorithm>

namespace llmos {

void drop_false_ends(std::span<const std::string> tokens, std::vector<TokenId>& ends) {
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  const auto has = [&](std::string_view text) {
    return std::any_of(ends.begin(), ends.end(),
                       [&](TokenId id) { return tokens[size_t(id)] == text; });
  };
  if (!has("<|return|>") || !has("<|call|>")) return;
  std::erase_if(ends, [&](TokenId id) { return tokens[size_t(id)] == "<|end|>"; });
}

}  // namespace llmos
