// SPDX-License-Identifier: Apache-2.0
#include <llmos/tokenizer.h>

#include "command.h"
#include "json_text.h"
#include "terminal.h"

namespace cli {
namespace {

using llmos::Result;
using llmos::Status;

const Usage& usage() {
  static const Usage usage{
      "llmos template --model PATH|DIR --messages FILE.json [flags]",
      "Renders a conversation with the model's chat template, exactly as it would be tokenised.",
      {
          {"--model", "PATH", "a GGUF file, a Hugging Face directory, or a .jinja file"},
          {"--messages", "FILE",
           "an array of messages, or {\"messages\",\"tools\",\"add_generation_prompt\", ...}"},
          {"--no-generation-prompt", nullptr, "do not begin an answer at the end"},
          {"--name", "NAME", "which template, where a model has several"},
          {"--json", nullptr, "write {\"text\"}"},
      },
      {},
      "llmos template --model model.gguf --messages chat.json"};
  return usage;
}

Status run(const Arguments& arguments) {
  const std::string path = arguments.required("--model");
  Result<std::string> messages = read_file(arguments.required("--messages"));
  if (!messages.ok()) return messages.status();
  Result<std::string> text =
      llmos::render_chat(path, {.messages = *messages,
                                .add_generation_prompt = !arguments.has("--no-generation-prompt"),
                                .template_name = arguments.text("--name")});
  if (!text.ok()) return text.status();
  if (!arguments.has("--json")) return write_stdout(*text);
  JsonText json;
  json.open('{').key("text").value(*text).close('}');
  return write_stdout(json.str() + '\n');
}

}  // namespace

const Command kTemplate{"template", "render a chat template", usage, run};

}  // namespace cli
