// SPDX-License-Identifier: Apache-2.0
// AnswerText: from the tokens of an answer to the text that a caller may see: whole characters, and
// nothing of a stop string.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "llmos/tokenizer.h"
#include "text/stop_matcher.h"

namespace llmos {

// Threads  One at a time.
class AnswerText {
 public:
  // Without a tokenizer all texts are empty. The prompt decides whether the answer's first space is
  // part of the text.
  AnswerText(const Tokenizer* tokenizer, std::span<const TokenId> prompt,
             const std::vector<std::string>& stop);

  // Appends what became certain; true when a stop string is complete.
  bool push(TokenId id, std::string& out);
  // The answer is over: appends what was held back. True when that completed a stop string.
  bool finish(std::string& out);

 private:
  std::optional<Detokenizer> detokenizer_;
  StopMatcher stop_;
};

}  // namespace llmos
