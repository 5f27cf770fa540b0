// SPDX-License-Identifier: Apache-2.0
// llmos: the tool. Results go to standard output, everything else to standard error; exit code 0,
// 1 for an error (one line says which), 2 for a wrong command line.
#include <llmos/version.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include "command.h"
#include "terminal.h"

namespace cli {
namespace {

std::string overview() {
  std::string text = "llmos " + std::string(llmos::version()) +
                     ": run language models from the command line\n\n"
                     "usage: llmos COMMAND [flags]     (llmos COMMAND --help explains one)\n\n";
  for (const Command* command : commands()) {
    std::string name = command->name;
    name.resize(12, ' ');
    text += "  " + name + command->line + '\n';
  }
  return text + "\nexample: llmos run --model model.gguf --prompt \"Once upon a time\"\n";
}

bool asks_help(std::span<char* const> words) {
  for (const std::string_view word : words) {
    if (word == "--help" || word == "-h") return true;
  }
  return false;
}

// One line, whatever a file has put into the message.
int fail(std::string text, int code) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::fprintf(stderr, "llmos: %s\n", text.c_str());
  return code;
}

int run_command(const Command& command, std::span<char* const> words) {
  if (asks_help(words)) {
    return write_stdout(help_text(command.usage())).ok() ? 0 : 1;
  }
  try {
    const llmos::Status status = command.run(Arguments(command.usage(), words));
    return status.ok() ? 0 : fail(status.to_string(), 1);
  } catch (const UsageError& error) {
    return fail(std::string(command.name) + ": " + error.text, 2);
  }
}

int run(std::span<char* const> words) {
  if (words.empty()) {
    std::fputs(overview().c_str(), stderr);
    return 2;
  }
  const std::string_view name = words[0];
  if (name == "--help" || name == "-h" || name == "help") {
    return write_stdout(overview()).ok() ? 0 : 1;
  }
  if (name == "--version") {
    return write_stdout("llmos " + std::string(llmos::version()) + "\n").ok() ? 0 : 1;
  }
  for (const Command* command : commands()) {
    if (command->name == name) return run_command(*command, words.subspan(1));
  }
  return fail("unknown command \"" + std::string(name) + "\" (llmos --help lists them)", 2);
}

}  // namespace
}  // namespace cli

int main(int argc, char** argv) {
  try {
    return cli::run({argv + 1, size_t(argc > 0 ? argc - 1 : 0)});
  } catch (const std::exception& error) {  // out of memory in the tool itself
    return cli::fail(error.what(), 1);
  }
}
