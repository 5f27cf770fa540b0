// SPDX-License-Identifier: Apache-2.0
// Cuts the text of a template into tokens, with the whitespace rules of transformers' environment:
// trim_blocks, lstrip_blocks, no final newline.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/value.h"

namespace llmos::jinja {

enum class TokenType : uint8_t {
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenType type;
  uint32_t line;
  // Of data and strings the text itself, with escapes resolved; else as it is written.
  std::string_view text;
  Value number = {};  // of kInteger and kFloat
};

// Tokens of `source`, ending with kEnd. `source` must be valid UTF-8; texts that are not parts
// of it are kept in `texts`. Failure (thrown): kCorrupt, kUnsupported.
std::vector<Token> tokenize(std::string_view source, std::deque<std::string>& texts);

// With \n for \r\n and \r, and without one newline at the end.
std::string normalized_source(std::string_view source);

}  // namespace llmos::jinja
