// SPDX-License-Identifier: Apache-2.0
#include "command.h"
#include "json_text.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::Generation;
using llmos::Model;
using llmos::Result;
using llmos::Status;
using llmos::TokenId;

const Usage& usage() {
  static const Usage usage{
      "llmos run --model PATH [--prompt T | --chat T | --prompt-ids 1,2,3] [flags]",
      "Continues a prompt and writes the text to standard output as it comes.",
      with_model_flags({
          {"--model", "PATH", "a GGUF file or a Hugging Face directory"},
          {"--prompt", "T", "raw text; BOS is added where the model asks for it"},
          {"--chat", "T", "one user message, through the model's chat template"},
          {"--prompt-ids", "IDS", "token ids, nothing is added"},
          {"--max-tokens", "N", "at most so many tokens (default 256)"},
          {"--temperature", "X", "0: the most probable token (default); higher: more varied"},
          {"--top-k", "N", "draw from the N most probable tokens (default 0: all)"},
          {"--top-p", "X", "draw from the most probable with this sum (default 1: all)"},
          {"--min-p", "X", "draw from those at least X times as probable as the best"},
          {"--seed", "N", "the same seed gives the same text (default 0)"},
          {"--stop", "T", "end before this text; may be given several times"},
          {"--print-ids", nullptr, "write the generated ids on one line instead of the text"},
          {"--json", nullptr, "write {\"text\",\"ids\",\"finish\",\"prompt_ids\"}"},
      }),
      {},
      "llmos run --model model.gguf --prompt \"Once upon a time\" --max-tokens 50"};
  return usage;
}

Status need_tokenizer(const Model& model, const char* flag) {
  if (model.has_tokenizer()) return {};
  return {llmos::Code::kNotFound,
          std::string("the model has no tokenizer: use --prompt-ids instead of ") + flag};
}

Result<std::vector<TokenId>> chat_ids(const Model& model, const std::string& text) {
  JsonText messages;
  messages.open('[').open('{').key("role").value("user").key("content").value(text);
  messages.close('}').close(']');
  Result<std::string> prompt = model.tokenizer().render_chat({.messages = messages.str()});
  if (!prompt.ok()) return prompt.status();
  // The template writes BOS and every other special token itself.
  return model.tokenizer().encode(*prompt, {.add_special = false});
}

Result<std::vector<TokenId>> prompt_ids(const Model& model, const Arguments& arguments) {
  if (arguments.has("--prompt-ids")) {
    return parse_ids(arguments.text("--prompt-ids"), "--prompt-ids");
  }
  const char* flag = arguments.has("--chat") ? "--chat" : "--prompt";
  if (Status status = need_tokenizer(model, flag); !status.ok()) return status;
  if (arguments.has("--chat")) return chat_ids(model, arguments.text("--chat"));
  return model.tokenizer().encode(arguments.text("--prompt"));
}

// Reads every flag before the model is loaded: a typing error must not cost a minute.
llmos::GenerateOptions generate_options(const Arguments& arguments) {
  // Statement by statement: g++ 12 destroys members that were never made when a designated
  // initialiser throws.
  llmos::GenerateOptions options;
  options.sampling.temperature = float(arguments.number("--temperature", 0));
  options.sampling.top_k = uint32_t(arguments.natural("--top-k", 0));
  options.sampling.top_p = float(arguments.number("--top-p", 1));
  options.sampling.min_p = float(arguments.number("--min-p", 0));
  options.sampling.seed = arguments.natural("--seed", 0, UINT64_MAX);
  options.tokens_max = uint32_t(arguments.natural("--max-tokens", 256));
  options.stop = arguments.all("--stop");
  return options;
}

void check_prompt_flags(const Arguments& arguments) {
  const int given =
      arguments.has("--prompt") + arguments.has("--chat") + arguments.has("--prompt-ids");
  if (given != 1) throw UsageError{"expected one of --prompt, --chat and --prompt-ids"};
  if (arguments.has("--prompt-ids")) parse_ids(arguments.text("--prompt-ids"), "--prompt-ids");
}

const char* finish_name(llmos::Finish finish) {
  switch (finish) {
    case llmos::Finish::kStop:
      return "stop";
    case llmos::Finish::kLength:
      return "length";
    case llmos::Finish::kCancelled:
      return "cancelled";
    case llmos::Finish::kFailed:
      break;
  }
  return "failed";
}

void ids_json(JsonText& json, const char* key, std::span<const TokenId> ids) {
  json.key(key).open('[');
  for (const TokenId id : ids) json.value(id);
  json.close(']');
}

std::string generation_json(std::span<const TokenId> prompt, const Generation& generation) {
  JsonText json;
  json.open('{').key("text").value(generation.text);
  ids_json(json, "ids", generation.tokens);
  json.key("finish").value(finish_name(generation.finish));
  ids_json(json, "prompt_ids", prompt);
  return json.close('}').str() + '\n';
}

Status run(const Arguments& arguments) {
  check_prompt_flags(arguments);
  const llmos::GenerateOptions options = generate_options(arguments);
  Result<Model> model = open_model(arguments);
  if (!model.ok()) return model.status();
  Result<std::vector<TokenId>> prompt = prompt_ids(*model, arguments);
  if (!prompt.ok()) return prompt.status();

  const bool streams = !arguments.has("--json") && !arguments.has("--print-ids");
  Status written;
  const auto on_token = [&](TokenId, std::string_view text) {
    if (streams && !text.empty()) written = write_stdout(text);
    return written.ok();
  };
  Result<Generation> generation = model->generate(*prompt, options, on_token);
  if (!generation.ok()) return generation.status();
  if (!written.ok()) return written;
  if (arguments.has("--json")) return write_stdout(generation_json(*prompt, *generation));
  if (arguments.has("--print-ids")) return write_stdout(ids_line(generation->tokens));
  return stdout_is_terminal() ? write_stdout("\n") : Status();
}

}  // namespace

const Command kRun{"run", "continue a prompt", usage, run};

}  // namespace cli
