// SPDX-License-Identifier: Apache-2.0
#include "text/unigram.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/text.h"

namespace llmos {
namespace {

constexpr double kUnknownPenalty = 10;  // below the worst token, as sentencepiece has it

// Positions are 32 bits wide; a longer text is cut.
constexpr size_t kPartBytesMax = size_t{1} << 30;

}  // namespace

Unigram::Unigram(const TokenizerSpec& spec)
    : scores_(spec.scores), float_scores_(spec.float_scores), bytes_(spec) {
  std::vector<ByteTrie::Key> keys;
  double least = std::numeric_limits<double>::infinity();
  double most = 0.1;  // the start that fits sentencepiece 0.2.3; it can turn a tie
  std::vector<bool> is_added(spec.tokens.size());
  for (const AddedToken& added : spec.added_tokens) is_added[size_t(added.id)] = true;
  user_defined_.resize(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const TokenType type = spec.types[id];
    user_defined_[id] = type == TokenType::kUserDefined && !is_added[id];
    const bool plain =
        type == TokenType::kNormal || (type == TokenType::kByte && spec.byte_tokens_in_text);
    if (plain) least = std::min(least, scores_[id]);
    if (plain) most = std::max(most, scores_[id]);
    if (plain || type == TokenType::kUserDefined ||
        (type == TokenType::kUnused && !spec.skip_unused)) {
      keys.push_back({spec.tokens[id], int32_t(id)});
    }
  }
  if (keys.empty()) least = 0;
  trie_ = ByteTrie(std::move(keys));
  score_max_ = most;
  unknown_score_ = least - kUnknownPenalty;
}

void Unigram::encode(std::string_view text, std::vector<TokenId>& ids) const {
  std::vector<Step> steps;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, kPartBytesMax);
    encode_part(part, steps, ids);
    text.remove_prefix(part.size());
  }
}

void Unigram::encode_part(std::string_view text, std::vector<Step>& steps,
                          std::vector<TokenId>& ids) const {
  steps.assign(text.size() + 1, {});
  for (uint32_t at = 0; at < text.size();) {
    extend(steps[at], at, steps, text);
    at += uint32_t(std::max<size_t>(utf8_character_bytes(text.substr(at)), 1));
  }
  // Backwards along the best way; then every step's end is known to the one before.
  std::vector<uint32_t> ends;
  for (auto end = uint32_t(text.size()); end > 0; end = steps[end].begin) ends.push_back(end);
  uint32_t begin = 0;
  for (auto end = ends.rbegin(); end != ends.rend();) {
    if (steps[*end].token != kUnknown) {
      ids.push_back(steps[*end].token);
      begin = *end++;
      continue;
    }
    uint32_t run = begin;
    bool after_unknown = false;
    while (end != ends.rend() && steps[*end].token == kUnknown) {
      run = *end++;
      bytes_.append(text.substr(begin, run - begin), after_unknown, ids);
      begin = run;
    }
  }
}

// Offers every token that `text` has at `begin` to the place where it ends.
void Unigram::extend(const Step& from, uint32_t begin, std::vector<Step>& steps,
                     std::string_view text) const {
  const double sum = from.sum;
  const std::string_view rest = text.substr(begin);
  const size_t character = std::max<size_t>(utf8_character_bytes(rest), 1);
  bool covered = false;  // the first character alone is a token
  ByteTrie::Node node = ByteTrie::kRoot;
  for (size_t i = 0; i < rest.size(); ++i) {
    node = trie_.step(node, uint8_t(rest[i]));
    if (node == ByteTrie::kRoot) break;
    const int32_t token = trie_.value(node);
    if (token == ByteTrie::kNoValue) continue;
    offer(steps[begin + i + 1], token, begin, score(token, i + 1) + sum);
    covered = covered || i + 1 == character;
  }
  if (covered) return;
  const double unknown =
      float_scores_ ? double(float(unknown_score_) + float(sum)) : unknown_score_ + sum;
  offer(steps[begin + character], kUnknown, begin, unknown);
}

// A user-defined token beats every other way through its text.
double Unigram::score(TokenId token, size_t bytes) const {
  if (!user_defined_[size_t(token)]) return scores_[size_t(token)];
  const double score = double(float(bytes) * float(score_max_)) - 0.1;
  return float_scores_ ? double(float(score)) : score;
}

void Unigram::offer(Step& step, TokenId token, uint32_t begin, double sum) const {
  if (float_scores_) sum = double(float(sum));
  if (step.begin != kNowhere && sum <= step.sum) return;
  step = {token, begin, sum};
}

}  // namespace llmos
