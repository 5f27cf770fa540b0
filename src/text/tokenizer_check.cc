// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_check.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "text/added_tokens.h"

namespace llmos {
namespace {

Status error(Code code, const Text& text) { return Status(code, "tokenizer: " + text.str()); }

Status check_sizes(TokenizerSpec& spec) {
  const size_t count = spec.tokens.size();
  if (count == 0) return Status(Code::kCorrupt, "tokenizer: expected tokens, found none");
  if (count > kTokensMax) {
    return error(Code::kExhausted,
                 Text() << "expected at most " << kTokensMax << " tokens, found " << count);
  }
  const bool scored = spec.model == TokenizerModel::kSpm || spec.model == TokenizerModel::kUnigram;
  if (spec.scores.empty() && !scored) spec.scores.resize(count);
  if (spec.types.empty()) spec.types.assign(count, TokenType::kNormal);
  if (spec.scores.size() != count) {
    return error(Code::kCorrupt, Text() << "expected a score for each of " << count
                                        << " tokens, found " << spec.scores.size());
  }
  if (spec.types.size() != count) {
    return error(Code::kCorrupt, Text() << "expected a type for each of " << count
                                        << " tokens, found " << spec.types.size());
  }
  for (size_t id = 0; id < count; ++id) {
    if (!std::isfinite(spec.scores[id])) {
      return error(Code::kCorrupt, Text() << "token " << id << ": expected a finite score");
    }
  }
  return {};
}

class IdCheck {
 public:
  explicit IdCheck(const TokenizerSpec& spec) : count_(spec.tokens.size()) {}

  void operator()(std::string_view what, TokenId id) {
    if (!status.ok() || (id >= 0 && size_t(id) < count_)) return;
    status = error(Code::kCorrupt, Text() << what << ": expected an id from 0 to " << count_ - 1
                                          << ", found " << id);
  }
  void operator()(std::string_view what, std::optional<TokenId> id) {
    if (id) (*this)(what, *id);
  }

  Status status;

 private:
  size_t count_;
};

Status check_ids(const TokenizerSpec& spec) {
  IdCheck check(spec);
  check("BOS", spec.bos);
  check("EOS", spec.eos);
  check("unknown token", spec.unknown);
  check("padding", spec.padding);
  for (const TokenId id : spec.end_of_generation) check("end of generation", id);
  for (const TokenId id : spec.prefix) check("post-processor", id);
  for (const TokenId id : spec.suffix) check("post-processor", id);
  for (const AddedToken& token : spec.added_tokens) check("added token", token.id);
  for (const TokenMerge& merge : spec.merges) {
    check("merge", merge.left);
    check("merge", merge.right);
    check("merge", merge.merged);
  }
  return check.status;
}

Status too_many(std::string_view what, size_t most, size_t found) {
  return error(Code::kExhausted,
               Text() << what << ": expected at most " << most << ", found " << found);
}

// Without bounds a few steps could make a text grow beyond all memory.
Status check_steps(const TokenizerSpec& spec) {
  const std::pair<std::string_view, size_t> counts[] = {
      {"normalizer steps", spec.normalizer.size()},
      {"pre-tokenizer steps", spec.pretokenizer.size()},
      {"decoder steps", spec.decoder.size()},
  };
  for (const auto& [what, count] : counts) {
    if (count > kTokenizerStepsMax) return too_many(what, kTokenizerStepsMax, count);
  }
  const size_t around = spec.prefix.size() + spec.suffix.size();
  if (around > kSurroundingIdsMax) return too_many("post-processor", kSurroundingIdsMax, around);
  size_t content = 0;
  for (const NormalizerStep& step : spec.normalizer) {
    const bool table = step.kind == NormalizerStep::Kind::kCharsmap ||
                       step.kind == NormalizerStep::Kind::kSentencepiece;
    if (!table) content = std::max(content, step.content.size());
  }
  for (const DecoderStep& step : spec.decoder) content = std::max(content, step.content.size());
  for (const PretokenizerStep& step : spec.pretokenizer) {
    if (step.kind != PretokenizerStep::Kind::kMetaspace) continue;
    content = std::max(content, step.pattern.size());
  }
  if (content <= kStepContentBytesMax) return {};
  return too_many("bytes that a step writes", kStepContentBytesMax, content);
}

}  // namespace

Status check_tokenizer_spec(TokenizerSpec& spec) {
  Status status = check_sizes(spec);
  if (status.ok()) status = check_ids(spec);
  if (status.ok()) status = check_steps(spec);
  for (const AddedToken& token : spec.added_tokens) {
    if (!status.ok() || token.text.size() <= AddedTokens::kTokenBytesMax) continue;
    status = error(Code::kUnsupported, Text() << "added token " << token.id << ": expected at most "
                                              << AddedTokens::kTokenBytesMax << " bytes, found "
                                              << token.text.size());
  }
  return status;
}

}  // namespace llmos
