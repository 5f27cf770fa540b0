// SPDX-License-Identifier: Apache-2.0
// Words of a benchmark's command line: "--name value" and switches. A wrong one ends the program.
#pragma once

#include <errno.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace llmos::bench {

[[noreturn]] inline void fail(const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.c_str());
  std::exit(2);
}

// The parts of "a,b,c".
inline std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t from = 0; from <= text.size();) {
    const size_t to = std::min(text.find(',', from), text.size());
    if (to > from) parts.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

struct Arguments {
  using Names = std::vector<std::string_view>;

  // `names` take a value, `switches` none.
  static Arguments parse(int argc, char** argv, const Names& names, const Names& switches = {}) {
    const auto is_in = [](const Names& all, std::string_view name) {
      return std::find(all.begin(), all.end(), name) != all.end();
    };
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      const std::string name = word.starts_with("--") ? word.substr(2) : "";
      if (is_in(switches, name)) {
        arguments.values[name] = "1";
      } else if (!is_in(names, name)) {
        fail("unknown argument " + word);
      } else if (i + 1 == argc) {
        fail(word + " needs a value");
      } else {
        arguments.values[name] = argv[++i];
      }
    }
    return arguments;
  }

  std::string text(const std::string& name, const std::string& other) const {
    const auto found = values.find(name);
    return found == values.end() ? other : found->second;
  }
  double number(const std::string& name, double other) const {
    const auto found = values.find(name);
    if (found == values.end()) return other;
    char* end = nullptr;
    const double value = std::strtod(found->second.c_str(), &end);
    if (end == found->second.c_str() || *end) fail("--" + name + ": expected a number");
    return value;
  }

  std::map<std::string, std::string> values{};
};

}  // namespace llmos::bench
