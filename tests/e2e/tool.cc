// SPDX-License-Identifier: Apache-2.0
#include "e2e/tool.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <fstream>
#include <sstream>

#include "support/temp_dir.h"

extern char** environ;

namespace llmos::test {
namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Spawn {
 public:
  Spawn() { posix_spawn_file_actions_init(&actions_); }
  ~Spawn() { posix_spawn_file_actions_destroy(&actions_); }
  void redirect(int descriptor, const std::string& path, int flags) {
    posix_spawn_file_actions_addopen(&actions_, descriptor, path.c_str(), flags, 0600);
  }
  int run(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t child = 0;
    if (posix_spawn(&child, argv[0], &actions_, nullptr, argv.data(), environ) != 0) return -1;
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  posix_spawn_file_actions_t actions_;
};

}  // namespace

ToolResult run_tool(const std::vector<std::string>& arguments, const std::string& input) {
  const TempDir dir;
  dir.write("in", input);
  Spawn spawn;
  spawn.redirect(0, dir / "in", O_RDONLY);
  spawn.redirect(1, dir / "out", O_WRONLY | O_CREAT);
  spawn.redirect(2, dir / "err", O_WRONLY | O_CREAT);
  std::vector<std::string> words{LLMOS_TOOL};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const int exit_code = spawn.run(std::move(words));
  return {exit_code, content(dir / "out"), content(dir / "err")};
}

}  // namespace llmos::test
