// SPDX-License-Identifier: Apache-2.0
// The words after a subcommand: flags with a value ("--model m.gguf", "--model=m.gguf"), switches
// ("--json") and places ("IN OUT").
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

struct Flag {
  const char* name;   // "--model"
  const char* value;  // what stands behind it in the help, or null: a switch
  const char* help;   // null: for few; only named in the help, explained in README.md
};

// What a subcommand takes, and its help. `places` are required.
struct Usage {
  const char* summary;  // "llmos quantize IN OUT --type T"
  const char* purpose;
  std::vector<Flag> flags;
  std::vector<const char*> places;
  const char* example;
};

std::string help_text(const Usage& usage);

// A usage error; its text says what was expected. main() turns it into exit code 2.
struct UsageError {
  std::string text;
};

// Parsed words. Every reading function throws UsageError for a value that is none of its type.
class Arguments {
 public:
  Arguments(const Usage& usage, std::span<char* const> words);

  bool has(std::string_view flag) const;
  std::string required(std::string_view flag) const;
  std::string text(std::string_view flag, const std::string& otherwise = {}) const;
  std::vector<std::string> all(std::string_view flag) const;  // in the order given
  uint64_t natural(std::string_view flag, uint64_t otherwise,
                   uint64_t most = std::numeric_limits<uint32_t>::max()) const;
  double number(std::string_view flag, double otherwise) const;
  const std::string& place(size_t index) const { return places_.at(index); }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> places_;
};

// "1,2,3" (spaces allowed); empty for no ids.
std::vector<int32_t> parse_ids(std::string_view text, const std::string& what);

}  // namespace cli
