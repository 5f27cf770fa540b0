// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "command.h"
#include "json_text.h"
#include "request_flags.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::Engine;
using llmos::Output;
using llmos::Reply;
using llmos::Result;
using llmos::Status;
using llmos::TokenId;

const Usage& usage() {
  static const Usage usage{
      "llmos run --model PATH [--prompt T | --chat T | --prompt-ids 1,2,3] [flags]",
      "Continues a prompt and writes the text to standard output as it comes.",
      with_model_flags(with_request_flags({
          {"--model", "PATH", "a GGUF file or a Hugging Face directory"},
          {"--prompt", "T", "raw text; BOS is added where the model asks for it"},
          {"--chat", "T", "one user message, through the model's chat template"},
          {"--prompt-ids", "IDS", "token ids, nothing is added"},
          {"--n", "N", "so many answers, with seeds of their own (default 1)"},
          {"--print-ids", nullptr, "write the generated ids, a line for each answer"},
          {"--json", nullptr, "write {\"text\",\"ids\",\"finish\",\"prompt_ids\",...}"},
          {"--stats", nullptr, nullptr},
      })),
      {},
      "llmos run --model model.gguf --prompt \"Once upon a time\" --max-tokens 50"};
  return usage;
}

Status need_tokenizer(const Engine& engine, const char* flag) {
  if (engine.has_tokenizer()) return {};
  return {llmos::Code::kNotFound,
          std::string("the model has no tokenizer: use --prompt-ids instead of ") + flag};
}

Result<std::vector<TokenId>> chat_ids(const Engine& engine, const std::string& text) {
  JsonText messages;
  messages.open('[').open('{').key("role").value("user").key("content").value(text);
  messages.close('}').close(']');
  Result<std::string> prompt = engine.tokenizer().render_chat({.messages = messages.str()});
  if (!prompt.ok()) return prompt.status();
  // The template writes BOS and every other special token itself.
  return engine.tokenizer().encode(*prompt, {.add_special = false});
}

Result<std::vector<TokenId>> prompt_ids(const Engine& engine, const Arguments& arguments) {
  if (arguments.has("--prompt-ids")) {
    return parse_ids(arguments.text("--prompt-ids"), "--prompt-ids");
  }
  const char* flag = arguments.has("--chat") ? "--chat" : "--prompt";
  if (Status status = need_tokenizer(engine, flag); !status.ok()) return status;
  if (arguments.has("--chat")) return chat_ids(engine, arguments.text("--chat"));
  return engine.tokenizer().encode(arguments.text("--prompt"));
}

void check_prompt_flags(const Arguments& arguments) {
  const int given =
      arguments.has("--prompt") + arguments.has("--chat") + arguments.has("--prompt-ids");
  if (given != 1) throw UsageError{"expected one of --prompt, --chat and --prompt-ids"};
  if (arguments.has("--prompt-ids")) parse_ids(arguments.text("--prompt-ids"), "--prompt-ids");
}

void ids_json(JsonText& json, const char* key, std::span<const TokenId> ids) {
  json.key(key).open('[');
  for (const TokenId id : ids) json.value(id);
  json.close(']');
}

void output_json(JsonText& json, const Output& output) {
  json.key("text").value(output.text);
  ids_json(json, "ids", output.tokens);
  json.key("finish").value(finish_name(output.finish));
}

std::string reply_json(std::span<const TokenId> prompt, const Reply& reply) {
  JsonText json;
  json.open('{');
  output_json(json, reply);
  ids_json(json, "prompt_ids", prompt);
  json.key("others").open('[');
  for (const Output& other : reply.others) {
    json.open('{');
    output_json(json, other);
    json.close('}');
  }
  json.close(']').key("usage").open('{');
  json.key("prompt_tokens").value(reply.usage.prompt_tokens);
  json.key("cached_tokens").value(reply.usage.cached_tokens);
  json.key("output_tokens").value(reply.usage.output_tokens);
  json.key("first_token_ms").value(reply.usage.first_token.count());
  json.key("total_ms").value(reply.usage.total.count());
  return json.close('}').close('}').str() + '\n';
}

std::string reply_ids(const Reply& reply) {
  std::string text = ids_line(reply.tokens);
  for (const Output& other : reply.others) text += ids_line(other.tokens);
  return text;
}

// The first answer comes as it is drawn; further ones whole, each behind a line of its own.
Result<Reply> stream_reply(llmos::Stream& stream, bool shown) {
  while (const std::optional<llmos::Chunk> chunk = stream.next()) {
    if (!shown || chunk->choice != 0 || chunk->text.empty()) continue;
    if (Status status = write_stdout(chunk->text); !status.ok()) return status;
  }
  Result<Reply> reply = stream.wait();
  if (!reply.ok() || !shown) return reply;
  for (const Output& other : reply->others) {
    const Status status = write_stdout("\n----\n" + other.text);
    if (!status.ok()) return status;
  }
  return reply;
}

Status run(const Arguments& arguments) {
  check_prompt_flags(arguments);
  llmos::Request request = request_options(arguments, 0);
  request.choices = uint32_t(arguments.natural("--n", 1));
  Result<Engine> engine = open_engine(arguments);
  if (!engine.ok()) return engine.status();
  Result<std::vector<TokenId>> prompt = prompt_ids(*engine, arguments);
  if (!prompt.ok()) return prompt.status();

  const bool streams = !arguments.has("--json") && !arguments.has("--print-ids");
  request.prompt = *prompt;
  Result<llmos::Stream> stream = engine->submit(std::move(request));
  if (!stream.ok()) return stream.status();
  const Result<Reply> reply = stream_reply(*stream, streams);
  if (!reply.ok()) return reply.status();
  Status written;
  if (arguments.has("--json")) {
    written = write_stdout(reply_json(*prompt, *reply));
  } else if (arguments.has("--print-ids")) {
    written = write_stdout(reply_ids(*reply));
  } else if (stdout_is_terminal()) {
    written = write_stdout("\n");
  }
  if (arguments.has("--stats")) {
    const std::string lines = speed_line(reply->usage) + '\n' + engine_lines(engine->metrics());
    std::fputs(lines.c_str(), stderr);
  }
  return written;
}

}  // namespace

const Command kRun{"run", "continue a prompt", usage, run};

}  // namespace cli
