// SPDX-License-Identifier: Apache-2.0
// The repository's text files in memory, so that the rules below can be tried on synthetic trees.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace llmos::tidy {

// Path relative to the root, with forward slashes -> content.
using SourceTree = std::map<std::string, std::string>;

// What breaks a rule: "src/base/json.h:12: text".
struct Offence {
  std::string file;
  int line;  // counts from 1; 0 for the whole file
  std::string text;
};

// Reads every file under `root`/`folder` for each folder, and the named single files; folders and
// files that do not exist are empty.
SourceTree read_tree(const std::string& root, const std::vector<std::string>& names);

std::vector<std::string_view> lines_of(std::string_view text);
// "src/base/json.h" -> "h"; "" without a dot in the last part.
std::string_view extension_of(std::string_view path);
// The first part of a path after `prefix`: ("src/base/json.h", "src/") -> "base"; "" when `path`
// does not start with `prefix` or has no further folder.
std::string folder_after(std::string_view path, std::string_view prefix);

// One offence a line; "" when there is none.
std::string report(const std::vector<Offence>& offences);

}  // namespace llmos::tidy
