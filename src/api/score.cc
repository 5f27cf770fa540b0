// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "api/model_impl.h"
#include "base/text.h"
#include "decode/logprob.h"

namespace llmos {
namespace {

double logprob_of(std::span<const float> logits, TokenId id) {
  return double(logits[size_t(id)]) - log_sum_exp(logits);
}

std::vector<TokenScore> top_scores(std::span<const float> logits, uint32_t count) {
  std::vector<TokenScore> scores;
  if (count == 0) return scores;
  const double total = log_sum_exp(logits);
  for (const TokenId id : best_tokens(logits, count)) {
    scores.push_back({id, double(logits[size_t(id)]) - total});
  }
  return scores;
}

// Perplexity over one chunk after the other.
class ChunkScores {
 public:
  ChunkScores(SequenceRunner& runner, uint32_t chunk, TokenId bos)
      : runner_(runner), chunk_(chunk), bos_(bos) {}

  // As others do it: the first half is context only, so that every scored token has some.
  Status add(std::span<const TokenId> ids) {
    std::vector<TokenId> tokens(ids.begin(), ids.end());
    if (bos_ != kNoToken) tokens[0] = bos_;
    runner_.reset();
    const size_t first = chunk_ / 2;
    return runner_.feed(std::span(tokens).first(chunk_ - 1), first,
                        [&](size_t index, std::span<const float> logits) {
                          nll_ -= logprob_of(logits, tokens[index + 1]);
                          ++scored_;
                        });
  }

  Perplexity result() const {
    const double mean = nll_ / double(scored_);
    return {.perplexity = std::exp(mean), .mean_nll = mean, .scored = scored_};
  }

 private:
  SequenceRunner& runner_;
  const uint32_t chunk_;
  const TokenId bos_;
  double nll_ = 0;
  uint64_t scored_ = 0;
};

}  // namespace

Result<std::vector<PositionScore>> Model::score(std::span<const TokenId> ids, uint32_t top) {
  std::vector<PositionScore> scores(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) scores[i].id = ids[i];
  if (ids.empty()) return scores;
  SequenceRunner& runner = *impl_->runner;
  runner.reset();
  // The last id is fed too, so that it is checked like the others.
  const Status status = runner.feed(ids, 0, [&](size_t index, std::span<const float> logits) {
    if (index + 1 == ids.size()) return;
    PositionScore& score = scores[index + 1];
    score.logprob = logprob_of(logits, score.id);
    score.top = top_scores(logits, top);
  });
  if (!status.ok()) return status;
  return scores;
}

Result<Perplexity> Model::perplexity(std::span<const TokenId> ids, uint32_t chunk, TokenId bos,
                                     const std::function<bool(uint64_t, uint64_t)>& progress) {
  // Below 4 the second half predicts nothing.
  constexpr uint32_t kChunkLeast = 4;
  const size_t context = impl_->runner->context();
  if (chunk < kChunkLeast || chunk > context) {
    return Status(Code::kInvalid, (Text() << "perplexity: expected chunks of " << kChunkLeast
                                          << " to " << context << " tokens, found " << chunk)
                                      .str());
  }
  const size_t chunks = ids.size() / chunk;
  if (chunks == 0) {
    return Status(Code::kInvalid, (Text() << "perplexity: expected at least " << chunk
                                          << " tokens, found " << ids.size())
                                      .str());
  }
  ChunkScores scores(*impl_->runner, chunk, bos);
  for (size_t i = 0; i < chunks; ++i) {
    if (Status status = scores.add(ids.subspan(i * chunk, chunk)); !status.ok()) return status;
    if (progress && !progress(i + 1, chunks)) {
      return Status(Code::kCancelled, "perplexity: cancelled");
    }
  }
  Perplexity result = scores.result();
  result.tokens = chunks * chunk;
  return result;
}

}  // namespace llmos
