// SPDX-License-Identifier: Apache-2.0
#include "command.h"
#include "json_text.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::Result;
using llmos::Status;
using llmos::TokenId;
using llmos::Tokenizer;

const Usage& usage() {
  static const Usage usage{
      "llmos tokenize --model PATH|DIR [--decode] [--no-special]",
      "Turns the bytes of standard input, exactly as they are, into one line of token ids;\n"
      "with --decode a line of ids into text.",
      {
          {"--model", "PATH", "a GGUF file, tokenizer.json, tokenizer.model, or their directory"},
          {"--decode", nullptr, "ids in, text out"},
          {"--no-special", nullptr, "add no special tokens and recognise none"},
          {"--keep-special", nullptr, "decoding: write control tokens too (\"<s>\")"},
          {"--json", nullptr, "write {\"ids\",\"tokens\"}; decoding {\"text\"}"},
      },
      {},
      "printf 'Hello' | llmos tokenize --model model.gguf"};
  return usage;
}

Status decode(const Tokenizer& tokenizer, const Arguments& arguments, const std::string& input) {
  const std::vector<TokenId> ids = parse_ids(input, "standard input");
  Result<std::string> text =
      tokenizer.decode(ids, {.skip_special = !arguments.has("--keep-special")});
  if (!text.ok()) return text.status();
  if (!arguments.has("--json")) return write_stdout(*text);
  JsonText json;
  json.open('{').key("text").value(*text).close('}');
  return write_stdout(json.str() + '\n');
}

Status encode(const Tokenizer& tokenizer, const Arguments& arguments, const std::string& input) {
  const bool special = !arguments.has("--no-special");
  const std::vector<TokenId> ids =
      tokenizer.encode(input, {.add_special = special, .parse_special = special});
  if (!arguments.has("--json")) return write_stdout(ids_line(ids));
  JsonText json;
  json.open('{').key("ids").open('[');
  for (const TokenId id : ids) json.value(id);
  json.close(']').key("tokens").open('[');
  for (const TokenId id : ids) json.value(tokenizer.token(id));
  return write_stdout(json.close(']').close('}').str() + '\n');
}

Status run(const Arguments& arguments) {
  Result<Tokenizer> tokenizer = Tokenizer::open(arguments.required("--model"));
  if (!tokenizer.ok()) return tokenizer.status();
  Result<std::string> input = read_stdin();
  if (!input.ok()) return input.status();
  return arguments.has("--decode") ? decode(*tokenizer, arguments, *input)
                                   : encode(*tokenizer, arguments, *input);
}

}  // namespace

const Command kTokenize{"tokenize", "text to token ids, and back", usage, run};

}  // namespace cli
