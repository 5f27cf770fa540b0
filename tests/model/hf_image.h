// SPDX-License-Identifier: Apache-2.0
// A Hugging Face directory in memory that a test can change before a model is read from it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "base/json.h"
#include "base/os_file.h"
#include "format/checkpoint.h"
#include "format/memory_source.h"

namespace llmos::test {

struct HfImage {
  std::map<std::string, std::string> files;  // by name, without config.json
  Json config;

  HfImage() = default;
  // A copy of a directory. Aborts when it cannot be read.
  explicit HfImage(const std::string& folder) {
    constexpr uint64_t kBytesMax = 1 << 24;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      files[entry.path().filename()] = os::read_file(entry.path(), kBytesMax).value();
    config = parse_json(files.at("config.json")).value();
    files.erase("config.json");
  }

  // As the directory "hf" of a source.
  void add_to(MemorySource& source) const {
    source.add("hf/config.json", config.dump());
    for (const auto& [name, content] : files) source.add("hf/" + name, content);
  }
};

}  // namespace llmos::test
