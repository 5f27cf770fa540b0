// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration file, and their lines as variables and flags: errors or values,
// never a crash; and what was accepted can be written and read back.
#include <cstdlib>
#include <string>
#include <vector>

#include "config/documents.h"
#include "config/llmos_options.h"
#include "llmos/options.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace llmos::config;
  const std::string text(reinterpret_cast<const char*>(data), size);
  Settings settings(llmos_options());
  settings.read_toml(text, "fuzz.toml");

  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n' && lines.size() < 64) {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  std::vector<const char*> pointers;
  for (const std::string& line : lines) pointers.push_back(line.c_str());
  settings.read_flags(pointers);
  pointers.push_back(nullptr);
  settings.read_environment(pointers.data());
  require(settings.status().message().size() < 16384);

  const llmos::Options options = settings.options<llmos::Options>();
  require(options.trace.spans_max >= 1);
  require(options.threads.count <= 4096);
  // The dump may not exceed what a file may hold: dots in paths count (kDotsMax).
  if (options.log.file.size() + options.trace.file.size() < 512) {
    Settings again(llmos_options());
    again.read_toml(dump_toml(settings), "dump");
    require(again.status().ok());
  }
  return 0;
}
