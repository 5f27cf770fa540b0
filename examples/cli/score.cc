// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "command.h"
#include "json_text.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::Model;
using llmos::Perplexity;
using llmos::PositionScore;
using llmos::Result;
using llmos::Status;
using llmos::TokenId;

// The chunk that perplexities are usually given for.
constexpr uint32_t kChunkTokens = 512;

const Usage& usage() {
  static const Usage usage{
      "llmos score --model PATH (--ids 1,2,3 [--top N] | --perplexity FILE) [--json] [flags]",
      "Says how probable the model finds each token of a text, by natural logarithms; or the\n"
      "perplexity of a file, over the second halves of chunks of --ctx tokens, BOS first.",
      with_model_flags({
          {"--model", "PATH", "a GGUF file or a Hugging Face directory"},
          {"--ids", "IDS", "token ids, nothing is added"},
          {"--top", "N", "and the N most probable ids in each place"},
          {"--perplexity", "FILE", "a text file"},
          {"--json", nullptr,
           "{\"positions\":[{\"id\",\"logprob\",\"top\":[{\"id\",\"logprob\"}]}]}, the first\n"
           "                          logprob null; or "
           "{\"perplexity\",\"mean_nll\",\"scored\",\"tokens\"}"},
      }),
      {},
      "llmos score --model model.gguf --ids 1,403,407 --top 5 --json"};
  return usage;
}

void position_json(JsonText& json, const PositionScore& score) {
  json.open('{').key("id").value(score.id).key("logprob");
  score.logprob ? json.value(*score.logprob) : json.null();
  json.key("top").open('[');
  for (const llmos::TokenScore& top : score.top) {
    json.open('{').key("id").value(top.id).key("logprob").value(top.logprob).close('}');
  }
  json.close(']').close('}');
}

std::string scores_json(std::span<const PositionScore> scores) {
  JsonText json;
  json.open('{').key("positions").open('[');
  for (const PositionScore& score : scores) position_json(json, score);
  return json.close(']').close('}').str() + '\n';
}

std::string number_text(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string scores_text(std::span<const PositionScore> scores) {
  std::string text;
  for (const PositionScore& score : scores) {
    text += std::to_string(score.id) + '\t' +
            (score.logprob ? number_text("%.6f", *score.logprob) : "-");
    for (const llmos::TokenScore& top : score.top) {
      text += '\t' + std::to_string(top.id) + ':' + number_text("%.6f", top.logprob);
    }
    text += '\n';
  }
  return text;
}

// What is scored is the model, not the rounding of activations that makes packed weights fast.
Result<Model> open_exactly(const Arguments& arguments) { return open_model(arguments, "mapped"); }

Status score_ids(const Arguments& arguments) {
  const std::vector<TokenId> ids = parse_ids(arguments.text("--ids"), "--ids");
  const auto top = uint32_t(arguments.natural("--top", 0));
  Result<Model> model = open_exactly(arguments);
  if (!model.ok()) return model.status();
  Result<std::vector<PositionScore>> scores = model->score(ids, top);
  if (!scores.ok()) return scores.status();
  return write_stdout(arguments.has("--json") ? scores_json(*scores) : scores_text(*scores));
}

std::string perplexity_json(const Perplexity& result) {
  JsonText json;
  json.open('{').key("perplexity").value(result.perplexity).key("mean_nll").value(result.mean_nll);
  json.key("scored").value(result.scored).key("tokens").value(result.tokens).close('}');
  return json.str() + '\n';
}

std::string perplexity_text(const Perplexity& result) {
  return "perplexity " + number_text("%.5f", result.perplexity) +
         ", mean negative log-likelihood " + number_text("%.6f", result.mean_nll) + " over " +
         std::to_string(result.scored) + " tokens\n";
}

Status score_file(const Arguments& arguments) {
  Result<std::string> text = read_file(arguments.text("--perplexity"));
  if (!text.ok()) return text.status();
  Result<Model> model = open_exactly(arguments);
  if (!model.ok()) return model.status();
  if (!model->has_tokenizer()) {
    return {llmos::Code::kNotFound, "--perplexity: the model has no tokenizer"};
  }
  const llmos::Tokenizer& tokenizer = model->tokenizer();
  const std::vector<TokenId> ids = tokenizer.encode(*text, {.parse_special = false});
  const bool bos_first = !ids.empty() && ids.front() == tokenizer.bos();
  const auto chunk =
      uint32_t(arguments.natural("--ctx", std::min(kChunkTokens, model->plan().context)));
  ProgressBar bar("scoring");
  Result<Perplexity> result = model->perplexity(
      ids, chunk, bos_first ? tokenizer.bos() : llmos::kNoToken,
      [&](uint64_t done, uint64_t chunks) {
        bar.draw(double(done) / double(chunks), std::to_string(chunks) + " chunks");
        return true;
      });
  if (!result.ok()) return result.status();
  return write_stdout(arguments.has("--json") ? perplexity_json(*result)
                                              : perplexity_text(*result));
}

Status run(const Arguments& arguments) {
  if (arguments.has("--ids") == arguments.has("--perplexity")) {
    throw UsageError{"expected one of --ids and --perplexity"};
  }
  return arguments.has("--ids") ? score_ids(arguments) : score_file(arguments);
}

}  // namespace

const Command kScore{"score", "how probable a text is to the model", usage, run};

}  // namespace cli
