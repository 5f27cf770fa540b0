// SPDX-License-Identifier: Apache-2.0
#include "tidy/style_rules.h"

#include <algorithm>
#include <regex>
#include <set>

namespace llmos::tidy {

namespace {

enum class Kind { kOther, kCode, kScript };

Kind kind_of(std::string_view path) {
  const std::string_view ext = extension_of(path);
  for (const char* code : {"h", "cc", "cu", "cuh", "c"}) {
    if (ext == code) return Kind::kCode;
  }
  // The scripts in .ci have no extension.
  const bool script = ext == "cmake" || ext == "sh" || path.ends_with("CMakeLists.txt") ||
                      path == "Makefile" || (path.starts_with(".ci/") && ext.empty());
  return script ? Kind::kScript : Kind::kOther;
}

bool is_header(std::string_view path) {
  return extension_of(path) == "h" || extension_of(path) == "cuh";
}

// Characters, not bytes: continuation bytes of UTF-8 do not count.
int columns_of(std::string_view line) {
  return int(std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; }));
}

// Spelled in two parts, so that this file passes its own rule.
bool is_unfinished(std::string_view line) {
  static const std::regex kMarks(std::string("\\b(TO") + "DO|FIX" + "ME|XX" + "X|HA" + "CK)\\b");
  return std::regex_search(line.begin(), line.end(), kMarks);
}

void check_line(const std::string& path, int number, std::string_view line,
                std::vector<Offence>* offences) {
  const int columns_max = kind_of(path) == Kind::kCode ? kColumnsMax : kScriptColumnsMax;
  const int columns = columns_of(line);
  if (columns > columns_max) {
    offences->push_back({path, number,
                         "line of " + std::to_string(columns) + " columns: at most " +
                             std::to_string(columns_max)});
  }
  if (line.find('\t') != std::string_view::npos && path != "Makefile") {
    offences->push_back({path, number, "tab: indent by two spaces"});
  }
  if (line.ends_with(' ') || line.ends_with('\r')) {
    offences->push_back({path, number, "blank at the end of the line"});
  }
  if (is_unfinished(line)) offences->push_back({path, number, "note of unfinished work"});
}

std::string_view without_extension(std::string_view path) {
  const std::string_view ext = extension_of(path);
  return ext.empty() ? path : path.substr(0, path.size() - ext.size() - 1);
}

struct Exemption {
  int line;
  bool used = false;
};

std::map<std::string, Exemption> parse_exemptions(std::string_view text, const std::string& path,
                                                  std::vector<Offence>* offences) {
  std::map<std::string, Exemption> exemptions;
  int number = 0;
  for (const std::string_view line : lines_of(text)) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const size_t hash = line.find(" # ");
    if (hash == std::string_view::npos) {
      offences->push_back({path, number, "exemption without a reason behind ' # '"});
      continue;
    }
    std::string stem(line.substr(0, hash));
    stem.resize(stem.find_last_not_of(' ') + 1);
    exemptions[stem] = {number};
  }
  return exemptions;
}

}  // namespace

std::vector<Offence> check_style(const SourceTree& tree) {
  std::vector<Offence> offences;
  for (const auto& [path, text] : tree) {
    if (kind_of(path) == Kind::kOther) continue;
    const std::vector<std::string_view> lines = lines_of(text);
    const size_t spdx_line = !lines.empty() && lines[0].starts_with("#!") ? 1 : 0;
    if (lines.size() <= spdx_line ||
        lines[spdx_line].find("SPDX-License-Identifier: Apache-2.0") == std::string_view::npos) {
      offences.push_back({path, int(spdx_line) + 1, "expected the SPDX line"});
    }
    if (is_header(path) && text.find("\n#pragma once\n") == std::string::npos) {
      offences.push_back({path, 0, "header without #pragma once"});
    }
    if (!text.ends_with('\n')) offences.push_back({path, 0, "no newline at the end"});
    int number = 0;
    for (const std::string_view line : lines) check_line(path, ++number, line, &offences);
  }
  return offences;
}

std::vector<Offence> check_mirror(const SourceTree& tree, std::string_view exemptions_text,
                                  const std::string& exemptions_path) {
  std::vector<Offence> offences;
  auto exemptions = parse_exemptions(exemptions_text, exemptions_path, &offences);
  std::set<std::string> stems;
  for (const auto& [path, text] : tree) {
    const bool mirrored = path.starts_with("src/") || path.starts_with("kernels/");
    if (mirrored && kind_of(path) == Kind::kCode) {
      stems.insert(std::string(without_extension(path)));
    }
  }
  for (const std::string& stem : stems) {
    const std::string place = stem.starts_with("src/") ? stem.substr(4) : stem;
    const std::string test = "tests/" + place + "_test.cc";
    if (tree.contains(test)) continue;
    const auto exemption = exemptions.find(stem);
    if (exemption == exemptions.end()) {
      offences.push_back({stem, 0, "expected its test at " + test});
    } else {
      exemption->second.used = true;
    }
  }
  for (const auto& [stem, exemption] : exemptions) {
    if (!exemption.used) {
      offences.push_back(
          {exemptions_path, exemption.line, stem + " needs no exemption: remove it"});
    }
  }
  return offences;
}

std::vector<Offence> check_map(const SourceTree& tree, const std::string& map_path,
                               const Floors& floors) {
  static const std::regex kEntry("^(?:├|└)─ (\\w+)/ +F(\\d+)( planned)?( .*)?$");
  std::vector<Offence> offences;
  std::set<std::string> standing;
  int number = 0;
  const auto file = tree.find(map_path);
  if (file == tree.end()) return {{map_path, 0, "missing"}};
  for (const std::string_view view : lines_of(file->second)) {
    ++number;
    const std::string line(view);
    std::smatch match;
    if (!std::regex_match(line, match, kEntry)) continue;
    const std::string name = match[1];
    const auto module = floors.modules.find(name);
    if (match[3].matched) {
      if (module != floors.modules.end()) {
        offences.push_back({map_path, number, name + " is marked planned, but stands"});
      }
      continue;
    }
    standing.insert(name);
    if (module == floors.modules.end()) {
      offences.push_back({map_path, number, "no module " + name});
    } else if (std::to_string(module->second.floor) != match[2]) {
      offences.push_back({map_path, number,
                          name + " has floor " + std::to_string(module->second.floor) + ", not " +
                              match[2].str()});
    }
  }
  for (const auto& [name, module] : floors.modules) {
    if (!standing.contains(name)) {
      offences.push_back(
          {map_path, 0, "expected a line for " + name + "/ F" + std::to_string(module.floor)});
    }
  }
  return offences;
}

std::vector<Offence> long_files(const SourceTree& tree) {
  std::vector<Offence> offences;
  for (const auto& [path, text] : tree) {
    const auto lines = std::ranges::count(text, '\n');
    if (kind_of(path) != Kind::kOther && lines > kLongFileLines) {
      offences.push_back({path, 0, std::to_string(lines) + " lines: does it hold one concept?"});
    }
  }
  return offences;
}

}  // namespace llmos::tidy
