// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_normalizer.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace llmos {

Result<SentencepieceNormalizer> SentencepieceNormalizer::create(
    const NormalizerStep& step, std::vector<ByteTrie::Key> user_defined) {
  Result<Charsmap> charsmap = Charsmap::parse(step.content);
  if (!charsmap.ok()) return charsmap.status();
  SentencepieceNormalizer made;
  made.charsmap_ = *std::move(charsmap);
  made.user_defined_ = ByteTrie(std::move(user_defined));
  made.space_ = step.escape_whitespaces ? "\xE2\x96\x81" : " ";
  made.dummy_prefix_ = step.add_dummy_prefix && !step.whitespace_as_suffix;
  made.dummy_suffix_ = step.add_dummy_prefix && step.whitespace_as_suffix;
  made.remove_extra_ = step.remove_extra_whitespaces;
  return made;
}

SentencepieceNormalizer::Prefix SentencepieceNormalizer::normalize_prefix(
    std::string_view text) const {
  const size_t user_defined = user_defined_.longest(text).bytes;
  if (user_defined > 0) return {user_defined, text.substr(0, user_defined)};
  if (const auto match = charsmap_.longest(text)) return {match->bytes, match->replacement};
  const size_t character = utf8_character_bytes(text);
  if (character > 0) return {character, text.substr(0, character)};
  return {1, "\xEF\xBF\xBD"};
}

size_t SentencepieceNormalizer::growth_max() const {
  constexpr size_t kReplacementBytes = 3;  // U+FFFD for a byte that is no UTF-8
  return std::max(charsmap_.replacement_bytes_max() * space_.size(), kReplacementBytes);
}

std::string SentencepieceNormalizer::apply(std::string_view text) const {
  while (remove_extra_ && !text.empty()) {
    const Prefix prefix = normalize_prefix(text);
    if (prefix.text != " ") break;
    text.remove_prefix(prefix.bytes);
  }
  if (text.empty()) return "";
  std::string out;
  out.reserve(text.size() + text.size() / 2 + space_.size());
  if (dummy_prefix_) out += space_;
  bool after_space = remove_extra_;
  while (!text.empty()) {
    Prefix prefix = normalize_prefix(text);
    text.remove_prefix(prefix.bytes);
    while (after_space && prefix.text.starts_with(' ')) prefix.text.remove_prefix(1);
    if (prefix.text.empty()) continue;
    for (const char byte : prefix.text) byte == ' ' ? out += space_ : out += byte;
    after_space = remove_extra_ && prefix.text.ends_with(' ');
  }
  while (remove_extra_ && out.ends_with(space_)) out.resize(out.size() - space_.size());
  if (dummy_suffix_) out += space_;
  return out;
}

}  // namespace llmos
