// SPDX-License-Identifier: Apache-2.0
// Tokens that end a turn or a text, by their names: files say only which one is EOS.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "llmos/types.h"

namespace llmos {

inline constexpr std::string_view kEndTokens[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
};

// In the vocabulary of gpt-oss <|end|> ends a message but not the turn: takes it out of `ends`
// where <|return|> and <|call|> are there too. Leaves every id once.
void drop_false_ends(std::span<const std::string> tokens, std::vector<TokenId>& ends);

}  // namespace llmos
