// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "api/model_impl.h"
#include "decode/sampler.h"
#include "text/answer_text.h"

namespace llmos {
namespace {

// One answer while it grows.
class Answer {
 public:
  Answer(const Tokenizer* tokenizer, std::span<const TokenId> prompt,
         const GenerateOptions& options, const OnToken& on_token)
      : tokenizer_(tokenizer),
        options_(options),
        on_token_(on_token),
        text_(tokenizer, prompt, options.stop) {}

  // False when the answer has ended.
  bool add(TokenId id) {
    result_.tokens.push_back(id);
    if (tokenizer_ && tokenizer_->is_end(id)) return end(Finish::kStop, id);
    std::string piece;
    if (text_.push(id, piece)) return show(Finish::kStop, id, piece);
    if (result_.tokens.size() == options_.tokens_max) return end(Finish::kLength, id, piece);
    result_.text += piece;
    if (on_token_ && !on_token_(id, piece)) {
      result_.finish = Finish::kCancelled;
      return false;
    }
    return true;
  }

  Generation take() && { return std::move(result_); }

 private:
  bool end(Finish finish, TokenId id, std::string piece = {}) {
    if (text_.finish(piece)) finish = Finish::kStop;
    return show(finish, id, piece);
  }
  bool show(Finish finish, TokenId id, const std::string& piece) {
    result_.text += piece;
    result_.finish = on_token_ && !on_token_(id, piece) ? Finish::kCancelled : finish;
    return false;
  }

  const Tokenizer* tokenizer_;
  const GenerateOptions& options_;
  const OnToken& on_token_;
  AnswerText text_;
  Generation result_;
};

}  // namespace

Result<Generation> Model::generate(std::span<const TokenId> prompt, const GenerateOptions& options,
                                   const OnToken& on_token) {
  if (prompt.empty()) return Status(Code::kInvalid, "generate: expected at least one prompt token");
  const uint32_t vocabulary = impl_->info.vocabulary;
  Result<Sampler> sampler = Sampler::create(options.sampling, vocabulary);
  if (!sampler.ok()) return sampler.status();
  SamplerRoom room(vocabulary, impl_->plan.context);
  SequenceRunner& runner = *impl_->runner;
  runner.reset();
  if (options.tokens_max == 0) return Generation{.finish = Finish::kLength};

  Answer answer(impl_->tokenizer ? &*impl_->tokenizer : nullptr, prompt, options, on_token);
  TokenId next = kNoToken;
  std::vector<TokenId> text(prompt.begin(), prompt.end());
  const auto draw = [&](size_t, std::span<const float> logits) {
    next = sampler->sample(
        {.logits = logits, .tokens = text, .prompt_tokens = uint32_t(prompt.size())}, room);
    text.push_back(next);
  };
  Status status = runner.feed(prompt, prompt.size() - 1, draw);
  while (status.ok() && answer.add(next)) {
    if (runner.tokens() == runner.context()) {
      Generation generation = std::move(answer).take();
      generation.finish = Finish::kLength;
      return generation;
    }
    status = runner.feed({&next, 1}, 0, draw);
  }
  if (!status.ok()) return status;
  return std::move(answer).take();
}

}  // namespace llmos
