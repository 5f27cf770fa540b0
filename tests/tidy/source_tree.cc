// SPDX-License-Identifier: Apache-2.0
#include "tidy/source_tree.h"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace llmos::tidy {

namespace fs = std::filesystem;

namespace {

void read_file(const fs::path& root, const fs::path& path, SourceTree* tree) {
  std::ifstream in(path, std::ios::binary);
  (*tree)[path.lexically_relative(root).generic_string()] =
      std::string(std::istreambuf_iterator<char>(in), {});
}

}  // namespace

SourceTree read_tree(const std::string& root, const std::vector<std::string>& names) {
  SourceTree tree;
  for (const std::string& name : names) {
    const fs::path path = fs::path(root) / name;
    if (fs::is_regular_file(path)) read_file(root, path, &tree);
    if (!fs::is_directory(path)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) read_file(root, entry.path(), &tree);
    }
  }
  return tree;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string_view extension_of(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
}

std::string folder_after(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return "";
  path.remove_prefix(prefix.size());
  const size_t slash = path.find('/');
  return std::string(slash == std::string_view::npos ? std::string_view() : path.substr(0, slash));
}

std::string report(const std::vector<Offence>& offences) {
  std::string text;
  for (const Offence& offence : offences) {
    text += offence.file + ":" + std::to_string(offence.line) + ": " + offence.text + "\n";
  }
  return text;
}

}  // namespace llmos::tidy
