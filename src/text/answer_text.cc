// SPDX-License-Identifier: Apache-2.0
#include "text/answer_text.h"

namespace llmos {

AnswerText::AnswerText(const Tokenizer* tokenizer, std::span<const TokenId> prompt,
                       const std::vector<std::string>& stop)
    : stop_(stop) {
  if (!tokenizer) return;
  detokenizer_.emplace(*tokenizer);
  for (const TokenId id : prompt) static_cast<void>(detokenizer_->push(id));
}

bool AnswerText::push(TokenId id, std::string& out) {
  return detokenizer_ && stop_.push(detokenizer_->push(id), out);
}

bool AnswerText::finish(std::string& out) {
  if (!detokenizer_) return false;
  if (stop_.push(detokenizer_->finish(), out)) return true;
  stop_.finish(out);
  return false;
}

}  // namespace llmos
