// SPDX-License-Identifier: Apache-2.0
#include "command.h"
#include "terminal.h"

namespace cli {
namespace {

const Usage& usage() {
  static const Usage usage{"llmos completion",
                           "Writes a completion script for bash: commands, flags and files.",
                           {},
                           {},
                           "source <(llmos completion)"};
  return usage;
}

std::string flag_words(const Usage& usage) {
  std::string words = "--help";
  for (const Flag& flag : usage.flags) words += ' ' + std::string(flag.name);
  return words;
}

// A word that begins with a dash is a flag of the command; any other a file.
llmos::Status run(const Arguments&) {
  std::string names, cases;
  for (const Command* command : commands()) {
    names += (names.empty() ? "" : " ") + std::string(command->name);
    cases +=
        "    " + std::string(command->name) + ") flags='" + flag_words(command->usage()) + "' ;;\n";
  }
  return write_stdout(
      "_llmos() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} flags=''\n"
      "  if ((COMP_CWORD == 1)); then\n"
      "    mapfile -t COMPREPLY < <(compgen -W '" +
      names +
      "' -- \"$word\")\n"
      "    return\n"
      "  fi\n"
      "  case ${COMP_WORDS[1]} in\n" +
      cases +
      "  esac\n"
      "  if [[ $word == -* ]]; then\n"
      "    mapfile -t COMPREPLY < <(compgen -W \"$flags\" -- \"$word\")\n"
      "  else\n"
      "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
      "  fi\n"
      "}\n"
      "complete -o filenames -F _llmos llmos\n");
}

}  // namespace

const Command kCompletion{"completion", "a completion script for bash", usage, run};

}  // namespace cli
